"""Deep random features with real activations: only the readout is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number
from simulations._streams import spawn_streams
from simulations.random_features._activations import Activation, checked_activation
from simulations.random_features._logistic import fit_logistic
from simulations.random_features._network import (
    RandomNetwork,
    checked_input_eigenvalues,
    checked_widths,
    gaussian_inputs,
    layer_means,
)
from simulations.random_features._ridge_path import ridge_path

__all__ = [
    "LogisticTrials",
    "simulate_deep_effective_dof",
    "simulate_deep_rf",
    "simulate_deep_rf_hidden_target",
    "simulate_deep_rf_logistic",
]


@dataclass(frozen=True)
class LogisticTrials:
    """Share of misclassified fresh points and mean logistic loss on the training set, each (n_trials,)."""

    test_error: np.ndarray
    train_loss: np.ndarray


def simulate_deep_rf(
    widths: Sequence[int],
    activation: str | Activation,
    *,
    n_samples: int,
    ridge: float,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    input_eigenvalues: ArrayLike | None = None,
    n_test: int = 4000,
) -> np.ndarray:
    """Test error of ridge regression on deep random features, with a target linear in the features: (n_trials,).

    Model (Schroeder et al., "Deterministic equivalent and error universality of deep random features learning", arXiv
    2302.00401): inputs x normal of covariance diag(input_eigenvalues), h_l = activation(W_l h_{l-1} / sqrt(k_{l-1}))
    minus its mean under the Gaussian of the same variance, W_l standard normal, features ``u = h_L / sqrt(k_L)``,
    target ``theta u`` with theta standard normal, plus label noise; ridge added to the unnormalised Gram matrix.

    Each trial draws weights and training inputs. Theta and the noise are averaged exactly. The covariance of the
    features over fresh inputs is exact for a single layer of "erf" or "relu" (arcsine and arc-cosine kernels), and
    otherwise the mean over ``n_test`` inputs in single precision, which leaves the result unbiased.

    widths: input dimension d, then k_1 .. k_L. activation: "erf", "relu", "tanh", "sign", "identity" or an elementwise
    callable. The error is in units of the squared label and includes the noise. Cost per trial: the forward pass of
    n + n_test inputs, n_test k_L^2 flops, one eigendecomposition of size min(n, k_L).

    Raises ``ValueError`` for fewer than two widths, an unknown activation, counts below 1, a ridge that is not
    positive, negative noise, or input eigenvalues of another shape than (d,).
    """
    widths = checked_widths(widths)
    function = checked_activation("activation", activation)
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    ridges = np.array([number("ridge", ridge, "(0, inf)")])
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    input_eigenvalues = checked_input_eigenvalues(input_eigenvalues, widths[0])
    n_test = integer("n_test", n_test, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    means = layer_means(function, len(widths) - 1, float(input_eigenvalues.mean()))
    exact = len(widths) == 2 and isinstance(activation, str) and activation in _EXACT_COVARIANCES
    errors = np.empty(len(streams))
    for trial, rng in enumerate(streams):
        network = RandomNetwork(rng, widths, function, means)
        features = network.features(gaussian_inputs(rng, n_samples, input_eigenvalues, np.float64))
        if exact:
            covariance = _EXACT_COVARIANCES[str(activation)](network.weights[0], input_eigenvalues, means[0])
        else:
            test_features = network.features(gaussian_inputs(rng, n_test, input_eigenvalues, np.float32))
            covariance = (test_features.T @ test_features).astype(np.float64) / n_test
        label_covariance = features @ features.T
        label_covariance[np.diag_indices(n_samples)] += noise_variance
        label_power = float(np.trace(covariance)) + noise_variance
        errors[trial] = ridge_path(
            features, label_covariance, covariance, features @ covariance, ridges, label_power=label_power
        )[0, 0]
    return errors


def simulate_deep_rf_hidden_target(
    widths: Sequence[int],
    activation: str | Activation,
    *,
    teacher_width: int,
    n_samples: int,
    ridge: float,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    teacher_activation: str | Activation = "sign",
    n_test: int = 3000,
) -> np.ndarray:
    """Test error of ridge regression on deep random features for a one-hidden-layer target: (n_trials,).

    The features are those of ``simulate_deep_rf`` on standard normal inputs. The target is ``theta teacher_activation(V
    x / sqrt(d)) / sqrt(teacher_width)``, centred like the features, with V and theta standard normal, plus label noise.

    Each trial draws weights, V, training inputs and ``n_test`` fresh inputs (the latter in single precision); theta and
    the noise are averaged exactly. The error is in units of the squared label and includes the noise. Cost per trial:
    the forward pass of n + n_test inputs, n_test k_L (k_L + teacher_width) flops, one eigendecomposition of size
    min(n, k_L). Source: Schroeder et al., arXiv 2302.00401.

    Raises ``ValueError`` for fewer than two widths, an unknown activation, counts below 1, a ridge that is not
    positive, or negative noise.
    """
    widths = checked_widths(widths)
    function = checked_activation("activation", activation)
    teacher_function = checked_activation("teacher_activation", teacher_activation)
    teacher_width = integer("teacher_width", teacher_width, "[1, inf)")
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    ridges = np.array([number("ridge", ridge, "(0, inf)")])
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    n_test = integer("n_test", n_test, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    input_eigenvalues = np.ones(widths[0])
    means = layer_means(function, len(widths) - 1, 1.0)
    teacher_means = layer_means(teacher_function, 1, 1.0)
    errors = np.empty(len(streams))
    for trial, rng in enumerate(streams):
        network = RandomNetwork(rng, widths, function, means)
        teacher = RandomNetwork(rng, [widths[0], teacher_width], teacher_function, teacher_means)
        inputs = gaussian_inputs(rng, n_samples, input_eigenvalues, np.float64)
        test_inputs = gaussian_inputs(rng, n_test, input_eigenvalues, np.float32)
        targets, test_targets = teacher.features(inputs), teacher.features(test_inputs)
        features, test_features = network.features(inputs), network.features(test_inputs)
        covariance = (test_features.T @ test_features).astype(np.float64) / n_test
        cross = targets @ ((test_targets.T @ test_features).astype(np.float64) / n_test)
        label_covariance = targets @ targets.T
        label_covariance[np.diag_indices(n_samples)] += noise_variance
        label_power = float(np.sum(test_targets**2, dtype=np.float64)) / n_test + noise_variance
        errors[trial] = ridge_path(features, label_covariance, covariance, cross, ridges, label_power=label_power)[0, 0]
    return errors


def simulate_deep_rf_logistic(
    widths: Sequence[int],
    activation: str | Activation,
    *,
    teacher_width: int,
    n_samples: int,
    ridge: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    n_test: int = 10000,
) -> LogisticTrials:
    """Classification by logistic regression on deep random features: test error and training loss of every trial.

    The features u are those of ``simulate_deep_rf`` on standard normal inputs. The label is the sign of
    ``theta sign(V x / sqrt(d))`` with V and theta standard normal. The readout minimises
    ``sum_i log(1 + exp(-y_i w u_i)) + ridge |w|^2 / 2``; Newton's method runs until its decrement vanishes to rounding.

    Nothing is averaged in closed form: the test error is the share of errors on ``n_test`` fresh inputs (in single
    precision). Cost per trial: the forward pass of n + n_test inputs, and n min(n, k_L)^2 flops for each of some ten
    Newton steps. Source: Schroeder et al., arXiv 2302.00401.

    Raises ``ValueError`` for fewer than two widths, an unknown activation, counts below 1, or a ridge that is not
    positive; ``RuntimeError`` if Newton's method does not converge.
    """
    widths = checked_widths(widths)
    function = checked_activation("activation", activation)
    sign = checked_activation("activation", "sign")
    teacher_width = integer("teacher_width", teacher_width, "[1, inf)")
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    ridge = number("ridge", ridge, "(0, inf)")
    n_test = integer("n_test", n_test, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    input_eigenvalues = np.ones(widths[0])
    means = layer_means(function, len(widths) - 1, 1.0)
    test_error, train_loss = np.empty(len(streams)), np.empty(len(streams))
    for trial, rng in enumerate(streams):
        network = RandomNetwork(rng, widths, function, means)
        teacher = RandomNetwork(rng, [widths[0], teacher_width], sign, [0.0])
        teacher_readout = rng.standard_normal(teacher_width)
        inputs = gaussian_inputs(rng, n_samples, input_eigenvalues, np.float64)
        test_inputs = gaussian_inputs(rng, n_test, input_eigenvalues, np.float32)
        labels = np.sign(teacher.features(inputs) @ teacher_readout)
        readout, train_loss[trial] = fit_logistic(network.features(inputs), labels, ridge)
        positive = teacher.features(test_inputs) @ teacher_readout > 0.0
        predicted_positive = network.features(test_inputs) @ readout > 0.0
        test_error[trial] = np.mean(positive != predicted_positive)
    return LogisticTrials(test_error, train_loss)


def simulate_deep_effective_dof(
    widths: Sequence[int],
    activation: str | Activation,
    *,
    shifts: ArrayLike,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    input_eigenvalues: ArrayLike | None = None,
    n_inputs: int = 4000,
) -> np.ndarray:
    """Effective degrees of freedom ``tr Omega (Omega + s)^{-1}`` of deep random features: (n_trials, n_shifts).

    Omega, (k_L, k_L), holds the second moments over the inputs of the last hidden layer h_L of ``simulate_deep_rf``
    (not divided by its width), given the weights that each trial draws. It is exact for a single layer of "erf" or
    "relu". Otherwise it is the mean over ``n_inputs`` inputs in single precision, whose bias of order k_L / n_inputs
    is removed by halving: twice the value from all inputs less the mean of those from either half.

    shifts: s > 0, (n_shifts,), in units of the squared activation. Cost per trial: the forward pass of n_inputs inputs,
    n_inputs k_L^2 flops, the eigenvalues of three matrices of size k_L. Source: Schroeder et al., arXiv 2302.00401.

    Raises ``ValueError`` for fewer than two widths, an unknown activation, shifts that are not positive, counts below 1
    (``n_inputs`` below 2), or input eigenvalues of another shape than (d,).
    """
    widths = checked_widths(widths)
    function = checked_activation("activation", activation)
    shifts = array("shifts", shifts, "(0, inf)", shape=(None,))
    input_eigenvalues = checked_input_eigenvalues(input_eigenvalues, widths[0])
    half = integer("n_inputs", n_inputs, "[2, inf)") // 2
    streams = spawn_streams(seed, n_trials)
    means = layer_means(function, len(widths) - 1, float(input_eigenvalues.mean()))
    exact = len(widths) == 2 and isinstance(activation, str) and activation in _EXACT_COVARIANCES
    freedom = np.empty((len(streams), len(shifts)))
    for trial, rng in enumerate(streams):
        network = RandomNetwork(rng, widths, function, means)
        if exact:
            covariance = _EXACT_COVARIANCES[str(activation)](network.weights[0], input_eigenvalues, means[0])
            freedom[trial] = _effective_dof(covariance, shifts)
            continue
        halves = []
        for _ in range(2):
            features = network.features(gaussian_inputs(rng, half, input_eigenvalues, np.float32))
            halves.append((features.T @ features).astype(np.float64) / half)
        parts = [_effective_dof(covariance, shifts) for covariance in halves]
        freedom[trial] = 2.0 * _effective_dof(0.5 * (halves[0] + halves[1]), shifts) - 0.5 * (parts[0] + parts[1])
    return freedom


def _effective_dof(feature_covariance: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the sum over eigenvalues w of Omega = k feature_covariance of w/(w + s), for every shift s."""
    eigenvalues = len(feature_covariance) * np.linalg.eigvalsh(feature_covariance)
    return (eigenvalues / (eigenvalues + shifts[:, None])).sum(axis=1)


