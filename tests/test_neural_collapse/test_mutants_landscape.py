"""Faults put into the theory behind structure, bounds and certificates, each of which must make its claim fail."""

import dataclasses

import numpy as np
import pytest

import theory.neural_collapse as theory
from figures.neural_collapse import bias, certificates, landscape, mode_dynamics


@pytest.mark.parametrize("claim", [4, 5, 7, 8, 9])
def test_nothing_fails_without_a_fault(claim, failing):
    assert failing(f"neural_collapse.{claim}") == set()


def only_global(class_sizes, *, local_minima=True, **ridges):
    """Return the level of the global minimum alone."""
    return np.array([theory.mse_geometry(class_sizes, **ridges).loss])


def without_the_lost(class_sizes, *, weight_ridges, feature_ridge, local_minima=True):
    """Return levels in which lost classes do not count."""
    ridges = dict(weight_ridges=weight_ridges, feature_ridge=feature_ridge)
    levels = theory.mse_loss_levels(class_sizes, **ridges, local_minima=local_minima)
    return levels * np.linspace(1, 0.9, len(levels))


def every_subset(class_sizes, *, local_minima=True, **ridges):
    return theory.mse_loss_levels(class_sizes, **ridges, local_minima=False)


@pytest.mark.parametrize(
    ("levels", "check"),
    [
        (only_global, "every-run-on-a-level"),
        (without_the_lost, "every-run-on-a-level"),
        (every_subset, "every-level-reached"),
    ],
)
def test_level_faults(levels, check, failing, monkeypatch):
    monkeypatch.setattr(landscape, "mse_loss_levels", levels)
    assert check in failing("neural_collapse.7")


def test_a_metastable_class_is_not_lost_at_the_global_threshold(failing, monkeypatch):
    def on_the_global_branch(ridges, *, n_layers, branch="global"):
        return theory.collapse_fit(ridges, n_layers=n_layers)

    monkeypatch.setattr(landscape, "collapse_fit", on_the_global_branch)
    assert failing("neural_collapse.7") == {"metastable-fit"}


def recursion_with(*, power=0, decay=1.0, mean=1.0):
    """Return the recursion of the modes with a changed power of the data term, ridge or normalisation."""

    def path(class_sizes, *, ridge, n_layers, learning_rate, initial_singular_values, n_steps):
        sizes, steps = np.array(class_sizes), np.empty((n_steps + 1, len(class_sizes)))
        steps[:] = initial_singular_values
        for step in range(min(n_steps, 500)):  # no check looks further
            s = steps[step]
            pull = (np.sqrt(sizes) - s ** (n_layers + 1)) * s ** (n_layers + power) / (mean * sizes.sum())
            steps[step + 1] = s + learning_rate * (pull - decay * ridge * s)
        return steps

    return path


@pytest.mark.parametrize("fault", [dict(power=1), dict(power=-1), dict(decay=-1.0), dict(decay=2.0), dict(mean=0.5)])
def test_recursion_faults(fault, failing, monkeypatch):
    monkeypatch.setattr(mode_dynamics, "mode_recursion", recursion_with(**fault))
    assert "recursion" in failing("neural_collapse.8")


def test_the_boundary_is_not_the_larger_root(failing, monkeypatch):
    def swapped(ridges, *, n_layers, branch="global"):
        other = {"stable": "unstable", "unstable": "stable"}.get(branch, branch)
        return theory.collapse_fit(ridges, n_layers=n_layers, branch=other)

    monkeypatch.setattr(mode_dynamics, "collapse_fit", swapped)
    assert "ends-beside-the-boundary" in failing("neural_collapse.8")


def geometry_with(**changes):
    """Return predicted geometries of which some fields are changed."""

    def geometry(*args, **kwargs):
        known = theory.mse_geometry(*args, **kwargs)
        return dataclasses.replace(known, **{name: change(getattr(known, name)) for name, change in changes.items()})

    return geometry


@pytest.mark.parametrize(
    "changes",
    [
        dict(end_to_end=lambda matrix: matrix.T),
        dict(class_mean_gram=lambda gram: np.diag(np.diag(gram))),
        dict(classifier_gram=np.linalg.pinv),
        dict(bias=lambda offset: -offset),
        dict(loss=lambda loss: 2 * loss),
    ],
)
def test_bias_geometry_faults(changes, failing, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse._training.mse_geometry", geometry_with(**changes))
    assert failing("neural_collapse.5") - {"label-singular-values"}


def test_label_spectrum_fault(failing, monkeypatch):
    monkeypatch.setattr(bias, "centred_label_singular_values", lambda n: np.sqrt(np.sort(n)[::-1][1:]))
    assert failing("neural_collapse.5") == {"label-singular-values"}


def test_narrow_layers_do_not_keep_the_smallest_classes(failing, monkeypatch):
    monkeypatch.setattr(
        "figures.neural_collapse._training.mse_geometry",
        geometry_with(end_to_end=lambda matrix: matrix[::-1, ::-1]),
    )
    assert "end-to-end" in failing("neural_collapse.4")


@pytest.mark.parametrize(
    ("name", "ridge_factor"),
    [("mse_dual_bound", 4.0), ("cross_entropy_dual_bound", 4.0), ("mse_dual_bound", 0.25)],
)
def test_certificates_with_another_norm_bound(name, ridge_factor, failing, monkeypatch):
    def other(matrix, class_sizes, *, weight_ridge, feature_ridge):
        bound = getattr(theory, name)
        return bound(matrix, class_sizes, weight_ridge=ridge_factor * weight_ridge, feature_ridge=feature_ridge)

    monkeypatch.setattr(certificates, name, other)
    assert "duality-gap" in failing("neural_collapse.9") or "any-matrix" in failing("neural_collapse.9")


@pytest.mark.parametrize("name", ["mse_dual_bound", "cross_entropy_dual_bound"])
def test_certificates_of_matrices_with_reversed_rows(name, failing, monkeypatch):
    def of_reversed(matrix, class_sizes, **ridges):
        return getattr(theory, name)(matrix[::-1], class_sizes, **ridges)

    monkeypatch.setattr(certificates, name, of_reversed)
    assert "duality-gap" in failing("neural_collapse.9")
