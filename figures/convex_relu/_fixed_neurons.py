"""Networks with fixed random hidden neurons: their excess over the optimum, and what decides it at first order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulations._streams import spawn_streams
from simulations.convex_relu import simulate_random_feature_gap, solve_by_pattern_generation
from theory.convex_relu import prune_network, random_feature_optimum, recover_network, solve_convex_program

DRAWS = 4096  # averaged in a trial of the smooth problem: the excess is so skewed
SPACINGS = 200  # draws for the mean of the control variate in each trial; with many more the rest of it is skewed
ON_HINGE = 1e-6  # distance of a row from the hinge of a neuron, relative, below which it lies there


def simulate_mean_gap(
    *,
    target_vector: list[float],
    regularisation: float,
    n_directions: int,
    n_trials: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    """Return averages (n_trials,) of the excess over ``DRAWS`` draws each, for features I_2."""
    task = dict(regularisation=regularisation, n_directions=n_directions, n_trials=DRAWS)
    return np.array([simulate_random_feature_gap(target_vector, seed=child, **task).mean()
                     for child in seed.spawn(n_trials)])  # fmt: skip


class Kinks(NamedTuple):
    """The optimal neurons in the plane with a row on their hinge.

    Angles of the directions, weights |alpha_j| |u_j|, and how steeply the price |z.(X u)_+| falls on either side.
    """

    angle: np.ndarray
    weight: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def constant(self) -> float:
        """Return the limit of N times the mean excess."""
        return float(2 * np.pi * self.weight @ (self.before * self.after / (self.before + self.after)))


def optimal_kinks(features: np.ndarray, targets: np.ndarray, regularisation: float) -> Kinks:
    """Find the optimal neurons that a row keeps from moving, with features (n, 2)."""
    solution = solve_convex_program(features, targets, regularisation=regularisation)
    network = prune_network(features, recover_network(solution))
    residual = targets - solution.fitted
    rows = []
    for hidden, output in zip(network.hidden_weights, network.output_weights, strict=True):
        size = np.linalg.norm(hidden)
        unit = hidden / size
        heights, turn = features @ unit, features @ np.array([-unit[1], unit[0]])
        hinge = np.abs(heights) < ON_HINGE * np.linalg.norm(features, axis=1)
        if hinge.any():
            before, after = (
                side * np.sign(output) * residual @ (turn * np.where(hinge, side * turn < 0, heights > 0))
                for side in (1, -1)
            )
            rows.append((np.arctan2(unit[1], unit[0]), abs(output) * size, before, after))
    # Sorted and without the solver's last bits, which stored draws would hang on.
    return Kinks(*np.round(sorted(rows), 9).reshape(-1, 4).T)


def simulate_kink_gap(
    *,
    features: np.ndarray,
    targets: np.ndarray,
    regularisation: float,
    kinks: Kinks,
    n_directions: int,
    n_trials: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    """Return the excess over the best network, with fixed neurons in random directions of the plane, (n_trials,).

    What the neighbours of the kinks cost at first order is taken off as a control variate; its mean is added from
    independent draws of the distances of these neighbours, so that the expectation is that of the excess whatever
    ``kinks`` holds.
    """
    least = solve_by_pattern_generation(features, targets, regularisation=regularisation, tolerance=1e-11).objective
    gaps = np.empty(n_trials)
    for trial, rng in enumerate(spawn_streams(seed, n_trials)):
        directions = rng.standard_normal((n_directions, 2))
        value = random_feature_optimum(features, targets, directions, regularisation=regularisation).objective
        ahead = np.mod(np.arctan2(directions[:, 1], directions[:, 0]) - kinks.angle[:, np.newaxis], 2 * np.pi)
        cost = _first_order(kinks, 2 * np.pi - ahead.max(axis=1), ahead.min(axis=1))
        shape = (SPACINGS, len(kinks.angle))
        first = -2 * np.pi * np.expm1(-rng.standard_exponential(shape) / n_directions)
        second = -(2 * np.pi - first) * np.expm1(-rng.standard_exponential(shape) / (n_directions - 1))
        gaps[trial] = value - least - cost + _first_order(kinks, first, second).mean()
    return gaps


def _first_order(kinks: Kinks, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return what it costs at first order that the next directions have these distances from the kinks."""
    return np.minimum(kinks.before * before, kinks.after * after) @ kinks.weight


def simulate_gap(
    *,
    features: np.ndarray,
    targets: np.ndarray,
    regularisation: float,
    n_directions: int,
    n_trials: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    """Return the excess over the best network, with fixed neurons in random directions of any dimension."""
    least = solve_by_pattern_generation(features, targets, regularisation=regularisation, tolerance=1e-11).objective
    return np.array(
        [random_feature_optimum(features, targets, rng.standard_normal((n_directions, features.shape[1])),
                                regularisation=regularisation).objective - least
         for rng in spawn_streams(seed, n_trials)]
    )  # fmt: skip


def nested_excesses(
    *, features: np.ndarray, targets: np.ndarray, regularisation: float, sizes: tuple[int, ...], seed: int
) -> np.ndarray:
    """Return the optima over the first directions of one sequence, relative to that of the best network."""
    least = solve_by_pattern_generation(features, targets, regularisation=regularisation, tolerance=1e-11).objective
    directions = np.random.default_rng(seed).standard_normal((max(sizes), features.shape[1]))
    return np.array(
        [random_feature_optimum(features, targets, directions[:size], regularisation=regularisation).objective / least
         for size in sizes]
    )  # fmt: skip
