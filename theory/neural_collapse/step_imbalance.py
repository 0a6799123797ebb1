"""Supervised contrastive features without a sign constraint, for classes of two sizes.

Setting in :mod:`theory.neural_collapse.contrastive`. A result of this project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from assay.base import integer, number

__all__ = ["StepGeometry", "scl_step_geometry"]

MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class StepGeometry:
    """Least ``loss`` and the cosines of features of two majority, two minority, and one class of either kind."""

    loss: float
    majority_cosine: float
    minority_cosine: float
    cross_cosine: float


def scl_step_geometry(
    n_majority_classes: int,
    n_minority_classes: int,
    majority_size: int,
    minority_size: int,
    *,
    temperature: float = 1.0,
) -> StepGeometry:
    """Return the full-batch minimiser of the supervised contrastive loss for classes of two sizes, without signs.

    Assumptions: K_a classes of n_a samples and K_b of n_b, all at least 2, features of norm at most 1 and d >= K - 1.
    Statement: the loss is convex in the Gram matrix, so that features collapse to class means whose cosines x
    (majority), y (minority) and z (across) depend on the kinds alone; the Gram matrix is singular,
    z = -sqrt((1 + (K_a - 1) x)(1 + (K_b - 1) y) / (K_a K_b)), and (x, y) minimise the sum over both kinds of
    K_a n_a log[n_a - 1 + (K_a - 1) n_a e^((x-1)/T) + K_b n_b e^((z-1)/T)].

    As n_a / n_b grows, the majority tends to its own simplex frame and y to the lesser of 1 and
    T log[(q + K_a e^(-1/T))^2 / (4 K_a e q)], with e = exp(-K_a / ((K_a - 1) T)) and q = 1 + (K_a - 1) e, whatever K_b
    and n_b. Where the logarithm exceeds 1 (for T = 1: K_a = 2), all minority classes coincide beyond a finite ratio.

    Which kind is larger does not matter. Exact (damped Newton iteration to rounding).

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the iteration does not settle.
    """
    classes = np.array(
        [
            integer("n_majority_classes", n_majority_classes, "[2, inf)"),
            integer("n_minority_classes", n_minority_classes, "[2, inf)"),
        ],
        dtype=np.float64,
    )
    sizes = np.array(
        [
            integer("majority_size", majority_size, "[2, inf)"),
            integer("minority_size", minority_size, "[2, inf)"),
        ],
        dtype=np.float64,
    )
    problem = _StepProblem(classes, sizes, number("temperature", temperature, "(0, inf)"))
    x, y, z = problem.cosines(_minimise(problem))
    return StepGeometry(problem.loss(x, y, z), float(x), float(y), float(z))


class _StepProblem:
    """The loss over its infimum n log(n - 1) per class, as a function of (u, v) >= 0 that is smooth at the edge.

    x = (u^2 - 1)/(K_a - 1), y = (v^2 - 1)/(K_b - 1), z = -u v / sqrt(K_a K_b). Its logarithm is minimised, so that low
    temperatures neither underflow nor leave a flat landscape.
    """

    def __init__(self, classes: np.ndarray, sizes: np.ndarray, temperature: float) -> None:
        self.classes, self.sizes, self.temperature = classes, sizes, temperature
        self.samples, self.bounds = classes * sizes, np.sqrt(classes)
        # Weights of the pairs of one kind and of the pairs across, over those of a class with itself.
        self.log_same = np.log((classes - 1.0) * sizes / (sizes - 1.0))
        self.log_cross = np.log(self.samples[::-1] / (sizes - 1.0))
        self.cross_scale = math.sqrt(classes.prod())

    def cosines(self, point: np.ndarray) -> np.ndarray:
        u, v = point
        x, y = np.where(point < self.bounds, (point**2 - 1.0) / (self.classes - 1.0), 1.0)
        return np.array([x, y, -u * v / self.cross_scale])

    def loss(self, x: float, y: float, z: float) -> float:
        same = (self.classes - 1.0) * self.sizes * np.exp((np.array([x, y]) - 1.0) / self.temperature)
        cross = self.samples[::-1] * math.exp((z - 1.0) / self.temperature)
        return float(np.sum(self.samples * np.log1p(self.sizes - 2.0 + same + cross)))

    def falls(self, point: np.ndarray, step: np.ndarray, value: float, gradient: np.ndarray) -> bool:
        """Return whether a step, cut at the bounds, lowers the value by a share of what its slope promises."""
        trial = np.minimum(point + step, self.bounds)
        promised = float(gradient @ (trial - point))
        return bool(np.all(trial > 0.0)) and self.derivatives(trial)[0] <= value + 1e-4 * promised

    def derivatives(self, point: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the logarithm of the excess loss, its gradient (2,) and Hessian (2, 2) in (u, v)."""
        x, y, z = self.cosines(point)
        same = self.log_same + (np.array([x, y]) - 1.0) / self.temperature
        cross = self.log_cross + (z - 1.0) / self.temperature
        log_share = np.logaddexp(same, cross)
        excess = np.log(self.samples) + _log_log1p(log_share)
        value = float(logsumexp(excess))
        slope_z = -point[::-1] / self.cross_scale
        curve_z = np.array([[0.0, -1.0], [-1.0, 0.0]]) / self.cross_scale
        gradient, hessian = np.zeros(2), np.zeros((2, 2))
        for kind in (0, 1):
            weight_same, weight_cross = np.exp(same[kind] - log_share[kind]), np.exp(cross[kind] - log_share[kind])
            slope_own, curve_own = np.zeros(2), np.zeros((2, 2))
            slope_own[kind] = 2.0 * point[kind] / (self.classes[kind] - 1.0)
            curve_own[kind, kind] = 2.0 / (self.classes[kind] - 1.0)
            slope = (weight_same * slope_own + weight_cross * slope_z) / self.temperature
            curve = (weight_same * curve_own + weight_cross * curve_z) / self.temperature
            apart = (slope_own - slope_z) / self.temperature
            curve += weight_same * weight_cross * np.outer(apart, apart)
            rise, bend = _log_log1p_slopes(log_share[kind])
            weight = math.exp(excess[kind] - value)
            gradient += weight * rise * slope
            hessian += weight * (rise * curve + (bend + rise**2) * np.outer(slope, slope))
        return value, gradient, hessian - np.outer(gradient, gradient)


