"""Runs of the alternating direction method of multipliers, with what theory says of the same problems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from figures.convex_relu._dense_admm import dense_admm, dense_inverse, dense_maps, one_sided_inverse
from figures.convex_relu._problems import problem_data
from simulations._streams import spawn_streams
from simulations.convex_relu import (
    sample_patterns,
    simulate_admm,
    simulate_block_descent,
    solve_by_admm,
    solve_by_pattern_generation,
)
from theory.convex_relu import admm_linear_rate, duality_certificate, solve_convex_program

FLOOR, LATE = 1e-12, 1e-7  # of the primal residual: above rounding, and where most runs have become linear
POINTS = 400  # of a residual that are fitted
WAVES = (0.0, *np.geomspace(4.0, 60.0, 150))  # of the ripple within the window; 0 for none
SETTLING, DECAY, LONGEST = 2000, 36.0, 10_000  # steps before a run is linear, mostly; e^-36 is rounding


def sampled_problem(
    *, n_samples: int, n_features: int, draw: int, n_directions: int, loss: str = "squared"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, targets and distinct patterns: of random directions, or of a curve on the reference problem."""
    features, targets = problem_data(n_samples, n_features, draw)
    if draw:
        patterns = sample_patterns(features, n_directions=n_directions, seed=draw)
    else:
        angle = np.arange(n_directions)
        curve = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.cos(2 * angle)], axis=1)
        patterns = np.unique(curve[:, :n_features] @ features.T >= 0.0, axis=0)
    return features, targets if loss == "squared" else np.where(targets >= 0.0, 1.0, -1.0), patterns


def optimal_values(*, regularisation: float, loss: str = "squared", **problem: Any) -> dict[str, float]:
    """Return the sampled optimum and the values that rivals would have it reach."""
    features, targets, patterns = sampled_problem(loss=loss, **problem)
    setting: dict[str, Any] = dict(patterns=patterns, loss=loss)
    halved = solve_convex_program(features, targets, regularisation=regularisation / 2, **setting)
    gated = solve_convex_program(features, targets, regularisation=regularisation, cone_constraints=False, **setting)
    sampled = solve_convex_program(features, targets, regularisation=regularisation, **setting)
    return dict(sampled=sampled.objective, halved=halved.objective, gated=gated.objective)


def complete_optimum(*, regularisation: float, **problem: Any) -> float:
    """Return a certified lower bound of the optimum over all patterns, which it reaches to 1e-9 or better."""
    features, targets, _ = sampled_problem(**problem)
    best = solve_by_pattern_generation(features, targets, regularisation=regularisation)
    return duality_certificate(features, targets, best.fitted, best.penalty, regularisation=regularisation).dual


def admm_run(
    *, regularisation: float, penalty_parameter: float, n_steps: int, dual_step: float = 1.0,
    over_relaxation: float = 1.0, loss: str = "squared", **problem: Any,
) -> dict[str, float]:  # fmt: skip
    """Return where a run ends, the least network objective on its way, and the logarithm of its late rate a step."""
    features, targets, patterns = sampled_problem(loss=loss, **problem)
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=regularisation, penalty_parameter=penalty_parameter,
        n_steps=n_steps, dual_step=dual_step, over_relaxation=over_relaxation, loss=loss,
    )  # fmt: skip
    slope, middle = late_slope(trace.primal_residual)
    return dict(
        objective=trace.objective[-1],
        network_objective=trace.network_objective[-1],
        least_network=trace.network_objective.min(),
        log_rate=slope,
        middle=middle,
    )


def admm_trace(*, regularisation: float, penalty_parameter: float, steps: tuple[int, ...], **problem: Any) -> Any:
    """Return the objectives of a run after some of its steps."""
    features, targets, patterns = sampled_problem(**problem)
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=regularisation, penalty_parameter=penalty_parameter,
        n_steps=max(steps),
    )  # fmt: skip
    shown = np.array(steps) - 1
    return dict(
        objective=trace.objective[shown],
        network_objective=trace.network_objective[shown],
        primal_residual=trace.primal_residual[shown],
    )


def linear_rate(*, regularisation: float, penalty_parameter: float, **problem: Any) -> float:
    """Return the predicted rate, or 1 where the fixed point is not strictly complementary and there is none."""
    features, targets, patterns = sampled_problem(**problem)
    try:
        return admm_linear_rate(
            features, targets, patterns, regularisation=regularisation, penalty_parameter=penalty_parameter
        )
    except RuntimeError:
        return 1.0


def random_rates(
    *, penalty_parameter: float, regularisation: float, n_trials: int, seed: np.random.SeedSequence
) -> dict[str, np.ndarray]:
    """Return the observed over the predicted logarithm of the rate, for problems redrawn until there is a prediction.

    Gaussian features and targets, 8 to 20 samples, 2 to 4 features, 3 directions. ``guess``: of a rival's logarithm.
    """
    ratio, guess = np.empty(n_trials), np.empty(n_trials)
    for trial, rng in enumerate(spawn_streams(seed, n_trials)):
        rate = 1.0
        while rate == 1.0:
            problem = dict(n_samples=int(rng.integers(8, 21)), n_features=int(rng.integers(2, 5)), n_directions=3,
                           draw=int(rng.integers(1, 2**31)))  # fmt: skip
            setting = dict(regularisation=regularisation, penalty_parameter=penalty_parameter)
            rate = linear_rate(**setting, **problem)
        features, targets, patterns = sampled_problem(**problem)
        n_steps = min(SETTLING + int(DECAY / -math.log(rate)), LONGEST)
        run = simulate_admm(features, targets, patterns=patterns, n_steps=n_steps, **setting)
        ratio[trial] = late_slope(run.primal_residual)[0] / math.log(rate)
        guess[trial] = math.log(guessed_rate(penalty_parameter=penalty_parameter, **problem)) / math.log(rate)
    return dict(ratio=ratio, guess=guess)


