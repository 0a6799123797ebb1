"""Optima of training problems: by the conic program, by pattern generation, by descent, and for few neurons."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from figures.convex_relu._problems import LARGE, MEDIUM, SMALL, Problem, problem_data
from simulations.convex_relu import sample_patterns, simulate_nonconvex_training, solve_by_pattern_generation
from theory.convex_relu import ConvexReluSolution, TwoLayerNetwork, enumerate_arrangements, solve_convex_program

# Restarts by width. One finds the optimum of A(8, 2) with probability 0.15 at width 3, 0.06 at 4, 0.05 at 5, and the
# optimum of any of the three problems with probability 0.35 or more from width n on.
QUICK = [(SMALL, {1: 16, 2: 16, 3: 128, 8: 40, 16: 8}), (MEDIUM, {1: 8, 2: 8, 3: 8, 10: 24, 16: 8})]
FULL = [
    (SMALL, {1: 64, 2: 64, 3: 192, 4: 512, 5: 512, 6: 96, 7: 64, 8: 64, 10: 64, 12: 64, 16: 64, 24: 32, 32: 32}),
    (MEDIUM, {1: 64, 2: 64, 3: 64, 4: 64, 5: 64, 6: 64, 8: 64, 10: 64, 12: 64, 16: 64, 24: 32, 32: 32}),
    (LARGE, {1: 64, 2: 64, 3: 64, 12: 64, 16: 64, 32: 32, 64: 16}),
]


def restarts_by_width(run: Any) -> list[tuple[Problem, dict[int, int]]]:
    """Return the problems that networks are trained on, each with the numbers of restarts."""
    return run.choose(quick=QUICK, full=FULL)


def data(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    return problem_data(problem["n_samples"], problem["n_features"], problem["draw"])


def columns(problems: Sequence[Problem]) -> dict[str, list[Any]]:
    """Return the parameters of the problems, for a check with one point for each."""
    return {name: [problem[name] for problem in problems] for name in ("n_samples", "n_features", "draw",
                                                                      "regularisation")}  # fmt: skip


def conic_optima(run: Any, problems: Sequence[Problem], **options: Any) -> list[ConvexReluSolution]:
    """Solve the convex program of each problem, over all patterns if no ``patterns`` are given."""
    return [_solution(run, solve_convex_program, problem, options) for problem in problems]


def sampled_optima(run: Any, problems: Sequence[Problem], *, n_directions: int) -> list[ConvexReluSolution]:
    """Solve the convex programs over the patterns of a few random directions."""
    return [
        _solution(run, solve_convex_program, problem,
                  dict(patterns=sample_patterns(data(problem)[0], n_directions=n_directions, seed=run.seed)))
        for problem in problems
    ]  # fmt: skip


def generated_optima(run: Any, problems: Sequence[Problem], **options: Any) -> list[ConvexReluSolution]:
    """Solve the same programs by pattern generation, to rounding."""
    return [_solution(run, solve_by_pattern_generation, problem, dict(tolerance=1e-11) | options)
            for problem in problems]  # fmt: skip


def _solution(run: Any, solver: Any, problem: Problem, options: dict[str, Any]) -> ConvexReluSolution:
    features, targets = data(problem)
    grid = run.grid(quick=[dict(regularisation=problem["regularisation"])])
    found = run.compute(solver, grid, features=features, targets=targets, **options)
    fields = {name: values[0] for name, values in found.fields.items()}
    return ConvexReluSolution(**fields | dict(objective=float(found.objective[0]), penalty=float(found.penalty[0])))


def objectives(solutions: Sequence[ConvexReluSolution]) -> np.ndarray:
    return np.array([solution.objective for solution in solutions])


def wrong_objectives(run: Any, problems: Sequence[Problem]) -> dict[str, np.ndarray]:
    """Return the optima of three programs that are not the right one."""
    halved = [Problem(**problem | dict(regularisation=problem["regularisation"] / 2)) for problem in problems]
    return {
        "half the regularisation": objectives(conic_optima(run, halved)),
        "no cones": objectives(conic_optima(run, problems, cone_constraints=False)),
        "patterns of six directions": objectives(sampled_optima(run, problems, n_directions=6)),
    }


def cost(network: TwoLayerNetwork) -> float:
    """Return sum_j ||u_j|| |alpha_j|."""
    return float(np.linalg.norm(network.hidden_weights, axis=1) @ np.abs(network.output_weights))


def train(run: Any, problem: Problem, restarts: Mapping[int, int]) -> Any:
    """Train networks from random starts, as many as ``restarts`` says for each width; fields are lists over widths."""
    features, targets = data(problem)
    return run.sample(
        simulate_nonconvex_training,
        run.grid(quick=[dict(width=width) for width in restarts]),
        n_trials=list(restarts.values()),
        features=features,
        targets=targets,
        regularisation=problem["regularisation"],
    )


def least_over_pattern_sets(
    *, features: np.ndarray, targets: np.ndarray, regularisation: float, width: int
) -> dict[str, np.ndarray]:
    """Return the least optimum over all sets of ``width`` patterns, the set, and its number of neurons.

    No network of that width has a lower objective, since every neuron lies in one cell. Where the optimum of the best
    set has no more neurons than that, it is attained.
    """
    best, chosen = np.inf, np.empty(0)
    for patterns in itertools.combinations(enumerate_arrangements(features), width):
        found = solve_by_pattern_generation(
            features, targets, regularisation=regularisation, patterns=patterns, tolerance=1e-10
        )
        if found.objective < best:
            best, chosen = found.objective, np.array(patterns)
            n_neurons = sum(int(weights.any(axis=1).sum())
                            for weights in (found.positive_weights, found.negative_weights))  # fmt: skip
    return dict(objective=np.array(best), patterns=chosen, n_neurons=np.array(n_neurons))
