"""Newton's method with conjugate gradients: from a nearly stationary point to rounding error, and away from saddles."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.neural_collapse._chain import hessian_product, loss_and_gradient
from simulations.neural_collapse._vectors import add, combine, dot

__all__ = ["ROUNDING", "newton"]

ROUNDING = 4e-16  # of a loss, relative
_RESIDUAL = 1e-2  # of the linear system of a step, relative to the gradient
_FLAT = 1e-9  # curvature that counts as zero, relative to the largest: rotations of a minimiser leave the loss as it is
_HALVINGS = 40
_UNDERFLOW = 1e-100  # gradient norm whose square is no longer exact


@njit(inline="always", error_model="numpy")
def newton(chain, parameters, gradient, space, max_products):
    """Take Newton steps as long as each halves the gradient; return the number of products with the Hessian.

    At a direction of negative curvature the parameters move along it instead, until the loss falls.
    """
    step, search = np.empty_like(parameters), np.empty_like(parameters)
    trial, trial_gradient = np.empty_like(parameters), np.empty_like(parameters)
    loss, n_products = loss_and_gradient(chain, parameters, gradient, space), 0
    norm = np.sqrt(dot(gradient, gradient))
    while norm > _UNDERFLOW and n_products < max_products:
        used, convex = _solve(chain, parameters, gradient, step, search, space, max_products - n_products)
        n_products += used
        if not convex:
            _leave(chain, parameters, gradient, search, loss, trial, trial_gradient, space)
            break
        combine(parameters, 1.0, step, trial)
        trial_loss = loss_and_gradient(chain, trial, trial_gradient, space)
        # Rounding of the gradient lets the loss rise by much less than this, a step to another valley does not.
        halved = dot(trial_gradient, trial_gradient) <= 0.25 * norm**2
        if not (halved and trial_loss <= loss + 1e-12 * abs(loss)):
            break
        parameters[:] = trial
        gradient[:] = trial_gradient
        loss, norm = trial_loss, np.sqrt(dot(gradient, gradient))
    return n_products


@njit(inline="always", error_model="numpy")
def _solve(chain, parameters, gradient, step, search, space, max_products):
    """Solve Hessian step = -gradient by conjugate gradients; return the products used and whether all was convex.

    If not, ``search`` holds the direction of negative curvature.
    """
    residual, product = gradient.copy(), np.empty_like(gradient)
    step[:] = 0.0
    np.negative(gradient, search)
    square, largest = dot(residual, residual), 0.0
    goal = _RESIDUAL**2 * square
    n_products = min(gradient.size, max_products)
    for used in range(1, n_products + 1):
        hessian_product(chain, parameters, search, product, space)
        curvature, length = dot(search, product), dot(search, search)
        largest = max(largest, abs(curvature) / length)
        if curvature <= _FLAT * largest * length:
            return used, curvature >= -_FLAT * largest * length
        add(step, square / curvature, search)
        add(residual, square / curvature, product)
        previous, square = square, dot(residual, residual)
        if square <= goal:
            return used, True
        for i in range(search.size):
            search[i] = square / previous * search[i] - residual[i]
    return n_products, True


@njit(inline="always", error_model="numpy")
def _leave(chain, parameters, gradient, search, loss, trial, trial_gradient, space):
    """Move downhill along a direction of negative curvature, by a tenth of the parameters' norm or less."""
    length = 0.1 * np.sqrt(dot(parameters, parameters) / dot(search, search))
    if dot(search, gradient) > 0.0:
        length = -length
    for _ in range(_HALVINGS):
        combine(parameters, length, search, trial)
        if loss_and_gradient(chain, trial, trial_gradient, space) < loss:
            parameters[:] = trial
            gradient[:] = trial_gradient
            return
        length *= 0.5
