"""Speed of random-feature predictors and simulators against plain NumPy and against the machine.

Run: python -m benchmarks.bench_random_features
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import eval_gegenbauer

from benchmarks._timing import compare, interleaved, print_ratios
from simulations.random_features import (
    simulate_deep_rf,
    simulate_gaussian_rf,
    simulate_rf_ensemble,
    simulate_sketched_ridgeless,
    simulate_sphere_rf,
)
from simulations.random_features._activations import degree_multiplicities, sphere_coefficients
from theory.random_features import power_law_task, rf_risk


def bench_fixed_point(n_modes: int, n_points: int) -> None:
    """Predictions over a grid of widths and ridges, against SciPy's root finder on NumPy sums, point by point."""
    eigenvalues, target = power_law_task(n_modes, 1.5, 1.5)
    widths = np.linspace(50, 500, n_points)

    def ours() -> np.ndarray:
        return rf_risk(eigenvalues, target, n_samples=200, n_features=widths, ridge=0.01).gamma

    def plain() -> list[float]:
        return [_root(eigenvalues, 200.0, width, 0.01) for width in widths]

    def memory() -> float:
        return sum(float(eigenvalues.sum()) for _ in widths)  # one pass over the modes for each point

    np.testing.assert_allclose(ours(), plain(), rtol=1e-10)
    seconds = interleaved({"plain NumPy": plain, "predictor": ours, "one pass over the modes a point": memory})
    title = f"Fixed point: {n_modes} modes, {n_points} points (per point)"
    print_ratios(title, seconds, reference="plain NumPy", n_units=n_points)


def _root(eigenvalues: np.ndarray, n: float, k: float, ridge: float) -> float:
    """Solve ridge = gamma (1 - z/k) (n - z) for gamma with SciPy's bracketing root finder."""

    def excess(log_gamma: float) -> float:
        z = (eigenvalues / (eigenvalues + np.exp(log_gamma))).sum()
        return np.exp(log_gamma) * (1 - z / k) * (n - z) - ridge if z < min(n, k) else -ridge

    high = ridge / n + eigenvalues.sum() * (1 / n + 1 / k)
    return float(np.exp(brentq(excess, np.log(ridge / n), np.log(high), xtol=1e-15, rtol=1e-14)))


def bench_gaussian(n_samples: int, n_features: int, n_modes: int, ridges: np.ndarray) -> None:
    """Against drawing features, data and 1000 test points, and one solve per ridge."""
    modes = np.arange(1.0, n_modes + 1.0)
    eigenvalues, target = modes**-1.5, modes**-0.75

    def ours(n_trials: int) -> np.ndarray:
        return simulate_gaussian_rf(
            eigenvalues, target, n_samples=n_samples, n_features=n_features, ridges=ridges, noise_variance=0.2,
            n_trials=n_trials, seed=1,
        ).test_mse  # fmt: skip

    def plain(rng: np.random.Generator) -> np.ndarray:
        data = rng.standard_normal((n_samples + 1000, n_modes))
        labels = data @ target + np.sqrt(0.2) * rng.standard_normal(n_samples + 1000)
        mixing = rng.standard_normal((n_features, n_modes)) * np.sqrt(eigenvalues / n_features)
        features = data @ mixing.T
        known, fresh = features[:n_samples], features[n_samples:]
        gram, moment = known.T @ known, known.T @ labels[:n_samples]
        readouts = [np.linalg.solve(gram + ridge * np.eye(n_features), moment) for ridge in ridges]
        return np.array([np.mean((fresh @ readout - labels[n_samples:]) ** 2) for readout in readouts])

    small, large = sorted((n_samples, n_features))
    # The covariance of the features in single precision (half a flop each), products of the data, eigenvectors.
    flops = 0.5 * n_features**2 * n_modes + 6.0 * n_features**2 * n_samples + 10.0 * small**2 * large + 9.0 * small**3
    title = f"Gaussian features: n = {n_samples}, k = {n_features}, {n_modes} modes, {len(ridges)} ridges"
    compare(title, ours, plain, flops)


def bench_sphere(n_samples: int = 200, n_features: int = 400, dimension: int = 30) -> None:
    """Against the same closed form with SciPy's Gegenbauer polynomials, all entries and degrees at once."""
    power = np.array([0.0, 1.0, 0.5, 0.25])
    coefficients, second_moment = sphere_coefficients(np.tanh, dimension, 30)
    series = coefficients**2 * degree_multiplicities(dimension, 30) / n_features

    def ours(n_trials: int) -> np.ndarray:
        return simulate_sphere_rf(
            "tanh", dimension=dimension, degree_power=power, n_samples=n_samples, n_features=n_features,
            ridges=[0.01, 0.1], noise_variance=0.1, n_trials=n_trials, seed=1,
        ).test_mse  # fmt: skip

    def gegenbauer_sum(numbers: np.ndarray, overlaps: np.ndarray) -> np.ndarray:
        order = dimension / 2 - 1
        scaled = [number / eval_gegenbauer(degree, order, 1.0) for degree, number in enumerate(numbers)]
        return sum(number * eval_gegenbauer(degree, order, overlaps) for degree, number in enumerate(scaled))

    def plain(rng: np.random.Generator) -> np.ndarray:
        inputs, weights = rng.standard_normal((n_samples, dimension)), rng.standard_normal((n_features, dimension))
        inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        overlaps = inputs @ weights.T
        features = np.tanh(np.sqrt(dimension) * overlaps) / np.sqrt(n_features)
        covariance = gegenbauer_sum(series, weights @ weights.T)
        np.fill_diagonal(covariance, second_moment / n_features)
        cross = gegenbauer_sum(power * coefficients[:4], overlaps) / np.sqrt(n_features)
        labels = gegenbauer_sum(power, inputs @ inputs.T) + 0.1 * np.eye(n_samples)
        errors = []
        for ridge in (0.01, 0.1):
            hat = np.linalg.solve(features.T @ features + ridge * np.eye(n_features), features.T)
            errors.append(1.85 - 2.0 * np.sum(hat.T * cross) + np.sum((covariance @ hat) * (hat @ labels)))
        return np.array(errors)

    small, large = sorted((n_samples, n_features))
    flops = 2.0 * large**2 * small + 9.0 * small**3 + 12.0 * small**2 * large + 3.0 * 30 * n_features**2 / 2.0
    compare(f"Sphere: tanh, d = {dimension}, n = {n_samples}, k = {n_features}", ours, plain, flops)


