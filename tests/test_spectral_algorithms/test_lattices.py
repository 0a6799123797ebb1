"""Aliasing on lattices against dense matrices with a full average over shifts, and against the circle."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from theory.spectral_algorithms import (
    aliased_loss,
    circle_loss_from_spectrum,
    cutoff_profile,
    gradient_flow_profile,
    hierarchical_eigenvalues,
    interpolation_profile,
    lattice_residues,
    ridge_profile,
)

PROFILES = [ridge_profile(0.03), gradient_flow_profile(20.0), cutoff_profile(0.2), interpolation_profile()]


def identify(profile):
    return profile.name


def frequencies(size):
    return np.fft.fftfreq(size, 1.0 / size).astype(int)


def dense_loss(profile, n, generator, eigenvalues, power, noise_variance):
    """Loss by the definition in two dimensions, averaged over all shifts.

    The average over shifts removes products of coefficients of different modes, so that any signs will do.
    """
    size = len(eigenvalues)
    modes = np.array(list(itertools.product(frequencies(size), repeat=2)))
    values, target = eigenvalues.ravel(), np.sqrt(power.ravel())
    points = 2.0 * np.pi * np.outer(np.arange(n), generator) / n
    n_shifts = 2 * size - 1  # differences of two frequencies lie within +-(size - 1)
    shifts = 2.0 * np.pi * np.arange(n_shifts) / n_shifts
    total = 0.0
    for shift in itertools.product(shifts, repeat=2):
        features = np.exp(1j * (points + shift) @ modes.T)
        empirical, vectors = np.linalg.eigh((features * values) @ features.conj().T / n)
        inverse = (vectors * (profile(empirical) / (n * empirical))) @ vectors.conj().T
        to_predictor = values[:, None] * (features.conj().T @ inverse)
        error = to_predictor @ (features @ target) - target
        total += np.sum(np.abs(error) ** 2) + noise_variance * np.sum(np.abs(to_predictor) ** 2)
    return 0.5 * total / n_shifts**2


@pytest.mark.parametrize("profile", PROFILES, ids=identify)
@pytest.mark.parametrize(("n", "generator"), [(13, (1, 8)), (7, (2, 3))])
def test_dense_matrices_in_two_dimensions(profile, n, generator):
    norm = 1.0 + np.hypot(*np.meshgrid(frequencies(6), frequencies(6), indexing="ij"))
    eigenvalues, power = norm**-2.2, norm**-3.0
    expected = dense_loss(profile, n, generator, eigenvalues, power, 0.3)
    loss = aliased_loss(
        profile,
        n,
        eigenvalues=eigenvalues.ravel(),
        target_power=power.ravel(),
        residue_classes=lattice_residues(6, n, generator=generator).ravel(),
        noise_variance=0.3,
    )
    assert_allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize("profile", PROFILES, ids=identify)
@pytest.mark.parametrize("n", [1, 8, 13])
def test_the_circle_is_a_lattice(profile, n):
    index = np.arange(-40, 41)
    eigenvalues, coefficients = (np.abs(index) + 1.0) ** -1.7, (np.abs(index) + 1.0) ** -1.1
    loss = aliased_loss(
        profile,
        n,
        eigenvalues=eigenvalues,
        target_power=coefficients**2,
        residue_classes=index % n,
        noise_variance=0.1,
    )
    one_sided = dict(eigenvalues=eigenvalues[40:], target_coefficients=coefficients[40:], noise_variance=0.1)
    assert_allclose(loss, circle_loss_from_spectrum(profile, n, **one_sided), rtol=1e-13)


def test_order_of_modes_and_modes_without_power_do_not_matter():
    generator = np.random.default_rng(4)
    modes = generator.uniform(0.1, 1.0, (2, 60))
    classes = np.arange(60) % 7
    arguments = dict(noise_variance=0.2)

    def loss(eigenvalues, power, classes):
        arrays = dict(eigenvalues=eigenvalues, target_power=power, residue_classes=classes)
        return aliased_loss(PROFILES[0], 7, **arrays, **arguments)

    order = generator.permutation(60)
    assert_allclose(loss(*modes[:, order], classes[order]), loss(*modes, classes), rtol=1e-13)
    padded = np.append(modes[0], 0.0), np.append(modes[1], 0.0), np.append(classes, 3)
    assert_allclose(loss(*padded), loss(*modes, classes), rtol=1e-15)
    # A mode outside of the kernel cannot be learnt, and it disturbs its class.
    disturbed = np.append(modes[0], 0.0), np.append(modes[1], 0.4), np.append(classes, 3)
    assert loss(*disturbed) > loss(*modes, classes) + 0.5 * 0.4


def test_a_class_outside_of_the_kernel_stays_unlearnt():
    arrays = dict(eigenvalues=[1.0, 0.0, 0.0], target_power=[1.0, 0.5, 0.25], residue_classes=[0, 1, 1])
    loss = aliased_loss(interpolation_profile(), 2, **arrays, noise_variance=0.6)
    assert_allclose(loss, 0.5 * (0.75 + 0.3), rtol=1e-15)


@pytest.mark.parametrize("size", [1, 5, 8])
@pytest.mark.parametrize(("n", "generator"), [(13, (1, 8)), (1, (1,)), (7, (2, -3, 100)), (2**31 - 1, (2**40, -1))])
def test_residues(size, n, generator):
    residues = lattice_residues(size, n, generator=generator)
    assert residues.shape == (size,) * len(generator)
    for position in itertools.product(range(size), repeat=len(generator)):
        modes = [int(frequencies(size)[entry]) for entry in position]
        assert residues[position] == sum(g * k for g, k in zip(generator, modes, strict=True)) % n


@pytest.mark.parametrize(("n", "g", "expected"), [(233, (1, 144), 0.1015736092), (987, (1, 610), 0.04276738648)])
def test_reference_values(n, g, expected):
    size = 1024
    power = np.zeros((size, size))
    power[:, 0] = (np.abs(frequencies(size)) + 1.0) ** -2
    loss = aliased_loss(
        interpolation_profile(),
        n,
        eigenvalues=hierarchical_eigenvalues(size).ravel(),
        target_power=power.ravel(),
        residue_classes=lattice_residues(size, n, generator=g).ravel(),
        noise_variance=0.0,
    )
    assert_allclose(loss, expected, rtol=5e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(n_samples=0), "n_samples = 0"),
        (dict(eigenvalues=[1.0, -0.1, 0.1]), r"eigenvalues\[1\] = -0.1"),
        (dict(eigenvalues=[0.0, 0.0, 0.0]), "expected at least one positive eigenvalue"),
        (dict(eigenvalues=np.ones((3, 1))), "eigenvalues = array of shape"),
        (dict(target_power=[1.0, -1.0, 0.0]), r"target_power\[1\] = -1.0"),
        (dict(target_power=[1e308, 1e308, 0.0]), "target_power = .*expected a finite sum"),
        (dict(target_power=[1.0]), "target_power = array of shape"),
        (dict(residue_classes=[0, 1]), r"residue_classes = array of shape \(2,\): expected an array of shape \(3,\)"),
        (dict(residue_classes=[0, 1, 2]), r"residue_classes\[2\] = 2: expected an integer in \[0, 1\]"),
        (dict(residue_classes=[0, -1, 1]), r"residue_classes\[1\] = -1"),
        (dict(residue_classes=[0.0, 1.0, 1.0]), "expected an array of integers"),
        (dict(residue_classes=[0, 0, 0]), r"expected a mode in each class 0 \.\. 1; 1 are empty"),
        (dict(noise_variance=-1.0), "noise_variance = -1.0"),
        (dict(profile=0.1), "profile = 0.1"),
    ],
)
def test_bad_modes(change, message):
    good = dict(
        profile=PROFILES[0],
        n_samples=2,
        eigenvalues=[1.0, 0.5, 0.1],
        target_power=[1.0, 1.0, 1.0],
        residue_classes=[0, 1, 1],
        noise_variance=0.1,
    )
    with pytest.raises(ValueError, match=message):
        aliased_loss(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(grid_size=0), "grid_size = 0"),
        (dict(n_samples=0), "n_samples = 0"),
        (dict(generator=[]), "generator = "),
        (dict(generator=3), "generator = 3"),
        (dict(generator=(1, 0.5)), r"generator\[1\] = 0.5"),
    ],
)
def test_bad_lattices(change, message):
    with pytest.raises(ValueError, match=message):
        lattice_residues(**(dict(grid_size=4, n_samples=5, generator=(1, 2)) | change))


def test_residues_are_classes():
    residues = lattice_residues(8, 13, generator=(1, 8))
    assert np.issubdtype(residues.dtype, np.integer)
    assert_array_equal(np.unique(residues), np.arange(13))
