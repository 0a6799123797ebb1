"""Speed of the simulators of surrogate regrets against plain arrays, SciPy and a conic solver.

Run: python -m benchmarks.bench_h_consistency
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, ndtr

from benchmarks._timing import dgemm_rate, interleaved, print_ratios
from simulations._streams import spawn_streams
from simulations.h_consistency import (
    FiniteDistribution,
    best_in_class_surrogate_risk,
    cyclic_distribution,
    linear_softmax_distribution,
    search_transform,
    simulate_adversarial_pairs,
    simulate_conditional_regrets,
    simulate_finite_sample_regrets,
    simulate_logistic_errors,
    simulate_naive_bayes_errors,
)


def bench_pairs(n_classes: int, tau: float, n_pairs: int = 262_144) -> None:
    """Against array operations on all pairs at once, and against the time to draw the uniform numbers."""

    def ours() -> object:
        return simulate_conditional_regrets(n_pairs, n_classes=n_classes, tau=tau, seed=1)

    def plain() -> np.ndarray:
        rng = np.random.default_rng(1)
        p = rng.random((n_pairs, n_classes)) ** (1.0 + 6.0 * rng.random((n_pairs, 1)))
        exponent = 1.0 / (2.0 - tau) if tau < 2.0 else 5.0
        noise = 4.0 * rng.random((n_pairs, 1)) * rng.uniform(-1.0, 1.0, (n_pairs, n_classes))
        scores = exponent * np.log(p) + noise
        p /= p.sum(axis=1, keepdims=True)
        excess = logsumexp(scores, axis=1, keepdims=True) - scores
        if tau == 1.0:
            regret = (p * excess).sum(axis=1) + (p * np.log(p)).sum(axis=1)
        else:
            risk = (p * np.expm1((1.0 - tau) * excess)).sum(axis=1) / (1.0 - tau)
            optimum = ((p ** (1.0 / (2.0 - tau))).sum(axis=1) ** (2.0 - tau) - 1.0) / (1.0 - tau)
            regret = risk - optimum
        beta = p.max(axis=1) - p[np.arange(n_pairs), scores.argmax(axis=1)]
        least = np.full(50, np.inf)
        np.minimum.at(least, np.minimum((50 * beta).astype(int), 49), regret)
        return least

    def draws() -> np.ndarray:
        return np.random.default_rng(1).random((n_classes + 1, n_pairs))

    seconds = interleaved({"plain arrays": plain, "simulator": ours, "its uniform numbers alone": draws})
    print_ratios(
        f"Conditional regrets: n = {n_classes}, tau = {tau} (per million pairs)", seconds, reference="plain arrays",
        n_units=n_pairs / 1e6,
    )  # fmt: skip
    print(f"  {n_pairs / seconds['simulator'].min() / 1e6:.1f} million pairs per second")


def bench_search(n_classes: int = 4, tau: float = 1.8, beta: float = 0.3) -> None:
    """Against SLSQP over the probabilities from twenty random starts, with the same pooled regret in NumPy."""
    alpha = 1.0 / (2.0 - tau)

    def optimum(p: np.ndarray) -> float:
        return float((np.sum(np.maximum(p, 0.0) ** alpha) ** (2.0 - tau) - 1.0) / (1.0 - tau))

    def regret(rest: np.ndarray) -> float:
        top = (1.0 + beta - rest.sum()) / 2.0
        others = np.sort(np.append(rest, top))[::-1]
        size, total = 1, top - beta
        while size <= len(others) and others[size - 1] > total / size:
            total, size = total + others[size - 1], size + 1
        pooled = np.append(np.full(size, total / size), others[size - 1 :])
        return optimum(pooled) - optimum(np.append(others, top - beta))

    def plain() -> float:
        rng = np.random.default_rng(1)
        inside = {"type": "ineq", "fun": lambda rest: (1.0 + beta - rest.sum()) / 2.0 - np.append(rest, beta)}
        starts = [(1.0 - beta) * rng.dirichlet(np.ones(n_classes - 1))[:-1] for _ in range(20)]
        bounds = [(0.0, 1.0)] * (n_classes - 2)
        return min(minimize(regret, s, method="SLSQP", bounds=bounds, constraints=[inside]).fun for s in starts)

    def ours() -> float:
        return search_transform(beta, tau=tau, n_classes=n_classes, n_steps=100_000, seed=1).value

    print(f"Search: least regret {ours():.12f} in 100000 steps, SLSQP {plain():.12f} from 20 starts")
    seconds = interleaved({"SLSQP": plain, "search": ours}, n_rounds=4)
    print_ratios(f"Search: n = {n_classes}, tau = {tau}", seconds, reference="SLSQP")


def bench_convex_solve(tau: float) -> None:
    """Against a conic solver where cvxpy states the problem (tau = 1), and against SLSQP with the exact gradient."""
    law, bound = cyclic_distribution(12, n_classes=3, sharpness=2.0), 0.5

    def ours() -> float:
        return best_in_class_surrogate_risk(law, tau=tau, weight_bound=bound, bias_bound=bound).value

    def quasi_newton() -> float:
        cells = law.weights[:, None] * law.probabilities
        result = minimize(
            _risk_and_gradient, np.zeros(6), args=(law.support[:, 0], cells, tau), jac=True, method="L-BFGS-B",
            bounds=[(-bound, bound)] * 6, options=dict(ftol=1e-15, gtol=1e-10),
        )  # fmt: skip
        return float(result.fun)

    candidates = {"L-BFGS-B": quasi_newton, "interior point": ours}
    if tau == 1.0:
        candidates = {"conic solver": lambda: _conic(law, bound)} | candidates
    values = ", ".join(f"{name} {candidate():.12f}" for name, candidate in candidates.items())
    print(f"Best-in-class risk, tau = {tau}: {values}")
    seconds = interleaved(candidates, n_rounds=4)
    print_ratios("Convex solve: K = 12, n = 3", seconds, reference=next(iter(candidates)))


def _risk_and_gradient(
    parameters: np.ndarray, x: np.ndarray, cells: np.ndarray, tau: float
) -> tuple[float, np.ndarray]:
    """Risk of the scores ``parameters[:n] x + parameters[n:]`` and its gradient."""
    n_classes = cells.shape[1]
    scores = np.outer(x, parameters[:n_classes]) + parameters[n_classes:]
    log_sums = logsumexp(scores, axis=1, keepdims=True)
    excess = log_sums - scores
    losses = excess if tau == 1.0 else np.expm1((1.0 - tau) * excess) / (1.0 - tau)
    forces = cells * np.exp((1.0 - tau) * excess)
    slopes = forces.sum(axis=1, keepdims=True) * np.exp(scores - log_sums) - forces
    return float(np.sum(cells * losses)), np.append(x @ slopes, slopes.sum(axis=0))


def _conic(law: FiniteDistribution, bound: float) -> float:
    import cvxpy as cp

    weights, biases = cp.Variable((1, 3)), cp.Variable((1, 3))
    scores = law.support @ weights + np.ones((len(law.weights), 1)) @ biases
    cells = law.weights[:, None] * law.probabilities
    risk = cp.sum(cp.multiply(law.weights, cp.log_sum_exp(scores, axis=1))) - cp.sum(cp.multiply(cells, scores))
    problem = cp.Problem(cp.Minimize(risk), [cp.abs(weights) <= bound, cp.abs(biases) <= bound])
    return float(problem.solve(solver=cp.CLARABEL))


def bench_fits(tau: float, n_samples: int, n_fits: int = 20) -> None:
    """Count tables and interior-point fits, against a quasi-Newton fit of the same tables."""
    law = linear_softmax_distribution(41, n_classes=3, sharpness=2.5)

    def ours() -> object:
        return simulate_finite_sample_regrets(
            law, tau=tau, weight_bound=30.0, bias_bound=30.0, n_samples=n_samples, n_trials=n_fits, seed=1
        )

    def plain() -> None:
        rng, x = np.random.default_rng(1), law.support[:, 0]
        pairs = (law.weights[:, None] * law.probabilities).ravel()
        for _ in range(n_fits):
            cells = rng.multinomial(n_samples, pairs).reshape(41, 3) / n_samples
            minimize(
                _risk_and_gradient, np.zeros(6), args=(x, cells, tau), jac=True, method="L-BFGS-B",
                bounds=[(-30.0, 30.0)] * 6, options=dict(ftol=1e-13, gtol=1e-8),
            )  # fmt: skip

    seconds = interleaved({"L-BFGS-B": plain, "interior point": ours})
    title = f"Fits of {n_samples} samples: K = 41, n = 3, tau = {tau} (per fit)"
    print_ratios(title, seconds, reference="L-BFGS-B", n_units=n_fits)


def bench_adversarial(n_classes: int = 3, n_perturbations: int = 5, n_pairs: int = 20_000) -> None:
    """Against array operations on all pairs at once."""

    def plain() -> np.ndarray:
        rng = np.random.default_rng(1)
        p = rng.standard_gamma(10.0 ** rng.uniform(-1.5, 1.0, (n_pairs, 1)), (n_pairs, n_classes)) + 1e-300
        p /= p.sum(axis=1, keepdims=True)
        spread = 10.0 ** rng.uniform(-1.0, 1.5, (n_pairs, 1, 1))
        local = spread * 10.0 ** rng.uniform(-3.0, 0.0, (n_pairs, 1, 1))
        scores = spread * rng.standard_normal((n_pairs, 1, n_classes))
        scores = scores + local * rng.standard_normal((n_pairs, n_perturbations, n_classes))
        gaps = scores[:, :, :, None] - scores[:, :, None, :]
        losses = np.log1p(np.clip(1.0 - gaps, 0.0, 1.0).sum(axis=3).max(axis=1) - 1.0)
        return np.sum(p * losses, axis=1) - np.sort(p)[:, ::-1] @ np.log1p(np.arange(n_classes))

    def ours() -> object:
        return simulate_adversarial_pairs(
            n_pairs, n_classes=n_classes, n_perturbations=n_perturbations, tau=1.0, rho=1.0, seed=1
        )

    seconds = interleaved({"plain arrays": plain, "simulator": ours})
    title = f"Adversarial regrets: n = {n_classes}, {n_perturbations} perturbations (per million pairs)"
    print_ratios(title, seconds, reference="plain arrays", n_units=n_pairs / 1e6)


def bench_naive_bayes(n_features: int = 100, n_samples: int = 100, n_trials: int = 64) -> None:
    """Sufficient statistics, against training on data: with exact errors, and with 10000 test points."""
    gaps = np.full(n_features, 0.3)

    def ours() -> np.ndarray:
        return simulate_naive_bayes_errors(gaps, n_samples=n_samples, n_trials=n_trials, seed=1)

    def train(rng: np.random.Generator) -> tuple[np.ndarray, float]:
        sides = np.array([1.0, -1.0])[:, None, None] / 2.0
        data = rng.standard_normal((2, n_samples // 2, n_features)) + sides * gaps
        means = data.mean(axis=1)
        weights = (means[0] - means[1]) / data.var(axis=1).mean(axis=0)
        return weights, -float(weights @ means.sum(axis=0)) / 2.0

    def exact() -> list[float]:
        errors = []
        for rng in spawn_streams(1, n_trials):
            weights, bias = train(rng)
            centre, spread = weights @ gaps / 2.0, np.linalg.norm(weights)
            errors.append(float(ndtr(-(centre + bias) / spread) + ndtr(-(centre - bias) / spread)) / 2.0)
        return errors

    def tested() -> list[float]:
        errors = []
        for rng in spawn_streams(1, 4):
            weights, bias = train(rng)
            labels = rng.choice([-1.0, 1.0], 10_000)
            fresh = rng.standard_normal((10_000, n_features)) + labels[:, None] * gaps / 2.0
            errors.append(float(np.mean(labels * (fresh @ weights + bias) < 0.0)))
        return errors

    seconds = interleaved({"data, exact error": exact, "data, 10000 test points": tested, "simulator": ours})
    seconds["data, 10000 test points"] *= n_trials / 4
    title = f"Naive Bayes: d = {n_features}, m = {n_samples} (per trial)"
    print_ratios(title, seconds, reference="data, 10000 test points", n_units=n_trials)


def bench_logistic(n_features: int, n_samples: int, n_trials: int = 2) -> None:
    """Against L-BFGS on the same objective, and against the time that the matrix products of Newton would take."""

    def ours() -> np.ndarray:
        return simulate_logistic_errors(n_features, n_samples=n_samples, n_trials=n_trials, seed=1)

    deviations = np.ones(n_features)
    deviations[: n_features // 2] = np.sqrt(n_features)
    labels = np.resize([1.0, -1.0], n_samples)

    def loss(v: np.ndarray, signed: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signed @ v[:-1] + labels * v[-1]
        share = np.exp(-np.logaddexp(0.0, margins))
        value = 0.5 * v[:-1] @ v[:-1] + np.logaddexp(0.0, -margins).sum()
        return float(value), np.append(v[:-1] - signed.T @ share, -labels @ share)

    def plain() -> None:
        for rng in spawn_streams(1, n_trials):
            signed = labels[:, None] * (rng.standard_normal((n_samples, n_features)) * deviations) + 1.0
            minimize(loss, np.zeros(n_features + 1), args=(signed,), jac=True, method="L-BFGS-B",
                     options=dict(maxiter=5000, maxfun=10_000, ftol=1e-14, gtol=1e-7))  # fmt: skip

    seconds = interleaved({"L-BFGS": plain, "simulator": ours}, n_rounds=4)
    print_ratios(f"Logistic regression: d = {n_features}, m = {n_samples} (per fit)", seconds, reference="L-BFGS",
                 n_units=n_trials)  # fmt: skip
    small, large = sorted((n_samples, n_features))
    flops = 8.0 * (small**2 * (small if n_samples < n_features else large) + small**3 / 3.0)
    limit = flops / dgemm_rate()
    print(f"  share of the dgemm limit, eight Newton steps: {limit * n_trials / seconds['simulator'].min():.2f}")


def main() -> None:
    for n_classes, tau in ((3, 0.0), (3, 1.0), (3, 1.5), (10, 0.5), (10, 1.0), (10, 1.5)):
        bench_pairs(n_classes, tau)
    bench_search()
    bench_convex_solve(0.5)
    bench_convex_solve(1.0)
    bench_fits(1.0, 4000)
    bench_fits(0.5, 100)
    bench_adversarial()
    bench_naive_bayes()
    bench_logistic(64, 100)
    bench_logistic(256, 128)
    bench_logistic(256, 300)


if __name__ == "__main__":
    main()