def bench_ensemble(n_samples: int = 120, n_features: int = 90, n_modes: int = 1500, n_ensemble: int = 10) -> None:
    """Against explicit members evaluated on 1000 test points."""
    modes = np.arange(1.0, n_modes + 1.0)
    eigenvalues, target = modes**-1.5, modes**-0.75

    def ours(n_trials: int) -> np.ndarray:
        return simulate_rf_ensemble(
            eigenvalues, target, n_samples=n_samples, n_features=n_features, ridge=0.05, noise_variance=0.5,
            n_ensemble=n_ensemble, n_trials=n_trials, seed=1,
        )  # fmt: skip

    def plain(rng: np.random.Generator) -> float:
        data = rng.standard_normal((n_samples + 1000, n_modes))
        labels = data @ target + np.sqrt(0.5) * rng.standard_normal(n_samples + 1000)
        prediction = np.zeros(1000)
        for _ in range(n_ensemble):
            mixing = rng.standard_normal((n_features, n_modes)) * np.sqrt(eigenvalues / n_features)
            features = data @ mixing.T
            known = features[:n_samples]
            gram = known.T @ known + 0.05 * np.eye(n_features)
            prediction += features[n_samples:] @ np.linalg.solve(gram, known.T @ labels[:n_samples]) / n_ensemble
        return float(np.mean((prediction - labels[n_samples:]) ** 2))

    flops = n_ensemble * 4.0 * n_samples * n_features * n_modes + 4.0 * n_samples**2 * n_modes
    compare(f"Ensemble of {n_ensemble}: n = {n_samples}, k = {n_features}, {n_modes} modes", ours, plain, flops)


def bench_deep(n_samples: int = 200, n_test: int = 4000) -> None:
    """Against a sampled target and double precision throughout."""
    widths = [120, 160, 120]

    def ours(n_trials: int) -> np.ndarray:
        return simulate_deep_rf(
            widths,
            "tanh",
            n_samples=n_samples,
            ridge=0.01,
            noise_variance=0.2,
            n_trials=n_trials,
            seed=1,
            n_test=n_test,
        )

    def plain(rng: np.random.Generator) -> float:
        hidden = rng.standard_normal((n_samples + n_test, widths[0]))
        for below, above in pairwise(widths):
            hidden = np.tanh(hidden @ rng.standard_normal((below, above)) / np.sqrt(below))
        hidden /= np.sqrt(widths[-1])
        labels = hidden @ rng.standard_normal(widths[-1]) + np.sqrt(0.2) * rng.standard_normal(len(hidden))
        known = hidden[:n_samples]
        gram = known.T @ known + 0.01 * np.eye(widths[-1])
        readout = np.linalg.solve(gram, known.T @ labels[:n_samples])
        return float(np.mean((hidden[n_samples:] @ readout - labels[n_samples:]) ** 2))

    flops = n_test * (120 * 160 + 160 * 120 + 0.5 * 120**2)
    compare(f"Deep features {widths}, tanh, n = {n_samples}", ours, plain, flops)


def bench_sketch(n_samples: int = 200, n_features: int = 80, sketch_size: int = 120) -> None:
    """Against explicit data, a Haar sketch by QR, and a pseudo-inverse."""

    def ours(n_trials: int) -> np.ndarray:
        return simulate_sketched_ridgeless(
            n_samples=n_samples, n_features=n_features, sketch_size=sketch_size, signal_power=4.0, noise_variance=1.0,
            sketch="orthogonal", n_trials=n_trials, seed=1,
        ).variance  # fmt: skip

    def plain(rng: np.random.Generator) -> float:
        sketch = np.linalg.qr(rng.standard_normal((n_samples, n_samples)))[0][:sketch_size]
        inverse = np.linalg.pinv(sketch @ rng.standard_normal((n_samples, n_features)))
        return float(np.sum((inverse @ sketch) ** 2))

    compare(f"Sketch: n = {n_samples}, p = {n_features}, m = {sketch_size}", ours, plain, n_features**3 / 3.0)


def main() -> None:
    bench_fixed_point(10_000, 4)
    bench_fixed_point(10_000, 1000)
    bench_gaussian(256, 256, 10_000, np.geomspace(1e-3, 1.0, 31))
    bench_gaussian(150, 100, 2000, np.array([0.01, 0.1]))
    bench_gaussian(150, 300, 2000, np.array([0.01, 0.1]))
    bench_sphere()
    bench_ensemble()
    bench_deep()
    bench_sketch()


if __name__ == "__main__":
    main()
