"""Wrong deep networks that a competent person could put into the deterministic equivalent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from theory.random_features import rf_risk
from theory.random_features.deep import DeepNetwork, deep_network


def wrong_networks(widths: Sequence[int], activation: str, input_eigenvalues: Any = None) -> dict[str, DeepNetwork]:
    """Return the network as the equivalent sees it, with its coefficients or layers wrong in one way each."""
    right = deep_network(widths, activation, input_eigenvalues)
    first = np.zeros(len(widths) - 1, dtype=int)
    one_layer = replace(right, widths=right.widths[[0, -1]], linear=right.linear[:1], noise=right.noise[:1])
    return {
        "linear network": replace(right, noise=0.0 * right.noise),
        "coefficients of the first layer": replace(right, linear=right.linear[first], noise=right.noise[first]),
        "one layer": one_layer,
    }


def effective_dof(network: DeepNetwork, shift: float) -> float:
    """Return the degrees of freedom of a network at one shift."""
    return network.equivalent(network.input_shift(shift=shift), shift)[0]


def matched_error(network: DeepNetwork, *, n_samples: float, ridge: float, noise_variance: float) -> float:
    """Return the test error of ridge regression on a network of a target that is linear in its features."""
    width = float(network.widths[-1])

    def surplus(log_kappa: float) -> float:
        return effective_dof(network, width * math.exp(log_kappa)) + ridge / math.exp(log_kappa) - n_samples

    # D(k kappa) <= feature variance / kappa, which bounds the root from above.
    low, high = math.log(ridge / n_samples), math.log((ridge + network.feature_variance()) / n_samples)
    kappa = math.exp(brentq(surplus, low, high, xtol=1e-13))
    learned, partly, _ = network.equivalent(network.input_shift(shift=width * kappa), width * kappa)
    return n_samples * (kappa + (noise_variance - ridge) / (n_samples - learned + partly))


def equal_eigenvalues_error(network: DeepNetwork, *, n_samples: float, ridge: float, noise_variance: float) -> float:
    """Return the same error as if all eigenvalues of the last covariance were equal."""
    width = int(network.widths[-1])
    eigenvalues = np.full(width, network.feature_variance() / width)
    sizes = dict(n_samples=n_samples, n_features=np.inf, ridge=ridge, noise_variance=noise_variance)
    return float(rf_risk(eigenvalues, np.sqrt(eigenvalues), **sizes).test_mse)
