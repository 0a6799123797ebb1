"""Naive model of noisy observations: every mode is observed by itself, with noise of variance noise_variance / N.

With label noise, and where the loss lives on scales above the smallest empirical eigenvalues, the Circle and the
Wishart model have the same leading loss as this one.

Source: Velikanov, Panov, Yarotsky, Generalization error of spectral algorithms (ICLR 2024), arXiv 2403.11696,
Theorem 2 and the conjecture after it (numbering unverified). The constants of the power laws are derived here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import zeta

from assay.base import choice, integer, number, require
from theory.spectral_algorithms._modes import read_task
from theory.spectral_algorithms.profiles import evaluate

__all__ = ["AsymptoticOptimum", "nmno_loss", "noisy_asymptotics"]


@dataclass(frozen=True)
class AsymptoticOptimum:
    """The best member of a family of profiles, to leading order in the number of samples.

    ``parameter`` is the best ridge or the best time (NaN where the family has no parameter), ``loss`` the loss there,
    which falls as n_samples^-loss_exponent. Eigenvalues above n_samples^-scale are learnt. ``bias_share`` is the part
    of the loss that does not come from the noise.
    """

    parameter: float
    loss: float
    loss_exponent: float
    scale: float
    bias_share: float


def nmno_loss(profile: Any, n_samples: int, *, eigenvalues: Any, target_power: Any, noise_variance: float) -> float:
    """Return 1/2 sum_l [ noise_variance / n_samples h(lambda_l)^2 + (1 - h(lambda_l))^2 c_l^2 ].

    ``eigenvalues`` (P,) positive and non-increasing, ``target_power`` c_l^2 (P,) >= 0, ``n_samples`` >= 1,
    ``noise_variance`` >= 0. ``profile`` is a ``Profile`` or a function from eigenvalues to h; None stands for the
    optimum h_l = c_l^2 / (c_l^2 + noise_variance / n_samples), mode by mode. Nature: exact for the naive model. Modes
    beyond the arrays that are not learnt add half their power. Raises ``ValueError`` naming the parameter.
    """
    n, values, power, variance = read_task(n_samples, eigenvalues, target_power, noise_variance)
    noise = variance / n
    if profile is None:
        total = power + noise
        return 0.5 * float(np.sum(noise * power / np.where(total > 0.0, total, 1.0)))
    learnt, residuals = evaluate(profile, values)
    return 0.5 * float(np.sum(noise * learnt**2 + residuals**2 * power))


def noisy_asymptotics(
    algorithm: str,
    n_samples: int,
    *,
    capacity_exponent: float,
    source_exponent: float,
    noise_variance: float,
    multiplicity: int = 1,
) -> AsymptoticOptimum:
    """Return the best ridge, the best time of gradient flow, or the best profile for power laws with label noise.

    Power laws lambda_l = l^-nu and c_l^2 = l^(-kappa - 1), nu = ``capacity_exponent`` > 1, kappa = ``source_exponent``
    > 0: for l = 1, 2, ... with ``multiplicity`` 1, for all integers with |l| + 1 in place of l (the Circle) with 2.
    With the threshold theta (the ridge, or 1 / time) the loss is

        1/2 [ A theta^(m / nu) + B noise_variance / n_samples theta^(-1 / nu) ],   m = min(kappa, 2 a nu),

    where a, the qualification, is 1 for ridge and infinite otherwise. At its minimum the bias has the share 1 / (1 + m)
    and the loss falls as n_samples^(-m / (1 + m)). For ridge and kappa > 2 nu (saturation) A is the sum of
    c_l^2 / lambda_l^2; at kappa = 2 nu there is a logarithm, and a ``ValueError``.

    ``algorithm`` is "ridge", "gradient_flow" or "optimal"; ``noise_variance`` > 0. Nature: asymptotic, relative
    correction O(n_samples^(-1 / (1 + m))). Raises ``ValueError`` naming the parameter.
    """
    choice("algorithm", algorithm, ("ridge", "gradient_flow", "optimal"))
    n = integer("n_samples", n_samples, "[1, inf)")
    nu = number("capacity_exponent", capacity_exponent, "(1, inf)")
    kappa = number("source_exponent", source_exponent, "(0, inf)")
    noise = number("noise_variance", noise_variance, "(0, inf)") / n
    mu = float(choice("multiplicity", multiplicity, (1, 2)))
    if algorithm == "optimal":
        loss = 0.5 * mu * noise ** (kappa / (kappa + 1.0)) / float(np.sinc(1.0 / (kappa + 1.0)))
        return AsymptoticOptimum(math.nan, loss, kappa / (kappa + 1.0), nu / (kappa + 1.0), 1.0 / (kappa + 1.0))
    order = kappa
    if algorithm == "gradient_flow":
        log_bias = math.log(mu / nu) + math.lgamma(kappa / nu) - kappa / nu * math.log(2.0)
        variance = mu * math.gamma(1.0 - 1.0 / nu) * (2.0 - 2.0 ** (1.0 / nu))
    else:
        rule = f"different from 2 capacity_exponent = {2.0 * nu:g}, where the loss has a logarithm"
        require(not math.isclose(kappa, 2.0 * nu), "source_exponent", kappa, rule)
        variance = mu * (1.0 - 1.0 / nu) / float(np.sinc(1.0 / nu))
        if kappa < 2.0 * nu:
            log_bias = math.log(mu / nu) + math.lgamma(2.0 - kappa / nu) + math.lgamma(kappa / nu)
        else:
            order = 2.0 * nu
            # The mode l = 0 of the Circle counts once.
            log_bias = math.log(mu * float(zeta(kappa + 1.0 - 2.0 * nu)) - (mu - 1.0))
    log_threshold = nu / (order + 1.0) * (math.log(variance * noise / order) - log_bias)
    loss = 0.5 * (1.0 + order) * math.exp(log_bias + order / nu * log_threshold)
    parameter = math.exp(log_threshold if algorithm == "ridge" else -log_threshold)
    return AsymptoticOptimum(parameter, loss, order / (order + 1.0), nu / (order + 1.0), 1.0 / (order + 1.0))
