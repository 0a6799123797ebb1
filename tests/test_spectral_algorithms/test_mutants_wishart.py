"""Wrong formulas for random features: the quick check of each claim must refuse them, and accept the right one."""

import pytest

import assay
import figures.spectral_algorithms.optimal_profile as optimal_profile
import figures.spectral_algorithms.wishart as wishart
from assay.engine import Engine
from assay.run import Run
from assay.store import Store
from figures.spectral_algorithms._wishart_models import PROFILES
from figures.spectral_algorithms.ridge import TASK as RIDGE_TASK
from theory.spectral_algorithms import (
    effective_ridge,
    nmno_loss,
    ridge_loss,
    wishart_loss,
    wishart_measures,
)


def judged(claim, check, predicted, output):
    return assay.judge(f"spectral_algorithms.{claim}", predicted, check=check, output=output).outcome


def part_of(part, loss):
    """Return signal or noise of a loss that is a function of the noise variance."""
    return loss(0.0) if part == "signal" else loss(1.0) - loss(0.0)


def functional(wrong=""):
    def predicted(profile, part, n_samples, eigenvalues, target_power):
        task, h = dict(eigenvalues=eigenvalues, target_power=target_power), PROFILES[profile]
        if wrong == "naive model":
            return part_of(part, lambda v: nmno_loss(h, n_samples, noise_variance=v, **task))
        if wrong == "factor 1/2 of the loss lost":
            return 2 * part_of(part, lambda v: wishart_loss(h, n_samples, noise_variance=v, **task))
        if wrong == "half the samples":
            return part_of(part, lambda v: wishart_loss(h, n_samples // 2, noise_variance=v, **task))
        if wrong == "noise density with h for h^2":
            measures = wishart_measures(n_samples, **task)
            noise = 0.5 * (measures.weights * measures.noise_density) @ h(measures.nodes)
            return wishart_loss(h, n_samples, noise_variance=0.0, **task) if part == "signal" else noise
        if wrong == "delta part not counted":
            measures = wishart_measures(n_samples, **task)
            local = 0.5 * (measures.weights * measures.local_density) @ h(measures.nodes) ** 2
            return part_of(part, lambda v: wishart_loss(h, n_samples, noise_variance=v, **task) - (1 - v) * local)
        return part_of(part, lambda v: wishart_loss(h, n_samples, noise_variance=v, **task))

    return predicted


def ridge(wrong=""):
    def predicted(ridge, part, n_samples, eigenvalues, target_power):
        eta = {"ridge not per sample": n_samples * ridge, "ridge per sample twice": ridge / n_samples}.get(wrong, ridge)
        kappa = effective_ridge(eta, n_samples, eigenvalues=eigenvalues)
        learnt = eigenvalues / (eigenvalues + kappa)
        gamma = (learnt if wrong == "L for L^2 in gamma" else learnt**2).sum() / n_samples
        missed = target_power @ ((1 - learnt) if wrong == "1 - L for its square" else (1 - learnt) ** 2)
        gamma_noise = 1.0 if wrong == "test labels with noise" else gamma
        excess = {"1 + gamma": 1 + gamma, "no overfitting": 1.0}.get(wrong, 1 - gamma)
        return 0.5 * (missed if part == "signal" else gamma_noise) / excess

    return predicted


def training(wrong=""):
    def predicted(ridge, part, n_samples):
        task = RIDGE_TASK
        kappa = effective_ridge(ridge, n_samples, eigenvalues=task["eigenvalues"])
        loss = part_of(part, lambda v: ridge_loss(ridge, n_samples, noise_variance=v, **task))
        factor = 1 if wrong == "L for 2L" else 2
        share = ridge / kappa if wrong == "share not squared" else (ridge / kappa) ** 2
        return share * (factor * loss + (part == "noise"))

    return predicted


def trace(wrong=""):
    def predicted(ridge, n_samples, eigenvalues):
        count = len(eigenvalues) if wrong == "modes for samples" else n_samples
        return 1 / effective_ridge(n_samples * ridge if wrong == "ridge times N" else ridge, count,
                                   eigenvalues=eigenvalues)  # fmt: skip

    return predicted


RIGHT = [
    (5, "resolvent-trace", trace()),
    (6, "loss", functional()),
    (7, "loss", ridge()),
    (7, "training-error", training()),
]
WRONG = [
    *((5, "resolvent-trace", trace, wrong) for wrong in ("modes for samples", "ridge times N")),
    *((6, "loss", functional, wrong) for wrong in (
        "naive model", "factor 1/2 of the loss lost", "half the samples", "noise density with h for h^2",
        "delta part not counted")),
    *((7, "loss", ridge, wrong) for wrong in (
        "ridge not per sample", "ridge per sample twice", "L for L^2 in gamma", "1 - L for its square",
        "test labels with noise", "1 + gamma", "no overfitting")),
    *((7, "training-error", training, wrong) for wrong in ("L for 2L", "share not squared")),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output) == "agrees"


@pytest.mark.parametrize(("claim", "check", "formula", "wrong"), WRONG)
def test_wrong_formula_disagrees(claim, check, formula, wrong, output):
    assert judged(claim, check, formula(wrong), output) == "disagrees"


def outcomes(function, output):
    with Engine() as engine:
        checks = list(function(Run("quick", 0, Store(output / "store"), engine)))
    return {check.name: check.verdict().outcome for check in checks if hasattr(check, "verdict")}


@pytest.mark.parametrize(
    ("name", "wrong", "failing"),
    [
        ("effective_ridge", lambda right: lambda eta, n, **task: right(eta, n + 1, **task), "conservation"),
        ("effective_ridge", lambda right: lambda eta, n, **task: right(2 * eta, n, **task), "resolvent-trace"),
        ("_eigenvalue", lambda right: lambda values, n, q: -right(values, n, q), "difference"),
        ("_gamma", lambda right: lambda values, n, q, p: right(values, n, q, p) * n / (n + 1), "difference"),
        ("_roots", lambda right: lambda values, n, z: right(values, n, z)[1:], "one-physical-root"),
    ],
)
def test_mutants_of_the_effective_ridge(monkeypatch, name, wrong, failing, output):
    monkeypatch.setattr(wishart, name, wrong(getattr(wishart, name)))
    assert outcomes(wishart.effective_ridges, output)[failing] == "disagrees"


def test_optimal_profile_mutants(monkeypatch, output):
    right = optimal_profile.circle_spectrum
    monkeypatch.setattr(optimal_profile, "circle_spectrum",
                        lambda profile, n, **law: right(profile, n, **(law | dict(source_exponent=1.0))))  # fmt: skip
    assert outcomes(optimal_profile.bayes_point, output)["circle"] == "disagrees"


def test_bayes_ridge_of_another_noise(monkeypatch, output):
    right = optimal_profile.effective_ridge
    monkeypatch.setattr(optimal_profile, "effective_ridge", lambda eta, n, **task: right(2 * eta, n, **task))
    assert outcomes(optimal_profile.bayes_point, output)["simulated-loss"] == "disagrees"
