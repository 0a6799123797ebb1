"""Speed of the neural-collapse simulators and predictors against plain twins and against the machine.

Run: python -m benchmarks.bench_neural_collapse
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from benchmarks._timing import dgemm_rate, interleaved, print_ratios
from simulations._streams import spawn_streams
from simulations.neural_collapse import (
    simulate_cross_entropy_training,
    simulate_mse_curves,
    simulate_mse_training,
    simulate_scl_training,
)
from theory.neural_collapse import collapse_fit, fit_equation_symbolic


def plain_start(rng: np.random.Generator, sizes: np.ndarray, n_layers: int, width: int) -> list[np.ndarray]:
    """Return [W_1, .., W_M, H] with a column of H for every sample."""
    shapes = [(width, width)] * (n_layers - 1) + [(len(sizes), width)]
    weights = [rng.standard_normal(shape) / np.sqrt(shape[0]) for shape in shapes]
    return [*weights, rng.standard_normal((int(sizes.sum()), width)).T / np.sqrt(width)]


def plain_gradient(state: list[np.ndarray], targets: np.ndarray, ridge: float, n: float) -> tuple[float, list]:
    """Return loss and gradient of the squared loss, all ridges equal, for any columns and targets."""
    *weights, hidden = state
    layers = [hidden]
    for weight in weights:
        layers.append(weight @ layers[-1])
    slope = (layers[-1] - targets) / n
    loss = n * np.sum(slope**2) / 2 + ridge * sum(np.sum(block**2) for block in state) / 2
    gradients = []
    for weight, below in zip(weights[::-1], layers[-2::-1], strict=True):
        gradients.append(slope @ below.T + ridge * weight)
        slope = weight.T @ slope
    return loss, [*gradients[::-1], slope + ridge * hidden]


def plain_momentum(state: list[np.ndarray], targets: np.ndarray, ridge: float, n: float, n_steps: int) -> float:
    velocity = [np.zeros_like(block) for block in state]
    for _ in range(n_steps):
        _, gradients = plain_gradient(state, targets, ridge, n)
        velocity = [0.9 * v - 0.1 * g for v, g in zip(velocity, gradients, strict=True)]
        state = [block + v for block, v in zip(state, velocity, strict=True)]
    return plain_gradient(state, targets, ridge, n)[0]


def bench_momentum(n_layers: int, width: int, n_steps: int) -> None:
    """The published protocol: 400 samples of 10 classes of unequal sizes, a step over all columns."""
    sizes, ridge = np.repeat([60, 50, 40, 30, 20], 2), 5e-4
    targets = np.repeat(np.eye(10), sizes, axis=1)
    common = dict(weight_ridges=[ridge] * n_layers, feature_ridge=ridge, width=width, seed=1)

    def full() -> float:
        return simulate_mse_curves(sizes, record_steps=[n_steps], **common).loss[0, 0]

    def reduced() -> float:
        return simulate_mse_training(sizes, method="momentum", n_steps=n_steps, **common).loss[0]

    def plain() -> float:
        return plain_momentum(plain_start(spawn_streams(1, 1)[0], sizes, n_layers, width), targets, ridge, 400, n_steps)

    np.testing.assert_allclose(full(), plain(), rtol=1e-10)  # the same trial
    names = {"plain NumPy, all columns": plain, "samples, rotated": full, "one column a class": reduced}
    seconds = interleaved(names, n_rounds=4)
    title = f"Momentum: N = 400, K = 10, d = {width}, M = {n_layers} (per step)"
    print_ratios(title, seconds, reference="plain NumPy, all columns", n_units=n_steps)
    flops = 6.0 * 10 * width * ((n_layers - 1) * width + 10)
    share = flops * n_steps / dgemm_rate(500) / seconds["one column a class"].min()
    print(f"  one column a class: share of the dgemm limit {share:.2f}")


def bench_converged(sizes: np.ndarray, n_layers: int, width: int, ridge: float, n_trials: int, n_rounds: int) -> None:
    """A converged trial of the reduced problem: ours against SciPy on the same gradient in NumPy, and momentum."""
    targets, total = np.diag(np.sqrt(sizes)), float(np.sum(sizes))
    common = dict(weight_ridges=[ridge] * n_layers, feature_ridge=ridge, width=width, n_trials=n_trials)

    def scipy_lbfgs() -> list[float]:
        losses = []
        for rng in spawn_streams(0, n_trials):
            start = plain_start(rng, np.ones(len(sizes)), n_layers, width)
            splits = np.cumsum([block.size for block in start])[:-1]

            def objective(flat: np.ndarray, start: list = start, splits: np.ndarray = splits) -> tuple:
                blocks = np.split(flat, splits)
                state = [part.reshape(block.shape) for part, block in zip(blocks, start, strict=True)]
                loss, gradients = plain_gradient(state, targets, ridge, total)
                return loss, np.concatenate([gradient.ravel() for gradient in gradients])

            flat = np.concatenate([block.ravel() for block in start])
            for _ in range(3):
                options = dict(maxcor=50, maxiter=20000, maxfun=40000, ftol=1e-18, gtol=1e-13)
                found = minimize(objective, flat, jac=True, method="L-BFGS-B", options=options)
                flat = found.x
            losses.append(found.fun)
        return losses

    def ours() -> np.ndarray:
        return simulate_mse_training(sizes, **common).loss

    np.testing.assert_allclose(min(scipy_lbfgs()), ours().min(), rtol=1e-10)
    seconds = interleaved({"SciPy L-BFGS": scipy_lbfgs, "L-BFGS and Newton": ours}, n_rounds=n_rounds)
    title = f"Converged trial: K = {len(sizes)}, d = {width}, M = {n_layers}, ridge {ridge:g} (per trial)"
    print_ratios(title, seconds, reference="SciPy L-BFGS", n_units=n_trials)


def bench_alternating() -> None:
    sizes, common = [50, 30, 20, 8], dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3, width=8, n_trials=4)
    seconds = interleaved(
        {name: lambda name=name: simulate_mse_training(sizes, method=name, **common) for name in ("als", "lbfgs")},
        n_rounds=4,
    )
    print_ratios("Alternating least squares: K = 4, d = 8, M = 2 (per trial)", seconds, reference="als", n_units=4)


def bench_cross_entropy() -> None:
    common = dict(weight_ridges=[1e-3] * 3, feature_ridge=1e-3, width=9, n_trials=10)
    seconds = interleaved(
        {
            "40 samples": lambda: simulate_cross_entropy_training([5] * 8, reduced=False, **common),
            "one row a class": lambda: simulate_cross_entropy_training([5] * 8, **common),
        },
        n_rounds=4,
    )
    print_ratios("Cross-entropy: K = 8, d = 9, M = 3 (per trial)", seconds, reference="40 samples", n_units=10)


def bench_contrastive(sizes: list[int], n_features: int, n_steps: int) -> None:
    """Against whole-matrix NumPy: the same steps from the same start."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    same = np.equal.outer(labels, labels) & ~np.eye(len(labels), dtype=bool)
    positives = same / same.sum(axis=1, keepdims=True)

    def plain() -> float:
        features = np.abs(spawn_streams(1, 1)[0].standard_normal((len(labels), n_features)))
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        for step in range(n_steps + 1):
            gram = features @ features.T
            weights = np.exp(gram)
            np.fill_diagonal(weights, 0.0)
            sums = weights.sum(axis=1, keepdims=True)
            if step == n_steps:
                break
            shares = weights / sums - positives
            features = np.maximum(features - 0.2 * (shares + shares.T) @ features, 0.0)
            features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1.0)
        return float(np.log(sums).sum() - np.sum(gram * positives))

    def ours() -> float:
        return simulate_scl_training(labels, n_features=n_features, n_steps=n_steps, seed=1).loss[0]

    np.testing.assert_allclose(ours(), plain(), rtol=1e-10)
    seconds = interleaved({"plain NumPy": plain, "simulator": ours}, n_rounds=4)
    title = f"Contrastive: N = {len(labels)}, d = {n_features} (per step)"
    print_ratios(title, seconds, reference="plain NumPy", n_units=n_steps)
    flops = 4.0 * len(labels) ** 2 * n_features * n_steps
    print(f"  share of the dgemm limit: {flops / dgemm_rate(500) / seconds['simulator'].min():.2f}")


