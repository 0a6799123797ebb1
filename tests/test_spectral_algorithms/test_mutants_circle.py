"""Wrong formulas for lattices of points, exact at every size: the quick check of each claim must refuse them."""

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.run import Run
from assay.store import Store
from figures.spectral_algorithms import _training, quadratic_functional
from figures.spectral_algorithms._circle_models import fold, power_laws, two_sided
from figures.spectral_algorithms._circle_tasks import PROFILES
from theory.spectral_algorithms import (
    circle_loss,
    circle_spectrum,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    iterated_ridge_profile,
    ridge_profile,
)


def circle(profile, n_samples, eigenvalues, target_coefficients, noise_variance, *, fold=fold, half=0.5, cross_factor=2,
           per_sample=True, squared=None, aliased_target=True):  # fmt: skip
    """Return the loss by the theorem's own sums, with one thing or another changed."""
    values, power = two_sided(eigenvalues), two_sided(target_coefficients) ** 2
    first, second, square, cross = (fold(x, n_samples) for x in (values, values**2, power, values * power))
    h = profile(first)
    spread = second / first**2 if squared is None else squared(first, second)
    target = square if aliased_target else target_coefficients[np.minimum(np.arange(n_samples), n_samples // 2)] ** 2
    noise = noise_variance / n_samples if per_sample else noise_variance
    return half * float(np.sum(square - cross_factor * h * cross / first + h**2 * spread * (target + noise)))


def points_off_by_one(values, n_samples):
    return fold(values, n_samples - 1)


def images_above(values, n_samples):
    """The images of k at k + N, k + 2N, ..., and not below."""
    kept = values.copy()
    kept[: len(values) // 2] = 0.0
    return fold(kept, n_samples)


MUTANTS = {
    "right": {},
    "factor 1/2 lost": dict(half=1.0),
    "cross term once": dict(cross_factor=1),
    "noise not per sample": dict(per_sample=False),
    "no aliasing of what is learnt": dict(squared=lambda first, second: np.ones_like(first)),
    "trace for square": dict(squared=lambda first, second: first / first.sum()),
    "target not aliased": dict(aliased_target=False),
    "n - 1 points": dict(fold=points_off_by_one),
    "images on one side": dict(fold=images_above),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_circle_against_dense_matrices(mutant, output):
    def formula(n_samples, nu, kappa, noise_variance, n_images, profile):
        spectrum = power_laws(n_samples, nu, kappa, n_images)
        return circle(PROFILES[profile], n_samples, **spectrum, noise_variance=noise_variance, **MUTANTS[mutant])

    verdict = assay.judge("spectral_algorithms.2", formula, check="dense", output=output)
    assert verdict.outcome == ("agrees" if mutant == "right" else "disagrees")


@pytest.mark.parametrize("mutant", ["right", "factor 1/2 lost", "no aliasing of what is learnt", "target not aliased"])
def test_circle_against_simulated_training(mutant, output):
    def formula(algorithm, n_samples):
        n = n_samples
        profile, noise = {
            "gradient flow": (gradient_flow_profile(n**0.6), 1.0),
            "ridge": (ridge_profile(3 * n**-0.6), 1.0),
            "interpolation": (ridge_profile(0.0), 0.0),
            "noiseless ridge": (ridge_profile(n**-1.5), 0.0),
            "noiseless flow": (gradient_flow_profile(n**1.5), 0.0),
        }[algorithm]
        return circle(profile, n, **power_laws(n, 1.5, 1.0, 4), noise_variance=noise, **MUTANTS[mutant])

    verdict = assay.judge("spectral_algorithms.2", formula, check="simulated-training", output=output)
    assert verdict.outcome == ("agrees" if mutant == "right" else "disagrees")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [({}, "agrees"), (dict(capacity=0.001), "disagrees"), (dict(source=1), "disagrees"), (dict(noise=2), "disagrees")],
)
def test_power_laws_without_end(changes, outcome, output):
    def formula(n_samples, nu, kappa, noise_variance, profile):
        return circle_loss(PROFILES[profile], n_samples, capacity_exponent=nu + changes.get("capacity", 0),
                           source_exponent=kappa - changes.get("source", 0),
                           noise_variance=noise_variance * changes.get("noise", 1))  # fmt: skip

    verdict = assay.judge("spectral_algorithms.2", formula, check="endless-spectrum", output=output)
    assert verdict.outcome == outcome


def optimum(n_samples, nu, kappa, frequency, *, capacity=0.0, source=0.0, noise=0.0):
    spectrum = circle_spectrum(None, int(n_samples), capacity_exponent=nu + capacity, source_exponent=kappa + source,
                               noise_variance=noise)  # fmt: skip
    return spectrum.optimal_profile[int(frequency)]


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        (optimum, "agrees"),
        (lambda **point: optimum(**point, source=1.0), "disagrees"),  # kappa + 1 for kappa
        (lambda **point: optimum(**point, noise=1e-3), "disagrees"),
        (lambda **point: 2 - optimum(**point), "disagrees"),  # sign of the excess
        (lambda n_samples, **point: optimum(n_samples + 1, **point), "disagrees"),
    ],
)
def test_best_profile_of_dense_matrices(formula, outcome, output):
    assert assay.judge("spectral_algorithms.3", formula, check="dense-optimum", output=output).outcome == outcome


@pytest.mark.parametrize("formula", [lambda nu: nu, lambda nu: nu - 2, lambda nu: 2 * nu - 1])
def test_the_transition_is_nowhere_else(formula, output):
    """The share of frequencies on the wrong side of 1, from the extremes of the profile."""

    def wrong_share(n_samples, nu, kappa):
        residual = circle_spectrum(None, int(n_samples), capacity_exponent=nu, source_exponent=kappa,
                                   noise_variance=0.0).optimal_residual  # fmt: skip
        return np.mean((residual < 0) != (kappa > formula(nu)))

    assert assay.judge("spectral_algorithms.3", wrong_share, check="side-of-one", output=output).outcome == "disagrees"


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("gradient descent", gradient_descent_profile(0.15, n_steps=39)),
        ("gradient flow", gradient_flow_profile(40.0)),  # on the mean squared error, not on half of it
        ("ridge", ridge_profile(0.05 / 6)),  # ridge / n
        ("iterated ridge", iterated_ridge_profile(0.1, n_iterations=2)),
        ("cut-off", cutoff_profile(6 * 0.15)),  # eigenvalues of the kernel matrix, not of K / n
    ],
)
def test_profiles_of_other_trainings(name, profile, monkeypatch, tmp_path):
    monkeypatch.setitem(_training.ALGORITHMS, name, (profile, _training.ALGORITHMS[name][1]))
    with Engine() as engine:
        checks = quadratic_functional.quadratic_functional(Run("quick", 0, Store(tmp_path), engine))
        verdict = next(checks).verdict()
    assert verdict.check == "training"
    assert verdict.outcome == "disagrees"
