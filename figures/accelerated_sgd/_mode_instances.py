"""Random schemes and eigenvalues for the mean dynamics of one eigendirection, judged by numerical eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq

from theory.accelerated_sgd import (
    MomentumScheme,
    acceleration_crossover,
    complex_eigenvalue_window,
    mode_spectral_radius,
)

EDGE = 1e-6  # relative distance from a threshold below which a decision is left to rounding
SMOOTH = 1e-3  # from a double eigenvalue, whose numerical value keeps half of the digits


def mode_decisions(*, batch: int, n_instances: int) -> dict[str, Any]:
    """Return shares of wrong decisions and the largest error of the spectral radius, over random instances."""
    rng = np.random.default_rng([3, batch])
    schemes = random_schemes(rng, n_instances)
    delta, c, q = _columns(schemes)
    crossover = np.array([acceleration_crossover(scheme) for scheme in schemes])
    lower, upper = np.array([complex_eigenvalue_window(scheme) for scheme in schemes]).T
    limit = np.minimum(1 / delta, 2 * (1 + c) / (q + c * delta))
    return dict(
        **_crossings(rng, delta, c, q, crossover, lower, upper, limit),
        **_windows(rng, schemes, lower, upper, limit),
    )


def crossing_roots(*, n_schemes: int) -> dict[str, np.ndarray]:
    """Return, for random schemes, where the numerical spectral radius meets 1 - delta lambda, and the predictions."""
    schemes = random_schemes(np.random.default_rng(4), n_schemes)
    roots = []
    for scheme in schemes:
        delta, c, q = _columns([scheme])
        guess = (1 - c[0]) / delta[0]
        end = min(2 * guess, 0.9999 / delta[0], 1.9998 * (1 + c[0]) / (q[0] + c[0] * delta[0]))

        def excess(value: float, steps: tuple[np.ndarray, ...] = (delta, c, q)) -> float:
            return float(_roots(np.array([value]), *steps)[0][0] - (1 - steps[0][0] * value))

        roots.append(brentq(excess, 0.5 * guess, end, xtol=1e-300, rtol=1e-14))
    lower, upper = np.array([complex_eigenvalue_window(scheme) for scheme in schemes]).T
    predicted = np.array([acceleration_crossover(scheme) for scheme in schemes])
    return dict(root=np.array(roots), crossover=predicted, lower=lower, upper=upper)


def random_schemes(rng: np.random.Generator, n: int) -> list[MomentumScheme]:
    """Draw schemes with delta < q < delta (1 + 3c) / (1 - c)."""
    delta, c = 10.0 ** rng.uniform(-2, 0.5, n), rng.uniform(0.02, 0.99, n)
    longest = 4 * c / (1 - c)
    q = delta * (1 + longest * rng.uniform(0.01, 0.99, n) ** 2)
    return [MomentumScheme(*numbers) for numbers in zip(delta.tolist(), c.tolist(), q.tolist(), strict=True)]


def _columns(schemes: list[MomentumScheme]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    delta, c, q = np.array([(s.learning_rate, s.momentum, s.lookahead_learning_rate) for s in schemes]).T
    return delta, c, q


def _roots(values: np.ndarray, delta: np.ndarray, c: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spectral radius and whether the eigenvalues are complex, of (w, y) -> (y - delta g, ...), g = value y."""
    matrices = np.zeros((len(values), 2, 2))
    matrices[:, 0, 1] = 1 - delta * values
    matrices[:, 1, 0] = -c
    matrices[:, 1, 1] = 1 + c - q * values
    roots = np.linalg.eigvals(matrices)
    return np.abs(roots).max(axis=1), np.iscomplex(roots).any(axis=1)


def _near(rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Draw eigenvalues within a factor of ten of given places."""
    return places * 10.0 ** rng.uniform(-1, 1, len(places))


def _crossings(rng: np.random.Generator, delta: np.ndarray, c: np.ndarray, q: np.ndarray, crossover: np.ndarray,
               lower: np.ndarray, upper: np.ndarray, limit: np.ndarray) -> dict[str, float]:  # fmt: skip
    spread = rng.random(len(limit)) < 0.5
    values = np.where(spread, limit * rng.random(len(limit)), _near(rng, crossover))
    kept = (values < 0.9999 * limit) & (np.abs(values / crossover - 1) > EDGE)
    faster = _roots(values, delta, c, q)[0] < 1 - delta * values
    wrong = {"crossing": crossover, "crossing_at_lower": lower, "crossing_at_upper": upper}
    shares = {name: float(((values < place) != faster)[kept].mean()) for name, place in wrong.items()}
    for name, place in (("misplaced", crossover), ("misplaced_sign", (1 + c) / delta)):
        outside = (lower > place * (1 + EDGE)) | (place > upper * (1 + EDGE))
        shares[name] = float(outside.mean())
    return shares


def _windows(rng: np.random.Generator, schemes: list[MomentumScheme], lower: np.ndarray, upper: np.ndarray,
             limit: np.ndarray) -> dict[str, float]:  # fmt: skip
    delta, c, q = _columns(schemes)
    values = _near(rng, np.where(rng.random(len(lower)) < 0.5, lower, upper))
    radius, oscillates = _roots(values, delta, c, q)
    away = np.minimum(np.abs(values / lower - 1), np.abs(values / upper - 1))
    heavy_ball = ((1 - np.sqrt(c)) ** 2 / q < values) & (values < (1 + np.sqrt(c)) ** 2 / q)
    inside = (lower < values) & (values < upper)
    kept, smooth = away > EDGE, (away > SMOOTH) & (values < limit)
    predicted = np.array([mode_spectral_radius([x], scheme)[0] for x, scheme in zip(values, schemes, strict=True)])
    return dict(
        window=float((inside != oscillates)[kept].mean()),
        window_of_heavy_ball=float((heavy_ball != oscillates)[kept].mean()),
        radius=float(np.abs(predicted - radius)[smooth].max()),
        radius_root_c=float(np.abs(np.sqrt(c) - radius)[smooth & inside].max()),
    )