def bench_scalar_equation(n_layers: int) -> None:
    """Newton's method on the equation of a mode against the numerical roots of the symbolic polynomial."""
    import sympy

    ridges, exponent = np.array([0.01, 0.014, 0.018, 0.034]), n_layers + 1
    tau, beta, depth = (sympy.Symbol(name) for name in ("tau", "beta", "M"))
    equation = fit_equation_symbolic()
    given = {symbol.name: symbol for symbol in equation.free_symbols}
    root = sympy.Symbol("x", positive=True)  # tau = x^(M + 1) makes both sides polynomials
    sides = (equation.lhs - equation.rhs).subs({given[str(depth)]: n_layers, given[str(tau)]: root**exponent})

    def symbolic() -> list[float]:
        fits = []
        for ridge in ridges:
            polynomial = sympy.Poly(sympy.powdenest(sides.subs(given[str(beta)], sympy.Float(ridge)), force=True), root)
            roots = [complex(value) for value in polynomial.nroots(n=20, maxsteps=200)]
            fits.append(max(value.real**exponent for value in roots if abs(value.imag) < 1e-12))
        return fits

    def newton() -> np.ndarray:
        return collapse_fit(ridges, n_layers=n_layers)

    np.testing.assert_allclose(newton(), symbolic(), rtol=1e-9)

    def repeated() -> None:
        for _ in range(100):
            newton()

    seconds = interleaved({"symbolic polynomial": symbolic, "Newton": repeated}, n_rounds=4)
    seconds["Newton"] /= 100
    print_ratios(f"Scalar equation: M = {n_layers}, four classes", seconds, reference="symbolic polynomial")


def main() -> None:
    bench_momentum(6, 64, 200)
    bench_momentum(2, 16, 1000)
    bench_converged(np.array([50, 30, 20, 8]), 2, 8, 1e-3, 10, 4)
    bench_converged(np.repeat([500, 400, 300, 200, 100], 2), 6, 64, 5e-4, 1, 2)
    bench_alternating()
    bench_cross_entropy()
    bench_contrastive([20, 5, 2], 9, 500)
    bench_contrastive([40, 20, 10, 4, 4, 2, 2, 2], 24, 200)
    bench_contrastive([200] * 10, 64, 3)
    for n_layers in (2, 3, 6):
        bench_scalar_equation(n_layers)


if __name__ == "__main__":
    main()
