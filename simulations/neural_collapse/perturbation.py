"""Features near collapse: gradient flow on the central path, and minimisers tied to given features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from assay.base import array, number, require
from simulations.neural_collapse._input import checked_labels

__all__ = ["CentralPath", "ProximityMinimiser", "simulate_central_path", "simulate_proximity_minimiser"]

_ALTERNATIONS = 30  # of exact solves for features and classifier, before Newton is tried
_ROUNDS = 1000


class CentralPath(NamedTuple):
    """Along the flow: traces of the within-class and between-class covariance, (n_times,), and (n_times, d, N).

    ``within`` is the mean over samples of the squared distance to the class mean, ``between`` the mean over classes of
    that of the class mean to the mean of all samples.
    """

    within: np.ndarray
    between: np.ndarray
    features: np.ndarray


class ProximityMinimiser(NamedTuple):
    """Features (d, N) and classifier (K, d) at the minimum."""

    features: np.ndarray
    classifier: np.ndarray


def simulate_central_path(
    features: ArrayLike, labels: ArrayLike, *, weight_ridge: float, times: ArrayLike
) -> CentralPath:
    """Integrate ``dH/dt = -W'(W H - Y)`` with W the ridge regression of the one-hot labels Y on the features H.

    ``W = Y H' (H H' + n weight_ridge I)^{-1}``, n samples in each class. Integrated by an explicit Runge-Kutta method
    of order 8 with relative error 1e-10.

    features: H at time 0, (d, N). labels: (N,), classes 0 .. K - 1 with n samples each. times: (n_times,), at least 0
    and strictly increasing. Source: Tirer, Huang and Niles-Weed, "Perturbation Analysis of Neural Collapse", arXiv
    2210.16658.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the integration fails.
    """
    start, targets, size = _checked_data("features", features, labels)
    weight_ridge = number("weight_ridge", weight_ridge, "(0, inf)")
    times = array("times", times, "[0, inf)", shape=(None,))
    require(bool(np.all(np.diff(times) > 0.0)), "times", times, "strictly increasing numbers")

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        now = flat.reshape(start.shape)
        classifier = _ridge_regression(now, targets, size * weight_ridge)
        return (classifier.T @ (targets - classifier @ now)).ravel()

    path = np.broadcast_to(start, (len(times), *start.shape))
    if times[-1] > 0.0:
        scale = float(np.abs(start).max())
        flow = solve_ivp(
            velocity, (0.0, times[-1]), start.ravel(), method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12 * scale
        )
        if not flow.success:
            raise RuntimeError(f"the flow could not be integrated: {flow.message}")
        path = flow.y.T.reshape(len(times), *start.shape)
    means = path @ targets.T / size
    within = np.sum((path - means @ targets) ** 2, axis=(1, 2)) / start.shape[1]
    between = np.sum((means - means.mean(axis=2, keepdims=True)) ** 2, axis=(1, 2)) / len(targets)
    return CentralPath(within, between, np.array(path))


def simulate_proximity_minimiser(
    input_features: ArrayLike, labels: ArrayLike, *, weight_ridge: float, proximity: float
) -> ProximityMinimiser:
    """Minimise ``|W H - Y|^2 / 2Kn + weight_ridge |W|^2 / 2K + proximity |H - H_0|^2 / 2Kn`` over features and weights.

    Y holds one-hot labels. From H = H_0 on, H and W are set to their exact minimisers in turn; once close, Newton's
    method on W, with H eliminated, runs to rounding error. The end is a strict local minimum in the valley of H_0.

    input_features: H_0, (d, N). labels: (N,), classes 0 .. K - 1 with n samples each. Cost: a dense Hessian of size
    K d for each of a few Newton steps. Source: Tirer, Huang and Niles-Weed, arXiv 2210.16658.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` where the descent does not converge.
    """
    tie, targets, size = _checked_data("input_features", input_features, labels)
    decay = size * number("weight_ridge", weight_ridge, "(0, inf)")
    proximity = number("proximity", proximity, "(0, inf)")
    classifier = _ridge_regression(tie, targets, decay)
    goal = 1e-13 * float(np.linalg.norm(targets @ tie.T))
    for _ in range(_ROUNDS):
        for _ in range(_ALTERNATIONS):
            features = _tied_features(classifier, tie, targets, proximity)
            classifier = _ridge_regression(features, targets, decay)
        classifier, residual = _newton(classifier, tie, targets, decay, proximity)
        if residual <= goal:
            return ProximityMinimiser(_tied_features(classifier, tie, targets, proximity), classifier)
    raise RuntimeError(f"the minimiser was not found: the gradient norm is still {residual:.2g} (goal {goal:.2g})")


def _tied_features(classifier: np.ndarray, tie: np.ndarray, targets: np.ndarray, proximity: float) -> np.ndarray:
    """Return the minimiser over the features for a given classifier."""
    capacity = classifier @ classifier.T + proximity * np.eye(len(classifier))
    return tie + classifier.T @ np.linalg.solve(capacity, targets - classifier @ tie)


def _newton(
    classifier: np.ndarray, tie: np.ndarray, targets: np.ndarray, decay: float, proximity: float
) -> tuple[np.ndarray, float]:
    """Take Newton steps while each halves the gradient and the Hessian is positive; return W and the gradient norm.

    Everything is K n times the derivatives of the objective with the features eliminated.
    """
    previous, best = np.inf, classifier
    while True:
        features = _tied_features(classifier, tie, targets, proximity)
        residual = targets - classifier @ features
        gram, pull = features @ features.T, residual @ features.T
        gradient = decay * classifier - pull
        norm = float(np.linalg.norm(gradient))
        if not norm < 0.5 * previous:
            return best, previous
        previous, best = norm, classifier
        if norm == 0.0:
            return best, norm
        dimension = len(tie)
        inverse = np.linalg.inv(classifier.T @ classifier + proximity * np.eye(dimension))
        moves = np.eye(classifier.size).reshape(-1, *classifier.shape)
        turned = moves.transpose(0, 2, 1)
        moved_gram = inverse @ (turned @ pull - classifier.T @ moves @ gram)  # dH H'
        moved_pull = (residual @ residual.T @ moves - pull @ turned @ classifier) @ inverse  # R dH'
        hessian = decay * moves + moves @ gram + classifier @ moved_gram - moved_pull
        hessian = hessian.reshape(classifier.size, -1)
        try:
            factor = cho_factor(0.5 * (hessian + hessian.T))
        except LinAlgError:
            return best, norm
        classifier = classifier - cho_solve(factor, gradient.ravel()).reshape(classifier.shape)


def _ridge_regression(features: np.ndarray, targets: np.ndarray, decay: float) -> np.ndarray:
    """Return ``Y H' (H H' + decay I)^{-1}``, by the smaller of the two systems."""
    if len(features) <= features.shape[1]:
        gram = features @ features.T
        gram[np.diag_indices_from(gram)] += decay
        return cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), features @ targets.T).T
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += decay
    return cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), targets.T).T @ features.T


def _checked_data(name: str, features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray, float]:
    """Return features (d, N), one-hot labels (K, N), and the number of samples of every class."""
    points = array(name, features, shape=(None, None))
    classes = checked_labels(labels, n_samples=points.shape[1], balanced=True)
    targets = np.eye(int(classes.max()) + 1)[:, classes]
    return points, targets, targets.shape[1] / len(targets)
