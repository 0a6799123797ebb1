"""Speed of the convex training of two-layer ReLU networks against plain twins, a conic solver and the machine.

Run: python -m benchmarks.bench_convex_relu
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from benchmarks._timing import dgemm_rate, interleaved, print_ratios
from simulations._streams import spawn_streams
from simulations.convex_relu import (
    admm_regularisation_path,
    sample_patterns,
    simulate_admm,
    simulate_block_descent,
    simulate_nonconvex_training,
    simulate_pattern_violation,
    solve_by_admm,
    solve_by_pattern_generation,
)
from simulations.convex_relu._enumeration import enumerate_patterns
from simulations.convex_relu._splitting import Splitting
from simulations.convex_relu._stack import Stack, solve_symmetric, symmetric_inverse
from simulations.convex_relu.block_descent import STREAM_BLOCK
from simulations.convex_relu.training import random_networks

LEVELS = (1e-2, 1e-3, 1e-4)


def problem(n_samples: int, n_features: int, n_directions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussian features, the noisy output of three hidden neurons, sampled patterns."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n_samples, n_features))
    hidden, output = rng.standard_normal((3, n_features)) / np.sqrt(n_features), rng.standard_normal(3)
    targets = np.maximum(features @ hidden.T, 0.0) @ output + 0.1 * rng.standard_normal(n_samples)
    return features, targets, sample_patterns(features, n_directions=n_directions, seed=0)


def dense_maps(features: np.ndarray, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F, (n, 2 P d), as a matrix, and ``(2 D_i - 1) X`` of every block, (2 P, n, d)."""
    halves = np.hstack([pattern[:, None] * features for pattern in patterns])
    signs = 2.0 * np.concatenate([patterns, patterns]) - 1.0
    return np.hstack([halves, -halves]), signs[:, :, None] * features


def dense_factor(fit_map: np.ndarray, cones: np.ndarray, rho: float) -> tuple[np.ndarray, bool]:
    """Cholesky factor of ``I + F'F / rho + G'G``, (2 P d, 2 P d)."""
    matrix = fit_map.T @ fit_map / rho
    size = cones.shape[2]
    for j, cone in enumerate(cones):
        rows = slice(j * size, (j + 1) * size)
        matrix[rows, rows] += np.eye(size) + cone.T @ cone
    return cho_factor(matrix, lower=True)


def plain_admm(
    features: np.ndarray, targets: np.ndarray, patterns: np.ndarray, beta: float, rho: float, n_steps: int
) -> np.ndarray:
    """The published algorithm with a dense Cholesky factor, in NumPy: the objectives of the network, (n_steps,)."""
    fit_map, cones = dense_maps(features, patterns)
    factor = dense_factor(fit_map, cones, rho)
    v, dual = np.zeros((len(cones), features.shape[1])), np.zeros((len(cones), features.shape[1]))
    slack, slack_dual = np.zeros(cones.shape[:2]), np.zeros(cones.shape[:2])
    linear = (fit_map.T @ targets / rho).reshape(v.shape)
    trace = np.empty(n_steps)
    for step in range(n_steps):
        right = linear + v - dual + np.einsum("jkc,jk->jc", cones, slack - slack_dual)
        u = cho_solve(factor, right.ravel()).reshape(v.shape)
        image = np.einsum("jkc,jc->jk", cones, u)
        norms = np.maximum(np.linalg.norm(u + dual, axis=1, keepdims=True), 1e-300)
        v = np.maximum(1.0 - beta / rho / norms, 0.0) * (u + dual)
        slack = np.maximum(image + slack_dual, 0.0)
        dual, slack_dual = dual + u - v, slack_dual + image - slack
        hidden = np.maximum(v @ features.T, 0.0).reshape(2, len(patterns), -1).sum(axis=1)
        penalty = beta * np.linalg.norm(v, axis=1).sum()
        trace[step] = np.sum((hidden[0] - hidden[1] - targets) ** 2) / 2 + penalty
    return trace


