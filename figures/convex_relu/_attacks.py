"""Networks under attack: what training reaches, what worst corners do, and how long patterns survive."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.optimize import nnls

from figures.convex_relu._problems import problem_data
from simulations.convex_relu import simulate_adversarial_training
from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    pattern_survival_radius,
    recover_network,
    robust_convex_program,
    solve_convex_program,
    worst_case_objective,
)


def labelled_data(*, n_samples: int, n_features: int, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference problem, with the signs of its targets for the hinge and the logistic loss."""
    features, targets = problem_data(n_samples, n_features)
    return features, targets if loss == "squared" else np.where(targets >= 0.0, 1.0, -1.0)


def zero_loss(targets: np.ndarray, loss: str) -> float:
    return total_loss(np.abs(targets) if loss == "squared" else 0.0 * targets, loss)


def total_loss(discrepancies: np.ndarray, loss: str) -> float:
    """Return the loss from |f - y| for the squared loss, from -y f for the others."""
    if loss == "squared":
        return 0.5 * float(discrepancies @ discrepancies)
    return float(np.mean(np.maximum(1.0 + discrepancies, 0.0) if loss == "hinge" else np.logaddexp(0.0, discrepancies)))


def corner_objective(
    features: np.ndarray, targets: np.ndarray, network: TwoLayerNetwork, *, regularisation: float, radius: float,
    loss: str,
) -> float:  # fmt: skip
    """Return the objective with every sample at the worst corner of its box."""
    corners = np.array(list(itertools.product((-radius, radius), repeat=features.shape[1])))
    fitted = np.maximum((features + corners[:, np.newaxis]) @ network.hidden_weights.T, 0.0) @ network.output_weights
    worst = (np.abs(fitted - targets) if loss == "squared" else -targets * fitted).max(axis=0)
    penalty = 0.5 * regularisation * (np.sum(network.hidden_weights**2) + np.sum(network.output_weights**2))
    return total_loss(worst, loss) + float(penalty)


def recovered_values(
    *, n_samples: int, n_features: int, loss: str, regularisation: float, radius: float
) -> dict[str, float]:
    """Return the predicted value, and what the networks of robust and of clean training suffer."""
    features, targets = labelled_data(n_samples=n_samples, n_features=n_features, loss=loss)
    attack: dict[str, Any] = dict(regularisation=regularisation, perturbation_radius=radius, loss=loss)
    robust = robust_convex_program(features, targets, **attack)
    network = recover_network(robust)
    clean = recover_network(solve_convex_program(features, targets, regularisation=regularisation, loss=loss))
    corners = corner_objective(features, targets, network, regularisation=regularisation, radius=radius, loss=loss)
    return dict(
        value=robust.objective,
        corners=corners,
        vertices=worst_case_objective(features, targets, network, **attack),
        clean=worst_case_objective(features, targets, clean, **attack),
        n_neurons=float(len(network.output_weights)),
    )


def trained_objectives(
    *, n_samples: int, n_features: int, loss: str, regularisation: float, radius: float, width: int, n_trials: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:  # fmt: skip
    """Return the worst-case objectives that restarts of adversarial training reach, (n_trials,)."""
    features, targets = labelled_data(n_samples=n_samples, n_features=n_features, loss=loss)
    return simulate_adversarial_training(
        features, targets, regularisation=regularisation, perturbation_radius=radius, width=width, n_trials=n_trials,
        seed=seed, loss=loss,
    ).objective  # fmt: skip


def attacks_on_random_networks(*, n_samples: int, n_features: int, loss: str, regularisation: float, radius: float,
                               **sampling: Any) -> dict[str, np.ndarray]:  # fmt: skip
    """Return worst-case objectives of networks after one step of training: simulated, predicted and wrong ones."""
    features, targets = labelled_data(n_samples=n_samples, n_features=n_features, loss=loss)
    rest: dict[str, Any] = dict(regularisation=regularisation, loss=loss)
    runs = simulate_adversarial_training(
        features, targets, perturbation_radius=radius, n_steps=1, **rest, **sampling
    )  # fmt: skip
    networks = [TwoLayerNetwork(*weights) for weights in zip(runs.hidden_weights, runs.output_weights, strict=True)]
    return dict(
        simulated=runs.objective,
        vertices=np.array(
            [worst_case_objective(features, targets, one, perturbation_radius=radius, **rest) for one in networks]
        ),
        corners=np.array([corner_objective(features, targets, one, radius=radius, **rest) for one in networks]),
        unattacked=np.array([corner_objective(features, targets, one, radius=0.0, **rest) for one in networks]),
    )


def survival_by_vertices(features: np.ndarray, pattern: np.ndarray) -> float:
    """Return max over ||u||_1 <= 1 of min_k s_k x_k.u, by all vertices of this piecewise-linear program."""
    n, d = features.shape
    signed = np.where(pattern, 1.0, -1.0)[:, np.newaxis] * features
    best = 0.0
    for signs in itertools.product((-1.0, 1.0), repeat=d):
        # (u, t) with signs.u = 1 and d of the constraints s_k x_k.u = t, u_c = 0 active.
        rows = np.vstack([np.column_stack([signed, -np.ones(n)]), np.column_stack([np.eye(d), np.zeros(d)])])
        chosen = np.array(list(itertools.combinations(range(n + d), d)))
        first = np.broadcast_to([*signs, 0.0], (len(chosen), 1, d + 1))
        systems = np.concatenate([first, rows[chosen]], axis=1)
        regular = np.abs(np.linalg.det(systems)) > 1e-12
        vertices = np.linalg.solve(systems[regular], np.eye(d + 1)[:, :1])[..., 0]
        u, heights = vertices[:, :d], vertices[:, d]
        inside = (u * signs >= -1e-12).all(axis=1) & ((u @ signed.T).min(axis=1) >= heights - 1e-12)
        best = max(best, heights[inside].max(initial=0.0))
    return best


def survival_radii(*, n_samples: int, n_features: int, draw: int) -> dict[str, np.ndarray]:
    """Return the survival radii of all patterns, predicted, by vertices, and by wrong distances."""
    features, _ = problem_data(n_samples, n_features, draw)
    patterns = enumerate_arrangements(features)
    signed = np.where(patterns, 1.0, -1.0)[:, :, np.newaxis] * features
    return dict(
        predicted=pattern_survival_radius(features, patterns),
        vertices=np.array([survival_by_vertices(features, pattern) for pattern in patterns]),
        euclidean=np.array([_euclidean_distance(rows) for rows in signed]),
        nearest_row=np.full(len(patterns), np.abs(features).max(axis=1).min()),
    )


def _euclidean_distance(points: np.ndarray) -> float:
    """Return the Euclidean distance of 0 from the convex hull of the points."""
    heavy = 1e3 * np.abs(points).max()
    weights, _ = nnls(np.vstack([points.T, np.full(len(points), heavy)]), np.append(np.zeros(points.shape[1]), heavy))
    return float(np.linalg.norm(weights @ points) / weights.sum())
