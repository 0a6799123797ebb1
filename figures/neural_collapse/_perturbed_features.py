"""Random problems of features near or far from collapse, and their flows and minimisers: one problem for each trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations._streams import spawn_streams
from simulations.neural_collapse import simulate_central_path, simulate_proximity_minimiser

STENCIL = np.array([3, -32, 168, -672, 0, 672, -168, 32, -3]) / 840  # first derivative on nine points, order eight
COMPONENTS = ("within, in the span", "within, orthogonal", "means, symmetric", "means, antisymmetric",
              "means, orthogonal")  # fmt: skip


def random_flows(
    *, n_features: int, n_classes: int, n_per_class: int, n_times: int, n_trials: int, seed: Any
) -> dict[str, Any]:
    """Follow flows from random features; the scale of the features and the ridge vary over decades.

    Returns the features (T, d, N) at one moment, the rates of the two traces then by finite differences (T, 2), their
    values then (T, 2), the step in time of the differences, and the traces over a long time (T, n_times, 2).
    """
    labels = np.repeat(np.arange(n_classes), n_per_class)
    rows = []
    for rng in spawn_streams(seed, n_trials):
        ridge = 10 ** rng.uniform(-2, 2)
        means = 10 ** rng.uniform(-0.5, 0.5) * rng.standard_normal((n_features, n_classes))
        start = means[:, labels] + 10 ** rng.uniform(-0.5, 0.5) * rng.standard_normal((n_features, len(labels)))
        # No singular value of the features grows at a larger relative rate.
        pull = 1 / (ridge + np.linalg.svd(start, compute_uv=False)[-1] ** 2 / n_per_class)
        step = 0.03 / pull
        near = simulate_central_path(start, labels, weight_ridge=ridge, times=step * np.arange(9))
        far = simulate_central_path(start, labels, weight_ridge=ridge, times=np.linspace(0, 5 / pull, n_times))
        traces = np.stack([near.within, near.between])
        rows.append((near.features[4], traces @ STENCIL / step, traces[:, 4], step,
                     np.stack([far.within, far.between], 1), ridge))  # fmt: skip
    return _stacked(("features", "rates", "traces", "step", "path", "weight_ridge"), rows)


def one_flow(*, n_times: int, last_time: float, weight_ridge: float, seed: int) -> dict[str, Any]:
    """Follow one flow of four classes of six samples in nine dimensions, over evenly spaced times."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), 6)
    start = 0.8 * rng.standard_normal((9, 4))[:, labels] + 0.8 * rng.standard_normal((9, len(labels)))
    path = simulate_central_path(start, labels, weight_ridge=weight_ridge, times=np.linspace(0.0, last_time, n_times))
    return path._asdict() | dict(labels=labels)


def random_minimisers(*, n_features: int, n_classes: int, n_per_class: int, n_trials: int, seed: Any) -> dict[str, Any]:
    """Minimise for random given features, anything but collapsed; returns features, classifiers and the proximities."""
    labels = np.repeat(np.arange(n_classes), n_per_class)
    rows = []
    for rng in spawn_streams(seed, n_trials):
        given = rng.standard_normal((n_features, n_classes))[:, labels]
        given = 10 ** rng.uniform(-0.5, 0.5) * (given + rng.uniform(0.1, 2) * rng.standard_normal(given.shape))
        proximity, ridge = 10 ** rng.uniform(-1.5, 1), 10 ** rng.uniform(-2, 0)
        found = simulate_proximity_minimiser(given, labels, weight_ridge=ridge, proximity=proximity)
        rows.append((given, found.features, found.classifier, proximity))
    return _stacked(("given", "features", "classifier", "proximity"), rows)


def tied_more_and_more(*, proximities: np.ndarray, weight_ridge: float, n_trials: int, seed: Any) -> dict[str, Any]:
    """Minimise for growing proximities: moves of the features (T, n, d, N), and one step (T, d, N) of the flow."""
    labels = np.repeat(np.arange(3), 4)
    rows = []
    for rng in spawn_streams(seed, n_trials):
        given = rng.standard_normal((5, len(labels)))
        classifier = ridge_regression(given, labels, 4 * weight_ridge)
        velocity = classifier.T @ (np.eye(3)[:, labels] - classifier @ given)
        ends = [simulate_proximity_minimiser(given, labels, weight_ridge=weight_ridge, proximity=value)
                for value in proximities]  # fmt: skip
        rows.append(([end.features - given for end in ends], velocity))
    return _stacked(("moves", "velocity"), rows)


