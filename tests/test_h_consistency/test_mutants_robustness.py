"""Wrong formulas for adversarial and label-robust losses, each of which the quick checks of its claim must refuse."""

import math

import numpy as np
import pytest

import assay
from theory.h_consistency import h_consistency_bound


def phi(u, tau):
    return math.log1p(u) if tau == 1 else ((1 + u) ** (1 - tau) - 1) / (1 - tau)


def least(*, shift=0, order=-1, tau_shift=0.0):
    """The least adversarial risk, with ranks counted from elsewhere, another order, or another loss."""

    def predicted(tau, p1, p2, p3, p4):
        p = np.array([p1, p2, p3, p4])
        p = p if order == 0 else np.sort(p)[::order]
        return sum(value * phi(rank + shift, tau + tau_shift) for rank, value in enumerate(p))

    return predicted


def robust_loss(*, own=0.0, sign=1, scale=1.0, margins=1.0, mean=True):
    """The LDR-KL loss, with a margin for the label itself, d with the other sign, or other factors."""

    def predicted(n_classes, margin, temperature, label, f0, f1, f2, f3, f4):
        f = np.array([f0, f1, f2, f3, f4])[:n_classes]
        d = sign * (f - f[label]) + margins * margin * np.where(np.arange(n_classes) == label, own, 1.0)
        top, width = d.max(), scale * temperature
        total = np.exp((d - top) / width)
        return top + width * math.log(total.mean() if mean else total.sum())

    return predicted


def two_classes(*, factor=1.0, bias=1.0, swapped=False):
    """The transform of two classes, with another exponent in a, another beta, or the classes exchanged."""

    def predicted(beta, temperature, margin):
        a, beta = math.exp(factor * margin / temperature), bias * beta
        r = (1 - beta) / (a * beta + math.sqrt(a**2 * beta**2 + 1 - beta**2))
        r = 1 / r if swapped else r
        wrong, right = math.log1p(a * r), math.log1p(a / r)
        return temperature * (math.log1p(a) - (1 + beta) / 2 * wrong - (1 - beta) / 2 * right)

    return predicted


def kl_bound(power, scale=1.0):
    return lambda temperature, surrogate_regret: h_consistency_bound(
        scale * max(surrogate_regret, 0) * temperature**power, tau=1, n_classes=2
    )


RIGHT = [
    (7, "least-ratio", lambda tau: phi(1, tau)),
    (7, "least-risk", least()),
    (8, "closed-form", robust_loss()),
    (8, "two-class-transform", two_classes()),
    (8, "bound-without-margin", kl_bound(-1)),
    (8, "temperature-0", lambda largest_probability: min(1, 2 - 2 * largest_probability)),
]
WRONG = [
    (7, "least-ratio", "logistic for every loss", lambda tau: math.log(2)),
    (7, "least-ratio", "Phi(2)", lambda tau: phi(2, tau)),
    (7, "least-ratio", "derivative of Phi at 1", lambda tau: 2.0**-tau),
    (7, "least-ratio", "shared by the classes", lambda tau, n_classes: phi(1, tau) / (n_classes - 1)),
    (7, "least-risk", "ranks from 1", least(shift=1)),
    (7, "least-risk", "sorted upward", least(order=1)),
    (7, "least-risk", "not sorted", least(order=0)),
    (7, "least-risk", "tau + 1", least(tau_shift=1.0)),
    (8, "closed-form", "log n forgotten", robust_loss(mean=False)),
    (8, "closed-form", "margin for the label too", robust_loss(own=1.0)),
    (8, "closed-form", "sign of d", robust_loss(sign=-1)),
    (8, "closed-form", "twice the temperature", robust_loss(scale=2.0)),
    (8, "closed-form", "twice the margin", robust_loss(margins=2.0)),
    (8, "two-class-transform", "margin not over the temperature twice", two_classes(factor=0.5)),
    (8, "two-class-transform", "half of beta", two_classes(bias=0.5)),
    (8, "two-class-transform", "classes exchanged", two_classes(swapped=True)),
    (8, "two-class-transform", "no margin", two_classes(factor=0.0)),
    (8, "bound-without-margin", "times the temperature", kl_bound(1)),
    (8, "bound-without-margin", "temperature forgotten", kl_bound(0)),
    (8, "bound-without-margin", "factor 2", kl_bound(-1, 0.5)),
    (8, "temperature-0", "no factor 2", lambda largest_probability: 1 - largest_probability),
    (8, "temperature-0", "always equal scores", lambda largest_probability: 1.0),
]


def judged(claim, check, predicted, output):
    return assay.judge(f"h_consistency.{claim}", predicted, check=check, output=output).outcome


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_right_formula_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output) == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output) == "disagrees", wrong