def bench_weight_step() -> None:
    """The linear system of a step alone."""
    features, _, patterns = problem(200, 10, 100)
    right = np.random.default_rng(1).standard_normal((200, 10))
    fit_map, cones = dense_maps(features, patterns)
    factor = dense_factor(fit_map, cones, 1.0)
    stack, metric = Stack(features, patterns), np.eye(10) + features.T @ features
    inverse_metric = np.linalg.inv(metric)

    def setup() -> np.ndarray:
        system = stack.gram(metric)
        system[np.diag_indices_from(system)] += 1.0
        return symmetric_inverse(system)

    inverse = setup()

    def woodbury() -> np.ndarray:
        solved = right @ inverse_metric
        move = stack.pull(solve_symmetric(inverse, stack.fit(solved))) @ inverse_metric
        solved[:100] -= move
        solved[100:] += move
        return solved

    def dense() -> np.ndarray:
        return cho_solve(factor, right.ravel()).reshape(right.shape)

    np.testing.assert_allclose(woodbury(), dense(), atol=1e-12)
    seconds = interleaved({"dense back-solve": dense, "Woodbury": woodbury}, n_rounds=20)
    print_ratios("u-step: n = 200, d = 10, P = 100", seconds, reference="dense back-solve")
    names = {"dense factor": lambda: dense_factor(fit_map, cones, 1.0), "Woodbury": setup}
    print_ratios("  its setup", interleaved(names, n_rounds=3), reference="dense factor")


def bench_published() -> None:
    features, targets, patterns = problem(200, 10, 100)
    beta, rho, n_steps = 0.3, 1.0, 100

    def ours() -> np.ndarray:
        return simulate_admm(
            features, targets, patterns=patterns, regularisation=beta, penalty_parameter=rho, n_steps=n_steps
        ).network_objective

    def plain() -> np.ndarray:
        return plain_admm(features, targets, patterns, beta, rho, n_steps)

    np.testing.assert_allclose(ours(), plain(), rtol=1e-9)
    seconds = interleaved({"plain NumPy, dense factor": plain, "simulate_admm": ours}, n_rounds=3)
    title = "Published ADMM: n = 200, d = 10, P = 100 (per step)"
    print_ratios(title, seconds, reference="plain NumPy, dense factor", n_units=n_steps)
    flops = 2.0 * 200 * 10 * 100 * (2 + 1 + 1 + 2 + 2)
    share = n_steps * flops / dgemm_rate(500) / seconds["simulate_admm"].min()
    print(f"  share of the dgemm limit: {share:.2f}")


def conic_optimum(features: np.ndarray, targets: np.ndarray, patterns: np.ndarray, beta: float) -> tuple[float, float]:
    """Value and seconds of Clarabel at its own tolerance of 1e-8."""
    import cvxpy as cp

    weights = cp.Variable((features.shape[1], 2 * len(patterns)))
    signs = np.concatenate([patterns, patterns]).T
    products = features @ weights
    fitted = cp.multiply(signs, products) @ np.repeat([1.0, -1.0], len(patterns))
    objective = 0.5 * cp.sum_squares(fitted - targets) + beta * cp.sum(cp.norm(weights, axis=0))
    program = cp.Problem(cp.Minimize(objective), [cp.multiply(2.0 * signs - 1.0, products) >= 0])
    value = program.solve(solver=cp.CLARABEL)
    return value, program.solver_stats.solve_time


def best_of(candidate: Callable[[], object], n_rounds: int = 3) -> float:
    """The least seconds of a call."""
    seconds = interleaved({"one": candidate}, n_rounds=n_rounds)
    return float(seconds["one"].min())