def collapsed_minimisers(
    *, input_scale: float, weight_ridge: float, proximity: float, n_trials: int, seed: Any
) -> dict[str, Any]:
    """Minimise for collapsed given features in random frames.

    Returns the scales of features and classifier along the frame, and what is left beside it, relative to them; for the
    features also beside the frame turned by 1e-6 in one plane.
    """
    labels = np.repeat(np.arange(4), 3)
    rows = []
    for rng in spawn_streams(seed, n_trials):
        frame = random_frame(rng, 7, 4)
        found = simulate_proximity_minimiser(
            input_scale * frame[:, labels], labels, weight_ridge=weight_ridge, proximity=proximity
        )
        scale = np.sum(found.features * frame[:, labels]) / len(labels)
        classifier_scale = np.sum(found.classifier * frame.T) / 4
        turned = frame.copy()
        turned[:2] = np.array([[1.0, -1e-6], [1e-6, 1.0]]) @ frame[:2]
        beside = [np.linalg.norm(found.features - scale * one[:, labels]) / (scale * np.sqrt(len(labels)))
                  for one in (frame, turned)]  # fmt: skip
        classifier_beside = np.linalg.norm(found.classifier - classifier_scale * frame.T) / (2 * classifier_scale)
        rows.append((scale, classifier_scale, *beside, classifier_beside))
    return _stacked(("scale", "classifier_scale", "features_beside", "beside_turned", "classifier_beside"), rows)


def responses(*, step: float, sizes: np.ndarray, n_trials: int, seed: Any, **model: float) -> dict[str, Any]:
    """Perturb collapsed given features, d = 7, K = 4, n = 6, by each of COMPONENTS and by all of them together.

    Perturbations have Frobenius norm 1. Returns frames (T, d, K); for the components the perturbations (T, 5, d, N) and
    the derivatives of features and classifier by central differences; for all together the perturbation (T, d, N), the
    changes (T, n_sizes, d, N) at each of ``sizes``, and the derivative of the classifier (T, K, d). ``model``:
    input_scale, weight_ridge, proximity.
    """
    labels = np.repeat(np.arange(4), 6)
    rows = []
    for rng in spawn_streams(seed, n_trials):
        frame = random_frame(rng, 7, 4)

        def minimum(change: np.ndarray, frame: np.ndarray = frame) -> Any:
            given = model["input_scale"] * frame[:, labels] + change
            return simulate_proximity_minimiser(
                given, labels, weight_ridge=model["weight_ridge"], proximity=model["proximity"]
            )

        parts = _components(rng, frame, labels)
        whole = parts.sum(axis=0) / np.linalg.norm(parts.sum(axis=0))
        derivatives = []
        for part in (*parts, whole):
            ahead, behind = minimum(step * part), minimum(-step * part)
            derivatives.append([(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)])
        centre = minimum(0.0 * whole).features
        changes = [minimum(size * whole).features - centre for size in sizes]
        rows.append((frame, parts, [features for features, _ in derivatives[:-1]], whole, changes, derivatives[-1][1]))
    return _stacked(("frame", "parts", "derivatives", "whole", "changes", "classifier_derivative"), rows)


def _components(rng: np.random.Generator, frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return one random perturbation of every kind, (5, d, N), of norm 1."""
    noise = rng.standard_normal((frame.shape[0], len(labels)))
    targets = np.eye(frame.shape[1])[:, labels]
    deviations = noise - noise @ targets.T @ targets / targets.sum(axis=1)[0]
    within = frame @ (frame.T @ deviations)
    means, square = rng.standard_normal(frame.shape), rng.standard_normal((frame.shape[1], frame.shape[1]))
    mean_parts = (frame @ (square + square.T), frame @ (square - square.T), means - frame @ (frame.T @ means))
    parts = np.array([within, deviations - within, *(part[:, labels] for part in mean_parts)])
    return parts / np.linalg.norm(parts, axis=(1, 2), keepdims=True)


def random_frame(rng: np.random.Generator, n_features: int, n_classes: int) -> np.ndarray:
    """Return orthonormal columns (d, K)."""
    return np.linalg.qr(rng.standard_normal((n_features, n_classes)))[0]


def ridge_regression(features: np.ndarray, labels: np.ndarray, decay: float) -> np.ndarray:
    """Return the best classifier (K, d) of one-hot labels: Y H' (H H' + decay I)^-1."""
    targets = np.eye(labels.max() + 1)[:, labels]
    return np.linalg.solve(features @ features.T + decay * np.eye(len(features)), features @ targets.T).T


def _stacked(names: tuple[str, ...], rows: list[Any]) -> dict[str, Any]:
    return {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
