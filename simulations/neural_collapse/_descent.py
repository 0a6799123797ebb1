"""Training by the heavy ball, and by L-BFGS that hands over to Newton's method."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.neural_collapse._chain import loss_and_gradient
from simulations.neural_collapse._newton import ROUNDING, newton
from simulations.neural_collapse._vectors import add, combine, dot

__all__ = ["heavy_ball", "minimise"]

_MEMORY = 8  # pairs that L-BFGS keeps
_HANDOVER = 1e-3  # gradient norm at which Newton's method is first tried, relative to the start
_HALVINGS = 60


@njit(cache=True, nogil=True)
def heavy_ball(chain, parameters, velocity, space, learning_rate, momentum, path):
    """Move parameters and velocity by ``v <- momentum v - learning_rate gradient, x <- x + v``, len(path) times.

    Each row of ``path`` takes as many of the new parameters as it has places, the features first.
    """
    gradient = np.empty_like(parameters)
    for step in range(len(path)):
        loss_and_gradient(chain, parameters, gradient, space)
        _heavy_ball_step(parameters, velocity, gradient, learning_rate, momentum)
        for i in range(path.shape[1]):
            path[step, i] = parameters[i]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _heavy_ball_step(parameters, velocity, gradient, learning_rate, momentum):
    for i in range(parameters.size):
        velocity[i] = momentum * velocity[i] - learning_rate * gradient[i]
        parameters[i] += velocity[i]


@njit(cache=True, nogil=True, error_model="numpy")
def minimise(chain, parameters, space, goal, max_steps):
    """Descend to where the gradient norm is at most ``goal`` and Newton's method improves no more.

    Returns the number of steps: those of L-BFGS and the Hessian products of Newton's method, at most ``max_steps``
    together. Where Newton's method does not converge, or meets negative curvature, L-BFGS takes over again.
    """
    gradient = np.empty_like(parameters)
    loss_and_gradient(chain, parameters, gradient, space)
    threshold = _HANDOVER * np.sqrt(dot(gradient, gradient))
    n_steps = 0
    while n_steps < max_steps:
        n_steps += _lbfgs(chain, parameters, gradient, space, threshold, max_steps - n_steps)
        n_steps += 1 + newton(chain, parameters, gradient, space, max_steps - n_steps)
        norm = np.sqrt(dot(gradient, gradient))
        if not norm > goal:
            break
        threshold = 0.1 * min(norm, threshold)
    return n_steps


@njit(inline="always", error_model="numpy")
def _lbfgs(chain, parameters, gradient, space, threshold, max_steps):
    """Run L-BFGS until the gradient norm is at most the threshold; return the number of steps."""
    size = parameters.size
    moves, changes = np.empty((_MEMORY, size)), np.empty((_MEMORY, size))
    inverse, weights = np.empty(_MEMORY), np.empty(_MEMORY)
    direction, trial, trial_gradient = np.empty(size), np.empty(size), np.empty(size)
    loss = loss_and_gradient(chain, parameters, gradient, space)
    n_pairs = 0
    for step in range(max_steps):
        norm = np.sqrt(dot(gradient, gradient))
        if norm <= threshold:
            return step
        np.negative(gradient, direction)
        if n_pairs == 0:
            direction *= min(1.0, 1.0 / norm)
        else:
            _apply_inverse(moves, changes, inverse, weights, n_pairs, direction)
        slope = dot(gradient, direction)
        length, loss = _line_search(chain, parameters, direction, loss, slope, trial, trial_gradient, space)
        if length == 0.0:
            return step
        newest = n_pairs % _MEMORY
        combine(trial, -1.0, parameters, moves[newest])
        combine(trial_gradient, -1.0, gradient, changes[newest])
        curvature = dot(moves[newest], changes[newest])
        if curvature > 0.0:
            inverse[newest] = 1.0 / curvature
            n_pairs += 1
        parameters[:] = trial
        gradient[:] = trial_gradient
    return max_steps


@njit(inline="always", error_model="numpy")
def _apply_inverse(moves, changes, inverse, weights, n_pairs, direction):
    """Multiply the direction by the approximate inverse Hessian, by the two loops over the kept pairs."""
    oldest = max(0, n_pairs - _MEMORY)
    for pair in range(n_pairs - 1, oldest - 1, -1):
        i = pair % _MEMORY
        weights[i] = inverse[i] * dot(moves[i], direction)
        add(direction, -weights[i], changes[i])
    newest = (n_pairs - 1) % _MEMORY
    direction *= 1.0 / (inverse[newest] * dot(changes[newest], changes[newest]))
    for pair in range(oldest, n_pairs):
        i = pair % _MEMORY
        add(direction, weights[i] - inverse[i] * dot(changes[i], direction), moves[i])


@njit(inline="always", error_model="numpy")
def _line_search(chain, parameters, direction, loss, slope, trial, trial_gradient, space):
    """Find a step that meets the weak Wolfe conditions, by bisection; return its length, 0 if none, and the loss."""
    low, high, length = 0.0, np.inf, 1.0
    for _ in range(_HALVINGS):
        combine(parameters, length, direction, trial)
        trial_loss = loss_and_gradient(chain, trial, trial_gradient, space)
        if not trial_loss <= loss + 1e-4 * length * slope + ROUNDING * loss:
            high = length
        elif dot(trial_gradient, direction) < 0.9 * slope:
            low = length
        else:
            return length, trial_loss
        length = 2.0 * length if high == np.inf else 0.5 * (low + high)
    return 0.0, loss
