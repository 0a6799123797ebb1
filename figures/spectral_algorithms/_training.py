"""Kernel regression trained to the letter: linear systems, gradient steps and a matrix exponential, no profile."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from scipy.linalg import expm

from simulations._streams import spawn_streams
from simulations.spectral_algorithms import simulate_wishart
from theory.spectral_algorithms import (
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_profile,
)


def ridge(kernel: np.ndarray, ridge: float, n_iterations: int = 1) -> np.ndarray:
    """Return the map from labels to dual coefficients: ridge regression, refitted to its residuals."""
    n = len(kernel)
    dual, system = np.zeros((n, n)), kernel + n * ridge * np.eye(n)
    for _ in range(n_iterations):
        dual += np.linalg.solve(system, np.eye(n) - kernel @ dual)
    return dual


def gradient_descent(kernel: np.ndarray, learning_rate: float, n_steps: int) -> np.ndarray:
    """Return the dual coefficients after so many steps from 0 on half the mean squared training error."""
    n = len(kernel)
    dual = np.zeros((n, n))
    for _ in range(n_steps):
        dual += learning_rate / n * (np.eye(n) - kernel @ dual)
    return dual


def gradient_flow(kernel: np.ndarray, time: float) -> np.ndarray:
    """Return the dual coefficients of the flow d dual / dt = (labels - kernel dual) / n from 0."""
    n = len(kernel)
    generator = np.block([[-kernel / n, np.eye(n) / n], [np.zeros((n, 2 * n))]])
    return expm(time * generator)[:n, n:]


def leading_directions(kernel: np.ndarray, threshold: float) -> np.ndarray:
    """Return the dual coefficients of least squares on the eigenvectors of kernel / n above a threshold."""
    _, values, right = np.linalg.svd(kernel / len(kernel), hermitian=True)
    kept = right[values > threshold]
    return kept.T @ np.linalg.solve(kept @ kernel @ kept.T, kept)


ALGORITHMS = {
    "ridge": (ridge_profile(0.05), functools.partial(ridge, ridge=0.05)),
    "iterated ridge": (
        iterated_ridge_profile(0.1, n_iterations=3),
        functools.partial(ridge, ridge=0.1, n_iterations=3),
    ),
    "gradient flow": (gradient_flow_profile(20.0), functools.partial(gradient_flow, time=20.0)),
    "gradient descent": (
        gradient_descent_profile(0.15, n_steps=40),
        functools.partial(gradient_descent, learning_rate=0.15, n_steps=40),
    ),
    "cut-off": (cutoff_profile(0.15), functools.partial(leading_directions, threshold=0.15)),
    "interpolation": (interpolation_profile(), functools.partial(np.linalg.pinv, rcond=1e-11, hermitian=True)),
}


def spectrum(n_modes: int) -> dict[str, np.ndarray]:
    """Return eigenvalues and squared target coefficients of a power law."""
    order = np.arange(1.0, n_modes + 1)
    return dict(eigenvalues=order**-1.5, target_power=order**-2.0)


def training_and_functional(*, n_samples: int, n_modes: int, draw: int) -> dict[str, np.ndarray]:
    """Return the losses of the algorithms on one draw of features, each (n_algorithms, 2): without noise, and noise.

    ``trained`` averages over all signs of the target; ``functional`` is the quadratic form in the profile,
    ``simulated`` is that of the simulator for these very features; the others are forms that lack something.
    """
    eigenvalues, power = spectrum(n_modes).values()
    # The features of the simulator's one trial.
    features = spawn_streams(draw, 1)[0].standard_normal((n_modes, n_samples)).T
    profiles = [profile for profile, _ in ALGORITHMS.values()]
    simulated = simulate_wishart(profiles, n_samples, **spectrum(n_modes), n_trials=1, seed=draw)
    trained = [_trained_loss(train, features, eigenvalues, power) for _, train in ALGORITHMS.values()]
    forms = [_functional(profile, features, eigenvalues, power) for profile in profiles]
    return dict(trained=np.array(trained), simulated=simulated[0]) | {
        name: np.array([form[name] for form in forms]) for name in forms[0]
    }


def _trained_loss(train: Any, features: np.ndarray, eigenvalues: np.ndarray, power: np.ndarray) -> tuple[float, float]:
    dual = train((features * eigenvalues) @ features.T)
    fit = eigenvalues[:, np.newaxis] * features.T @ dual  # from labels to coefficients
    signs = np.array(list(itertools.product((-1, 1), repeat=len(power)))).T
    targets = signs * np.sqrt(power)[:, np.newaxis]
    errors = fit @ (features @ targets) - targets
    return 0.5 * float(np.mean(np.sum(errors**2, axis=0))), 0.5 * float(np.sum(fit**2))


def _functional(profile: Any, features: np.ndarray, eigenvalues: np.ndarray, power: np.ndarray) -> dict[str, Any]:
    n, n_modes = features.shape
    values, vectors = np.linalg.eigh((features * eigenvalues) @ features.T / n)
    kept = slice(max(0, n - n_modes), None)
    values, rotated = values[kept], vectors[:, kept].T @ features
    smoothed, target = (rotated * eigenvalues**2) @ rotated.T / n, (rotated * power) @ rotated.T / n
    linear = (rotated**2) @ (eigenvalues * power) / n
    h = profile(values)
    g = h / values

    def signal(pairs: np.ndarray) -> float:
        return 0.5 * float(power.sum() - 2 * linear @ g + g @ pairs @ g)

    noise = 0.5 * float(np.diag(smoothed) @ g**2) / n
    population = profile(eigenvalues[: len(values)])[::-1] / values
    moved = 0.5 * float(power.sum() - 2 * linear @ population + population @ (smoothed * target) @ population)
    return dict(
        functional=(signal(smoothed * target), noise),
        no_pairs=(signal(np.diag(np.diag(smoothed * target))), noise),
        training_noise=(signal(smoothed * target), 0.5 * float(h @ h) / n),
        population=(moved, 0.5 * float(np.diag(smoothed) @ population**2) / n),
    )
