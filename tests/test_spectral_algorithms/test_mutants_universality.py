"""Wrong formulas for universality, best profiles and hierarchical kernels: the quick checks must refuse them."""

import math

import pytest
from scipy.special import zeta

import assay
from figures.spectral_algorithms._optimum_numerics import BestProfile
from figures.spectral_algorithms._universality_numerics import tuned
from figures.spectral_algorithms._wishart_models import circle_modes, power_laws
from theory.spectral_algorithms import (
    effective_ridge,
    hierarchical_learning_exponent,
    interpolation_profile,
    noisy_asymptotics,
    optimal_ridge,
    ridge_loss,
    wishart_loss,
    wishart_optimal_profile,
)

STUDENT, TEACHER = {"ntk": 0.5, "rfk": 1.5}, {"ntk": 0.5, "rfk": 1.0}


def best_loss(wrong=""):
    def predicted(n_samples, kappa):
        n = n_samples // 2 if wrong == "every other sample" else n_samples
        given = dict(noise_variance=0.01 if wrong == "noise squared" else 0.1, **power_laws(1000, 1.5, kappa))
        if wrong == "best ridge":
            return ridge_loss(optimal_ridge(n, **given), n, **given)
        return wishart_optimal_profile(n, **given).loss

    return predicted


def tuned_loss(wrong=""):
    def predicted(n_samples, algorithm):
        n, nu = n_samples, 2.0 if wrong == "another capacity" else 1.5
        task = (power_laws if wrong == "every mode once" else circle_modes)(10 * n + 1, nu, 1.0)
        profile = tuned(algorithm, n, 1.5, 1.0) or BestProfile(n, 1.0, 10 * n + 1, 1.5, 1.0, paired=True)
        if wrong == "ridge of the whole sum":
            profile = tuned("ridge", n * n, 1.5, 1.0)
        return wishart_loss(profile, n, noise_variance=0.0 if wrong == "noise forgotten" else 1.0, **task)

    return predicted


def interpolation(wrong=""):
    def predicted(n_samples):
        task = circle_modes(10 * n_samples + 1, 1.5, 1.0)
        task["target_power"] = task["target_power"] ** (0.5 if wrong == "coefficients not squared" else 1)
        return wishart_loss(interpolation_profile(), n_samples, noise_variance=0.1 * (wrong == "noise"), **task)

    return predicted


def wishart_gap(wrong=""):
    def predicted(nu, kappa):
        n, values = 10**5, circle_modes(2 * 10**6 + 1, nu, kappa)["eigenvalues"]
        ridge = noisy_asymptotics("ridge", n, capacity_exponent=nu, source_exponent=kappa, noise_variance=1.0,
                                  multiplicity=1 if wrong == "one-sided modes" else 2).parameter  # fmt: skip
        learnt = values[:: 2 if wrong == "one-sided modes" else 1]
        learnt = learnt / (learnt + effective_ridge(ridge, n, eigenvalues=values))
        gamma = (learnt if wrong == "degrees of freedom not squared" else learnt**2).sum() / n
        return 2 * gamma if wrong == "twice" else gamma / (1 - gamma)

    return predicted


def circle_gap(wrong=""):
    def predicted(kappa):
        sides = 1 if wrong == "images of one side" else 2
        rate = kappa + 1 if wrong == "per mode" else kappa
        exponent = kappa + 2 if wrong == "another zeta function" else kappa + 1
        return sides * kappa / (kappa + 1) * zeta(exponent) * 10.0 ** (-5 * rate)

    return predicted


def circle_rate(wrong=""):
    def predicted(nu, kappa):
        shift = (nu * kappa + (0 if wrong == "exact optimum" else 2 * nu - kappa)) / (kappa + 1)
        return -min(kappa, math.inf if wrong == "aliased energy alone" else shift)

    return predicted


def patch_exponent(wrong=""):
    def predicted(kind):
        return -2 * STUDENT[kind] - {"": 1, "both patches": 2, "no dimension": 0}[wrong]

    return predicted


def learning(wrong=""):
    def predicted(kind, target):
        patch = 1 if target == "local" else 2
        student, teacher = STUDENT[kind], TEACHER[kind]
        if wrong == "cursed":
            return -teacher
        if wrong == "kernel of the patch":
            return -2 * teacher / patch
        if wrong == "without the input's decay":
            return -2 * teacher / (patch + 2 * student)
        return -hierarchical_learning_exponent(student_smoothness=student, teacher_smoothness=teacher,
                                               patch_dimension=patch, input_dimension=2)  # fmt: skip

    return predicted


CASES = [
    (8, "simulated-loss", best_loss, ("best ridge", "noise squared", "every other sample")),
    (10, "features-kappa-1", tuned_loss, (
        "every mode once", "another capacity", "ridge of the whole sum", "noise forgotten")),
    (10, "noiseless-gaussian", interpolation, ("noise", "coefficients not squared")),
    (14, "one-patch", patch_exponent, ("both patches", "no dimension")),
    (14, "learning-curve", learning, ("cursed", "kernel of the patch", "without the input's decay")),
    (15, "wishart-gap", wishart_gap, ("degrees of freedom not squared", "twice", "one-sided modes")),
    (15, "circle-gap", circle_gap, ("images of one side", "per mode", "another zeta function")),
    (15, "circle-rate", circle_rate, ("aliased energy alone", "exact optimum")),
]  # fmt: skip


def judged(claim, check, predicted, output):
    return assay.judge(f"spectral_algorithms.{claim}", predicted, check=check, output=output).outcome


@pytest.mark.parametrize(("claim", "check", "formula"), [case[:3] for case in CASES])
def test_plain_transcription_agrees(claim, check, formula, output):
    assert judged(claim, check, formula(), output) == "agrees"


@pytest.mark.parametrize(("claim", "check", "formula", "wrong"),
                         [(*case[:3], wrong) for case in CASES for wrong in case[3]])  # fmt: skip
def test_wrong_formula_disagrees(claim, check, formula, wrong, output):
    assert judged(claim, check, formula(wrong), output) == "disagrees"