def bench_gap(beta: float) -> None:
    """Seconds until the objective of the network stays within a relative gap of the optimum."""
    features, targets, patterns = problem(200, 10, 100)
    common = dict(patterns=patterns, regularisation=beta)
    optimum = solve_by_admm(features, targets, **common, tolerance=1e-10).objective
    value, seconds = conic_optimum(features, targets, patterns, beta)
    print(f"Time to a gap: n = 200, d = 10, P = 100, beta = {beta:g}; optimum {optimum:.9f}")
    print(f"  {'Clarabel, to ' + format(abs(value / optimum - 1.0), '.0e'):<34} {seconds:9.3f} s")
    names = "".join(f"   {level:.0e}" for level in LEVELS)
    print(f"  {'relative gap':<34} {names}")
    n_steps = 3000
    for rho in (0.3, 1.0, 3.0):

        def published(rho: float = rho) -> np.ndarray:
            return simulate_admm(
                features, targets, **common, penalty_parameter=rho, n_steps=n_steps, over_relaxation=1.7
            ).network_objective

        step = best_of(published, 1) / n_steps
        gaps = np.abs(published() / optimum - 1.0)
        last = [int(np.flatnonzero(gaps > level)[-1]) + 1 for level in LEVELS]
        times = [f"{step * k:8.3f}" if k < n_steps else f"  >{step * n_steps:4.1f}" for k in last]
        print(f"  {f'published splitting, rho = {rho:g}':<34} {''.join(times)} s")

    def certified(tolerance: float) -> str:
        return f"{best_of(lambda: solve_by_admm(features, targets, **common, tolerance=tolerance)):8.3f}"

    print(f"  {'solve_by_admm, certified':<34} {''.join(map(certified, LEVELS))} s")
    print(f"  {'solve_by_admm, certified to 1e-08':<34} {certified(1e-8)} s")


def bench_growth(sizes: list[tuple[int, int, int]]) -> None:
    """Cost against the size of the problem; exponents between neighbouring sizes. beta grows with n."""
    print("Growth: milliseconds a step and seconds of setup and to a certified gap of 1e-3, setup included")
    print(f"  {'n':>5} {'d':>3} {'P':>5}   published   exponent   solver step     setup   to 1e-3   exponent")
    before: tuple[float, float, float] | None = None
    varying = 0 if sizes[0][0] != sizes[-1][0] else 2
    for size in sizes:
        features, targets, patterns = problem(*size)
        common = dict(patterns=patterns, regularisation=0.3 * size[0] / 200)

        def published(n_steps: int, features=features, targets=targets, common=common) -> float:
            return best_of(
                lambda: simulate_admm(features, targets, **common, penalty_parameter=1.0, n_steps=n_steps), 2
            )

        def solved(tolerance: float, features=features, targets=targets, common=common) -> float:
            return best_of(lambda: solve_by_admm(features, targets, **common, tolerance=tolerance))

        step = (published(51) - published(1)) / 50
        setup = best_of(lambda features=features, patterns=patterns: Splitting(features, patterns))
        n_steps = solve_by_admm(features, targets, **common, tolerance=1e-7).n_steps
        solver_step, to_gap = (solved(1e-7) - setup) / n_steps, solved(1e-3)
        exponents = ["", ""]
        if before is not None:
            ratio = np.log(size[varying] / before[0])
            exponents = [f"{np.log(now / then) / ratio:.2f}" for now, then in ((step, before[1]), (to_gap, before[2]))]
        before = (size[varying], step, to_gap)
        steps = f"{1e3 * step:9.3f} {exponents[0]:>10}   {1e3 * solver_step:11.3f}"
        print(f"  {size[0]:>5} {size[1]:>3} {size[2]:>5}   {steps} {setup:9.3f} {to_gap:9.3f} {exponents[1]:>10}")


def bench_path() -> None:
    features, targets, patterns = problem(200, 10, 100)
    betas = np.geomspace(30.0, 0.1, 20)

    def cold() -> list:
        return [solve_by_admm(features, targets, patterns=patterns, regularisation=beta) for beta in betas]

    def warm() -> list:
        return admm_regularisation_path(features, targets, patterns=patterns, regularisations=betas)

    seconds = interleaved({"each from zero": cold, "path": warm}, n_rounds=2)
    title = "Path of 20 regularisations to 1e-6: n = 200, d = 10, P = 100"
    print_ratios(title, seconds, reference="each from zero", n_units=20)