def late_slope(residual: np.ndarray) -> tuple[float, float]:
    """Return the slope of the logarithm of the residual between LATE and FLOOR, and the middle of that window.

    A pair of complex eigenvalues makes the residual ripple: the line is fitted together with a wave and its harmonic,
    at the best of the frequencies WAVES. Zeros for a run that does not get there.
    """
    inside = np.flatnonzero((residual < LATE) & (residual > FLOOR))
    if len(inside) < 20:
        return 0.0, 0.0
    first, last = int(inside[0]), int(inside[-1])
    steps = np.unique(np.linspace(first, last, POINTS).astype(int))
    place, logs = (steps - first) / (last - first), np.log(residual[steps])
    least, slope = np.inf, 0.0
    for waves in WAVES:
        if waves > len(steps) / 6:
            break
        phase = 2.0 * np.pi * waves * place
        columns = [np.ones_like(place), place]
        if waves > 0.0:
            columns += [np.cos(phase), np.sin(phase), np.cos(2.0 * phase), np.sin(2.0 * phase)]
        basis = np.column_stack(columns)
        coefficients = np.linalg.lstsq(basis, logs)[0]
        misfit = float(np.sum((logs - basis @ coefficients) ** 2))
        if misfit < least:
            least, slope = misfit, float(coefficients[1])
    return slope / (last - first), 0.5 * (first + last)


def guessed_rate(*, penalty_parameter: float, **problem: Any) -> float:
    """Return 1 - 1 / sqrt(condition number) of the linear system, a rival of the predicted rate."""
    features, _, patterns = sampled_problem(**problem)
    inverse = dense_inverse(*dense_maps(features, patterns), penalty_parameter)
    return 1.0 - float(np.linalg.cond(inverse)) ** -0.5


def step_deviations(*, regularisation: float, penalty_parameter: float, n_steps: int, dual_step: float,
                    over_relaxation: float, **problem: Any) -> dict[str, float]:  # fmt: skip
    """Return how far the simulated weights are from those of dense matrices, right and wrong ones, relative."""
    features, targets, patterns = sampled_problem(**problem)
    beta, rho = regularisation, penalty_parameter
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=beta, penalty_parameter=rho, n_steps=n_steps,
        dual_step=dual_step, over_relaxation=over_relaxation,
    )  # fmt: skip
    weights = np.concatenate([trace.positive_weights, trace.negative_weights])
    fit, cones = dense_maps(features, patterns)
    right, one_sided = dense_inverse(fit, cones, rho), one_sided_inverse(fit, cones, rho)
    without_cones = dense_inverse(fit, 0.0 * cones, rho)
    rest: dict[str, Any] = dict(n_features=features.shape[1], rho=rho, n_steps=n_steps, over_relaxation=over_relaxation)

    def deviation(inverse: np.ndarray, threshold: float = beta / rho, step: float = dual_step) -> float:
        dense = dense_admm(targets, fit, cones, inverse, threshold=threshold, dual_step=step, **rest)
        return float(np.abs(weights - dense).max() / np.abs(dense).max())

    return dict(
        dense=deviation(right),
        one_sided=deviation(one_sided),
        without_cones=deviation(without_cones),
        unscaled_threshold=deviation(right, threshold=beta),
    )


def solver_values(*, regularisation: float, tolerance: float, loss: str = "squared", **problem: Any) -> np.ndarray:
    """Return objective and lower bound of the certified solver."""
    features, targets, patterns = sampled_problem(loss=loss, **problem)
    found = solve_by_admm(
        features, targets, patterns=patterns, regularisation=regularisation, loss=loss, tolerance=tolerance
    )
    return np.array([found.objective, found.lower_bound])


def block_gaps(
    *, regularisation: float, penalty_parameter: float, steps: tuple[int, ...], orthonormal: bool, n_trials: int,
    seed: np.random.SeedSequence, **problem: Any,
) -> np.ndarray:  # fmt: skip
    """Return the gaps of block descent after some of its steps, over the first gap, (n_trials, n_shown)."""
    features, targets, patterns = block_problem(orthonormal=orthonormal, **problem)
    gaps = simulate_block_descent(
        features, targets, patterns=patterns, regularisation=regularisation, penalty_parameter=penalty_parameter,
        n_steps=max(steps), n_trials=n_trials, seed=seed,
    )  # fmt: skip
    return gaps[:, list(steps)] / gaps[:, :1]


def block_problem(*, orthonormal: bool, **problem: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a sampled problem; with ``orthonormal`` its features span the same space by orthonormal columns."""
    features, targets, patterns = sampled_problem(**problem)
    return np.linalg.qr(features)[0] if orthonormal else features, targets, patterns
