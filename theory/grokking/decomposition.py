"""The test loss of a quadratic network in closed form, split into three terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, number
from theory.grokking._input import read_mean, read_symmetric

__all__ = ["LossTerms", "test_loss_terms"]


@dataclass(frozen=True)
class LossTerms:
    """Terms of the test loss E (f(x) - y(x))^2, in units of the squared label, and their sum ``total``.

    ``variance`` is the squared mean of the error, ``misalignment`` the variance of its quadratic part (what features
    not aligned with the target leave), ``linear`` the power of its linear part.
    """

    variance: float
    misalignment: float
    linear: float
    total: float


def test_loss_terms(
    mean_weight: Any,
    second_moment: Any,
    direction: Any,
    *,
    output_scale: float,
    quadratic_strength: float,
    target_offset: float = 0.0,
    initial_mean_weight: Any | None = None,
    initial_second_moment: Any | None = None,
) -> LossTerms:
    """Return the test loss of a network with the given statistics, on fresh inputs x ~ N(0, I_d / d).

    Statement: with dw and dM the changes of the statistics since the start and S = alpha epsilon dM - beta beta^T,

        variance = (tr S / (2 d) + c_0 / 2)^2,   misalignment = |S|_F^2 / (2 d^2),   linear = alpha^2 |dw|^2 / d.

    Exact, at every width, for any ``direction`` beta (d,). ``mean_weight`` (d,) and ``second_moment`` (d, d),
    symmetric. The initial statistics are those of a centred output; None subtracts nothing, which is right for a
    network trained uncentred and wrong for a centred one.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2310.06110 (numbering unverified), there for an uncentred
    output and no offset.
    """
    beta = array("direction", direction, shape=(None,))
    d = beta.size
    mean = array("mean_weight", mean_weight, shape=(d,)) - read_mean("initial_mean_weight", initial_mean_weight, d)
    moment = read_symmetric("second_moment", second_moment, d)
    if initial_second_moment is not None:
        moment = moment - read_symmetric("initial_second_moment", initial_second_moment, d)
    alpha = number("output_scale", output_scale, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    offset = number("target_offset", target_offset)
    variance, misalignment, linear = loss_terms(alpha * mean, alpha * epsilon * moment, beta, offset)
    return LossTerms(variance, misalignment, linear, variance + misalignment + linear)


def loss_terms(
    linear: np.ndarray, quadratic: np.ndarray, beta: np.ndarray, offset: float
) -> tuple[float, float, float]:
    """Return the three terms for f(x) = linear . x + x^T quadratic x / 2, on validated arrays."""
    d = beta.size
    excess = quadratic - np.outer(beta, beta)
    mean = 0.5 * (np.trace(excess) / d + offset)
    return float(mean**2), float(np.vdot(excess, excess)) / (2.0 * d**2), float(linear @ linear) / d