def bench_block_descent() -> None:
    """Against NumPy on the dense Hessian."""
    features, targets, patterns = problem(40, 5, 10)
    rho, n_steps, n_trials = 0.5, 600, STREAM_BLOCK
    fit_map, cones = dense_maps(features, patterns)
    hessian = fit_map.T @ fit_map + rho * np.eye(fit_map.shape[1])
    for j, cone in enumerate(cones):
        hessian[5 * j : 5 * j + 5, 5 * j : 5 * j + 5] += rho * cone.T @ cone
    optimum = np.linalg.solve(hessian, fit_map.T @ targets)
    steepest = max(np.linalg.norm(features[pattern], 2) for pattern in patterns)
    step_size = 1.0 / (steepest**2 + rho * (1.0 + np.linalg.norm(features, 2) ** 2))

    def plain() -> np.ndarray:
        gaps = np.empty((n_trials, n_steps + 1))
        (rng,) = spawn_streams(0, n_trials, block=n_trials)
        for trial in range(n_trials):
            error = -optimum
            gaps[trial, 0] = error @ hessian @ error / 2
            for step in range(1, n_steps + 1):
                block = 5 * int(rng.random() * len(cones))
                error[block : block + 5] -= step_size * (hessian[block : block + 5] @ error)
                gaps[trial, step] = error @ hessian @ error / 2
        return gaps

    def ours() -> np.ndarray:
        return simulate_block_descent(
            features, targets, patterns=patterns, regularisation=0.1, penalty_parameter=rho, n_steps=n_steps,
            n_trials=n_trials, seed=0,
        )  # fmt: skip

    np.testing.assert_allclose(ours(), plain(), rtol=1e-8)  # the same draws
    seconds = interleaved({"plain NumPy": plain, "simulator": ours}, n_rounds=3)
    title = "Block descent: n = 40, d = 5, P = 10, 600 steps (per trial)"
    print_ratios(title, seconds, reference="plain NumPy", n_units=n_trials)


def plain_training(features: np.ndarray, targets: np.ndarray, beta: float, network: np.ndarray, n_steps: int) -> float:
    """Heavy-ball subgradient descent of one network (width, d + 1) in NumPy; the best objective met."""
    hidden, output = network[:, :-1].copy(), network[:, -1].copy()
    speed_hidden, speed_output, lowest = np.zeros_like(hidden), np.zeros_like(output), np.inf
    for step in range(n_steps + 1):
        inputs = features @ hidden.T
        active = np.maximum(inputs, 0.0)
        residual = active @ output - targets
        lowest = min(lowest, 0.5 * residual @ residual + 0.5 * beta * (np.sum(hidden**2) + output @ output))
        rate = 0.03 * (1e-6 / 0.03) ** (step / (n_steps - 1))
        pull = residual[:, None] * (inputs >= 0.0)
        speed_hidden = 0.9 * speed_hidden - rate * ((pull * output).T @ features + beta * hidden)
        speed_output = 0.9 * speed_output - rate * (active.T @ residual + beta * output)
        hidden, output = hidden + speed_hidden, output + speed_output
    return lowest


def bench_training(width: int) -> None:
    """Restarts of gradient training: ours run eight at a time."""
    features, targets, _ = problem(10, 3, 1)
    features *= 0.5  # with longer rows wide restarts diverge
    n_trials, n_steps = 8, 4000

    def plain() -> list[float]:
        starts = random_networks(spawn_streams(0, n_trials), width, 3, 0.3)
        return [plain_training(features, targets, 0.2, network, n_steps) for network in starts]

    def ours() -> np.ndarray:
        return simulate_nonconvex_training(
            features, targets, regularisation=0.2, width=width, n_trials=n_trials, seed=0, n_steps=n_steps
        ).objective

    np.testing.assert_allclose(ours(), plain(), rtol=1e-6)  # the same restarts
    seconds = interleaved({"plain NumPy": plain, "simulator": ours}, n_rounds=3)
    title = f"Gradient training: n = 10, d = 3, width {width}, {n_steps} steps (per restart)"
    print_ratios(title, seconds, reference="plain NumPy", n_units=n_trials)
    rate = 4.0 * width * 10 * 3 * n_steps * n_trials / seconds["simulator"].min()
    print(f"  simulator: {rate / 1e9:.1f} GFLOP/s, share of the dgemm limit {rate / dgemm_rate(500):.2f}")