def _log_log1p(log_share: np.ndarray) -> np.ndarray:
    """Return log(log(1 + e^s)), which is s to rounding where e^s is small."""
    tiny = log_share < -40.0
    return np.where(tiny, log_share, np.log(np.logaddexp(0.0, np.where(tiny, 0.0, log_share))))


def _log_log1p_slopes(log_share: float) -> tuple[float, float]:
    """Return the first and second derivative of log(log(1 + e^s)) in s."""
    share = math.exp(log_share)
    rise = share / ((1.0 + share) * math.log1p(share)) if share > 0.0 else 1.0
    return rise, rise * (1.0 / (1.0 + share) - rise)


def _minimise(problem: _StepProblem) -> np.ndarray:
    """Newton's iteration in the variables that are free, uphill directions turned round; steps end at the upper bound.

    A variable is held at its bound, where all classes of its kind coincide, while the value falls towards it.
    """
    point, last = np.ones(2), math.inf
    for _ in range(MAX_ITERATIONS):
        value, gradient, hessian = problem.derivatives(point)
        free = (point < problem.bounds) | (gradient > 0.0)
        curvatures, axes = np.linalg.eigh(hessian[np.ix_(free, free)])
        step = np.zeros(2)
        step[free] = -axes @ ((axes.T @ gradient[free]) / np.maximum(np.abs(curvatures), 1e-12 * np.abs(hessian).max()))
        trial = np.minimum(point + step, problem.bounds)
        length, promised = float(np.abs(trial - point).max()), float(gradient @ (point - trial))
        # Below this gain rounding hides whether the value falls, and Newton steps are taken as they are.
        quiet = abs(promised) < 1e-12
        if quiet and length <= 1e-5 and (length >= 0.5 * last or length <= 1e-16):
            return point
        scale = 1.0
        while not quiet and not problem.falls(point, scale * step, value, gradient):
            scale *= 0.5
            if scale < 1e-12:
                raise RuntimeError(f"no descent from {point} for classes {problem.classes}, sizes {problem.sizes}")
        point, last = np.minimum(point + scale * step, problem.bounds), length
    raise RuntimeError(f"no minimum in {MAX_ITERATIONS} steps for classes {problem.classes}, sizes {problem.sizes}")
