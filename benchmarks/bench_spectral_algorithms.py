"""Speed of the spectral-algorithm simulators and predictors against plain NumPy and against the machine.

Run: python -m benchmarks.bench_spectral_algorithms
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import fft

from benchmarks._timing import compare, interleaved, print_ratios
from simulations._streams import spawn_streams
from simulations.spectral_algorithms import simulate_circle, simulate_hierarchical_regression, simulate_wishart
from theory.spectral_algorithms import circle_loss, gradient_flow_profile, ridge_profile, wishart_measures


def bench_wishart(n_samples: int, n_modes: int, ridges: np.ndarray) -> None:
    """Against fresh labels and one solve for every ridge."""
    modes = np.arange(1.0, n_modes + 1.0)
    eigenvalues, power, noise_variance = modes**-1.5, modes**-2.0, 0.3
    profiles = [ridge_profile(ridge) for ridge in ridges]

    def ours(n_trials: int) -> np.ndarray:
        parts = simulate_wishart(
            profiles, n_samples, eigenvalues=eigenvalues, target_power=power, n_trials=n_trials, seed=1
        )
        return parts[..., 0] + noise_variance * parts[..., 1]

    def plain(rng: np.random.Generator) -> np.ndarray:
        features = rng.standard_normal((n_samples, n_modes))
        gram = (features * eigenvalues) @ features.T
        losses = []
        for ridge in ridges:
            target = np.sqrt(power) * rng.choice([-1.0, 1.0], n_modes)
            labels = features @ target + np.sqrt(noise_variance) * rng.standard_normal(n_samples)
            weights = np.linalg.solve(gram + n_samples * ridge * np.eye(n_samples), labels)
            losses.append(0.5 * np.sum((eigenvalues * (features.T @ weights) - target) ** 2))
        return np.array(losses)

    flops = 5.0 * n_samples**2 * n_modes + 9.0 * n_samples**3
    compare(f"Wishart model: n = {n_samples}, {n_modes} modes, {len(ridges)} ridges", ours, plain, flops)


def bench_circle(n_samples: int, n_modes: int) -> None:
    """Against one exponential for every mode, and against the two transforms alone."""
    distance = np.arange(1.0, n_modes + 1.0)
    eigenvalues, coefficients, noise_variance = distance**-1.5, distance**-1.0, 0.5
    profile, n_trials = gradient_flow_profile(100.0), 4
    modes = np.arange(1 - n_modes, n_modes)
    classes = modes % n_samples
    values, target = eigenvalues[abs(modes)], coefficients[abs(modes)]

    def ours() -> np.ndarray:
        return simulate_circle(
            profile, n_samples, eigenvalues=eigenvalues, target_coefficients=coefficients,
            noise_variance=noise_variance, n_trials=n_trials, seed=1,
        )  # fmt: skip

    def plain() -> list[float]:
        folded = np.bincount(classes, values, n_samples)
        gain, rng, losses = profile(folded) / folded, spawn_streams(1, 1)[0], []
        for _ in range(n_trials):
            turned = target * np.exp(2j * np.pi * rng.random() * modes)
            transform = np.bincount(classes, turned.real, n_samples) + 1j * np.bincount(classes, turned.imag, n_samples)
            labels = n_samples * fft.ifft(transform).real + np.sqrt(noise_variance) * rng.standard_normal(n_samples)
            fit = values * (gain * fft.fft(labels) / n_samples)[classes]
            losses.append(0.5 * float(np.sum(abs(fit - turned) ** 2)))
        return losses

    def limit() -> None:
        for _ in range(n_trials):
            fft.rfft(fft.irfft(np.ones(n_samples // 2 + 1, complex), n_samples))

    np.testing.assert_allclose(ours(), plain(), rtol=1e-8)
    seconds = interleaved({"plain NumPy": plain, "simulator": ours, "its two transforms alone": limit}, n_rounds=3)
    print_ratios(f"Circle: n = {n_samples}, {n_modes} modes", seconds, reference="plain NumPy", n_units=n_trials)


def bench_hierarchical(n_samples: int = 300, n_test: int = 1000) -> None:
    """Against one target, independent test points, and the kernel by arc cosines."""
    coefficients = np.arange(1.0, 201.0) ** -1.0

    def ours(n_trials: int) -> np.ndarray:
        return simulate_hierarchical_regression(
            n_samples, target_coefficients=coefficients, n_patches=2, kind="ntk", ridge=0.0, noise_variance=0.0,
            n_test=n_test, n_trials=n_trials, seed=1,
        )  # fmt: skip

    def kernel(angles: np.ndarray, others: np.ndarray) -> np.ndarray:
        cosines = np.cos(angles[:, :, None] - others[:, None, :])
        inner = np.arccos(cosines)
        first = (np.sqrt(1.0 - cosines**2) + cosines * (np.pi - inner)) / np.pi
        mean = np.minimum(first.mean(axis=0), 1.0)
        outer = np.arccos(mean)
        tangent = (first + cosines * (1.0 - inner / np.pi)).mean(axis=0)
        return (np.sqrt(1.0 - mean**2) + mean * (np.pi - outer)) / np.pi + (1.0 - outer / np.pi) * tangent

    def target(angles: np.ndarray) -> np.ndarray:
        return coefficients[0] + 2.0 * np.cos(np.outer(angles, np.arange(1, len(coefficients)))) @ coefficients[1:]

    def plain(rng: np.random.Generator) -> float:
        inputs, fresh = 2.0 * np.pi * rng.random((2, n_samples)), 2.0 * np.pi * rng.random((2, n_test))
        weights = np.linalg.solve(kernel(inputs, inputs) + 1e-13 * np.eye(n_samples), target(inputs[0]))
        return 0.5 * float(np.mean((kernel(fresh, inputs) @ weights - target(fresh[0])) ** 2))

    flops = n_samples**3 / 3.0 + 4.0 * 64 * n_samples * (n_samples + n_test)
    compare(f"Hierarchical kernel: n = {n_samples}, {n_test} test points, two patches", ours, plain, flops)


def bench_hurwitz(n_samples: int = 1000, n_images: int = 300) -> None:
    """Sums over all images in closed form, against direct sums that stop. Every call has exponents of its own."""
    steps = itertools.count()

    def ours() -> float:
        return circle_loss(
            ridge_profile(0.01), n_samples, capacity_exponent=1.5 + 1e-12 * next(steps), source_exponent=1.0,
            noise_variance=0.3,
        )  # fmt: skip

    def plain() -> float:
        modes = np.arange(n_samples)[:, None] + n_samples * np.arange(-n_images, n_images + 1)
        distance = np.abs(modes) + 1.0
        values, power = distance**-1.5, distance**-2.0
        first, second, energy = values.sum(axis=1), (values**2).sum(axis=1), power.sum(axis=1)
        gain = 1.0 / (first + 0.01)
        kept = energy - 2.0 * gain * (values * power).sum(axis=1)
        return 0.5 * float(np.sum(kept + gain**2 * second * (energy + 0.3 / n_samples)))

    seconds = interleaved({"plain NumPy": plain, "predictor": ours})
    print_ratios(f"Circle formula: n = {n_samples}, {n_images} images", seconds, reference="plain NumPy")
    print(f"  relative error of the direct sums: {plain() / ours() - 1.0:.1e}")


def bench_density(n_samples: int = 500, n_modes: int = 4000) -> None:
    """The fixed point at every node of the band, against NumPy's on the same nodes. Every call has a fresh spectrum."""
    modes, steps = np.arange(1.0, n_modes + 1.0), itertools.count()
    eigenvalues, power = modes**-1.5, modes**-2.0
    positions = wishart_measures(n_samples, eigenvalues=eigenvalues, target_power=power).effective_ridge.real

    def ours() -> np.ndarray:
        spectrum = eigenvalues * (1.0 + 1e-14 * next(steps))
        return wishart_measures(n_samples, eigenvalues=spectrum, target_power=power).effective_ridge

    def plain() -> np.ndarray:
        """Newton's iteration for q = x - iy, from below, and the sums behind the densities, 64 nodes at a time."""
        ridges = []
        for x in np.split(positions, np.arange(64, len(positions), 64)):
            squares = (eigenvalues + x[:, None]) ** 2
            y2 = np.maximum(np.max(eigenvalues**2 / n_samples - squares, axis=1), 0.0)
            for _ in range(100):
                inverse = 1.0 / (squares + y2[:, None])
                mass = inverse @ eigenvalues**2 / n_samples
                step = (mass - 1.0) * mass / (inverse**2 @ eigenvalues**2 / n_samples)
                y2 += step
                if np.all(np.abs(step) <= 1e-14 * y2):
                    break
            inverse = 1.0 / (squares + y2[:, None])
            ridges.append(x - 1j * np.sqrt(y2))
            _ = inverse @ np.stack([power, power * eigenvalues, eigenvalues], axis=1)
        return np.concatenate(ridges)

    np.testing.assert_allclose(plain(), ours(), rtol=1e-6)
    seconds = interleaved({"plain NumPy": plain, "predictor": ours}, n_rounds=4)
    print_ratios(f"Learning densities: n = {n_samples}, {n_modes} modes", seconds, reference="plain NumPy")


def main() -> None:
    bench_wishart(100, 500, np.geomspace(1e-3, 0.1, 8))
    bench_wishart(200, 1000, np.geomspace(1e-3, 0.1, 8))
    bench_circle(1000, 50_000)
    bench_circle(100_000, 450_000)
    bench_circle(1_000_000, 4_500_000)
    bench_hierarchical()
    bench_hurwitz()
    bench_density()


if __name__ == "__main__":
    main()
