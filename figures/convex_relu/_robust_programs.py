"""Convex adversarial training as published, in a modelling language, and wrong versions of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from figures.convex_relu._attacks import labelled_data, zero_loss
from figures.convex_relu._problems import problem_data
from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    pattern_survival_radius,
    robust_convex_program,
    worst_case_objective,
)

SMALLEST = 1e-7  # norm of a neuron that the conic solver means to keep
# Tolerances and longest steps of the conic solver, which gives up on some programs at the first.
ATTEMPTS = ((1e-11, 0.99), (1e-11, 0.9), (1e-9, 0.99), (1e-9, 0.9), (1e-8, 0.8))


def robust_program(
    features: np.ndarray,
    targets: np.ndarray,
    patterns: np.ndarray,
    *,
    regularisation: float,
    radius: float,
    loss: str,
    margins: np.ndarray | None = None,
    norm: float = 1,
    centres: np.ndarray | None = None,
) -> tuple[float, TwoLayerNetwork]:
    """Return the optimum of the program as published and its network.

    The cone of a pattern holds for attacks up to its margin, (P,), by default the radius, on its own data, ``centres``
    (P, n, d), by default the features. ``norm`` other than 1 is that of weights against attacks of another shape.
    """
    import cvxpy as cp

    (n, d), count = features.shape, len(patterns)
    positive, negative = cp.Variable((d, count)), cp.Variable((d, count))
    masks = patterns.T.astype(np.float64)
    layers = (positive - negative) @ masks.T  # column k: weights of the network at sample k
    fitted = cp.sum(cp.multiply(features.T, layers), axis=0)
    shift = radius * cp.norm(layers, norm, axis=0)
    centres = np.broadcast_to(features, (count, n, d)) if centres is None else centres
    margins = np.full(count, radius) if margins is None else margins
    everywhere, constraints = np.ones((n, 1)), []
    for part in (positive, negative):
        heights = sum(cp.multiply(centres[:, :, c].T, everywhere @ part[c : c + 1]) for c in range(d))
        reach = cp.reshape(cp.multiply(margins, cp.norm(part, norm, axis=0)), (1, count), order="C")
        constraints.append(cp.multiply(2.0 * masks - 1.0, heights) >= everywhere @ reach)
    if loss == "squared":
        worst, half = cp.Variable(n), cp.Variable()
        constraints += [worst >= cp.abs(fitted - targets) + shift,
                        cp.norm(cp.hstack([worst, 2 * half - 0.25])) <= 2 * half + 0.25]  # fmt: skip
        total = half
    else:
        margins = cp.multiply(targets, fitted) - shift
        total = cp.sum(cp.pos(1 - margins) if loss == "hinge" else cp.logistic(-margins)) / n
    penalty = cp.sum(cp.norm(positive, 2, axis=0)) + cp.sum(cp.norm(negative, 2, axis=0))
    program = cp.Problem(cp.Minimize(total + regularisation * penalty), constraints)
    _solve(program)
    vectors = np.vstack([positive.value.T, negative.value.T])
    norms = np.linalg.norm(vectors, axis=1)
    kept = norms > SMALLEST
    signs = np.repeat([1.0, -1.0], count)[kept]
    roots = np.sqrt(norms[kept])
    return float(program.value), TwoLayerNetwork(vectors[kept] / roots[:, np.newaxis], signs * roots)


def _solve(program: Any) -> None:
    import cvxpy as cp

    for tolerance, step in ATTEMPTS:
        settings = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            try:
                program.solve(solver=cp.CLARABEL, max_step_fraction=step, **settings)
            except cp.SolverError:
                continue
        if program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return
    raise RuntimeError(f"the conic solver ends with status {program.status}")


def published_values(*, regularisation: float, radius: float, **problem: Any) -> dict[str, float]:
    """Return the optimum of the published program, and of programs for attacks of other shapes."""
    features, targets = labelled_data(**problem)
    patterns = enumerate_arrangements(features)
    setting: dict[str, Any] = dict(regularisation=regularisation, radius=radius, loss=problem["loss"])
    norms = dict(published=1, euclidean=2, largest_weight=np.inf)
    return {name: robust_program(features, targets, patterns, norm=norm, **setting)[0] for name, norm in norms.items()}


def untightened_values(*, regularisation: float, radius: float, **problem: Any) -> dict[str, float]:
    """Return what the program claims whose cones hold without an attack only, and what its network suffers."""
    features, targets = labelled_data(**problem)
    patterns, loss = enumerate_arrangements(features), problem["loss"]
    claimed, network = robust_program(features, targets, patterns, margins=np.zeros(len(patterns)),
                                      regularisation=regularisation, radius=radius, loss=loss)  # fmt: skip
    suffered = worst_case_objective(
        features, targets, network, regularisation=regularisation, perturbation_radius=radius, loss=loss
    )
    return dict(claimed=claimed, suffered=suffered, at_zero=zero_loss(targets, loss))


def pattern_values(*, regularisation: float, radius: float, **problem: Any) -> dict[str, float]:
    """Return the optimum of the published program for other choices of its patterns.

    Those that survive the attack, or one of twice its radius; all of them and patterns of attacked data; the latter
    with the cones of that data, not tightened.
    """
    features, targets = labelled_data(**problem)
    patterns = enumerate_arrangements(features)
    survival = pattern_survival_radius(features, patterns)
    attacked, centres = attacked_patterns(features, patterns, radius)
    enlarged, own = np.vstack([patterns, attacked]), np.concatenate([np.tile(features, (len(patterns), 1, 1)), centres])
    loose = np.repeat([radius, 0.0], [len(patterns), len(attacked)])

    def value(chosen: np.ndarray, **changes: Any) -> float:
        if not len(chosen):
            return zero_loss(targets, problem["loss"])
        setting: dict[str, Any] = dict(regularisation=regularisation, radius=radius, loss=problem["loss"])
        return robust_program(features, targets, chosen, **setting, **changes)[0]

    return dict(
        surviving=value(patterns[survival > radius]),
        surviving_twice=value(patterns[survival > 2.0 * radius]),
        enlarged=value(enlarged),
        elsewhere=value(enlarged, centres=own, margins=loose),
    )


def attacked_patterns(features: np.ndarray, patterns: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the patterns of data at random corners of the attack that the data itself does not have, and those data.

    Shapes (P, n) and (P, n, d).
    """
    rng, known = np.random.default_rng(0), {pattern.tobytes() for pattern in patterns}
    new = {}
    for _ in range(4):
        moved = features + radius * rng.choice([-1.0, 1.0], features.shape)
        new |= {p.tobytes(): (p, moved) for p in enumerate_arrangements(moved) if p.tobytes() not in known}
    return (
        np.array([pattern for pattern, _ in new.values()], dtype=bool).reshape(-1, len(features)),
        np.array([moved for _, moved in new.values()]).reshape(-1, *features.shape),
    )


def collapse_values(*, n_samples: int, n_features: int, loss: str, regularisation: float, ratio: float) -> np.ndarray:
    """Return predicted and published value over the loss at zero, at ``ratio`` times the largest survival radius.

    The labels are the signs of the pattern that survives longest, so that a neuron and its mirror image fit them.
    """
    features, _ = problem_data(n_samples, n_features)
    patterns = enumerate_arrangements(features)
    survival = pattern_survival_radius(features, patterns)
    targets = np.where(patterns[survival.argmax()], 1.0, -1.0)
    radius = ratio * float(survival.max())
    predicted = robust_convex_program(
        features, targets, regularisation=regularisation, perturbation_radius=radius, loss=loss
    ).objective
    solved, _ = robust_program(features, targets, patterns, regularisation=regularisation, radius=radius, loss=loss)
    return np.array([predicted, solved]) / zero_loss(targets, loss)