def bench_violation() -> None:
    """Trials of the violation probability: a conic solver for every set of patterns that they meet, and ours."""
    features, targets, _ = problem(6, 2, 1)
    n_patterns, n_trials = 5, 6
    patterns = sample_patterns(features, n_directions=n_trials * (n_patterns + 1), seed=0, distinct=False)
    sets = {
        np.unique(np.delete(trial, left_out, axis=0), axis=0).tobytes(): np.delete(trial, left_out, axis=0)
        for trial in patterns.reshape(n_trials, n_patterns + 1, -1)
        for left_out in range(n_patterns + 1)
    }

    def conic() -> list[float]:
        return [conic_optimum(features, targets, np.unique(chosen, axis=0), 0.1)[0] for chosen in sets.values()]

    def ours() -> float:
        return simulate_pattern_violation(
            features, targets, regularisation=0.1, n_patterns=n_patterns, n_trials=1500, seed=0
        ).violation_probability.mean()

    solver, simulator = best_of(conic, 2) / n_trials, best_of(ours) / 1500
    print("Violation probability: n = 6, 5 patterns and one more (per trial)")
    print(f"  {'Clarabel for every set':<34} {1e3 * solver:9.3f} ms")
    print(f"  {'simulator, 1500 trials':<34} {1e3 * simulator:9.3f} ms   ratio {solver / simulator:7.0f}")


def bench_pattern_generation(n_samples: int, n_features: int, beta: float) -> None:
    """The optimum over all patterns of a data set, by a conic solver on the full program and by generation."""
    features, targets, _ = problem(n_samples, n_features, 1)
    patterns = enumerate_patterns(features)

    def ours() -> float:
        return solve_by_pattern_generation(features, targets, regularisation=beta, patterns=patterns).objective

    value, seconds = conic_optimum(features, targets, patterns, beta)
    least, found = best_of(ours), ours()
    print(f"All patterns: n = {n_samples}, d = {n_features}, P = {len(patterns)}, beta = {beta:g}; optimum {found:.9f}")
    print(f"  {'Clarabel, to ' + format(abs(value / found - 1.0), '.0e'):<34} {1e3 * seconds:9.3f} ms")
    print(f"  {'pattern generation':<34} {1e3 * least:9.3f} ms   ratio {seconds / least:7.0f}")
    with_cells = best_of(lambda: solve_by_pattern_generation(features, targets, regularisation=beta))
    print(f"  {'with its own enumeration':<34} {1e3 * with_cells:9.3f} ms   ratio {seconds / with_cells:7.0f}")


def main() -> None:
    threadpool_limits(limits=1)
    bench_training(40)
    bench_training(8)
    bench_violation()
    bench_pattern_generation(12, 4, 0.3)
    bench_pattern_generation(10, 3, 0.2)
    bench_pattern_generation(200, 2, 1.0)
    bench_weight_step()
    bench_published()
    bench_gap(0.3)
    bench_gap(3.0)
    bench_growth([(125, 10, 100), (250, 10, 100), (500, 10, 100), (1000, 10, 100), (2000, 10, 100)])
    bench_growth([(200, 10, 25), (200, 10, 50), (200, 10, 100), (200, 10, 200), (200, 10, 400)])
    bench_path()
    bench_block_descent()


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"{time.perf_counter() - start:.0f} s")