def _erf_covariance(weights: np.ndarray, input_eigenvalues: np.ndarray, mean: float) -> np.ndarray:
    """Covariance of one layer of erf features over the inputs, divided by the width; their mean is 0."""
    doubled = 2.0 * _preactivation_covariance(weights, input_eigenvalues)
    scale = np.sqrt(1.0 + np.diagonal(doubled))
    return 2.0 / np.pi * np.arcsin(doubled / np.outer(scale, scale)) / len(weights)


def _relu_covariance(weights: np.ndarray, input_eigenvalues: np.ndarray, mean: float) -> np.ndarray:
    """Second moments of one layer of ReLU features minus ``mean`` over the inputs, divided by the width."""
    preactivation = _preactivation_covariance(weights, input_eigenvalues)
    scale = np.sqrt(np.diagonal(preactivation))
    cosine = np.clip(preactivation / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    angle = np.arccos(cosine)
    second = np.outer(scale, scale) / (2.0 * np.pi) * (np.sin(angle) + (np.pi - angle) * cosine)
    unit_means = scale / np.sqrt(2.0 * np.pi)
    return (second - mean * (unit_means[:, None] + unit_means) + mean**2) / len(weights)


def _preactivation_covariance(weights: np.ndarray, input_eigenvalues: np.ndarray) -> np.ndarray:
    return (weights * input_eigenvalues) @ weights.T / weights.shape[1]


_EXACT_COVARIANCES = {"erf": _erf_covariance, "relu": _relu_covariance}
