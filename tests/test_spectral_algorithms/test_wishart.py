"""Learning measures of the Wishart model: sum rules, complex forms, closed densities, bands."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.spectral_algorithms import wishart_measures


def power_law(n_modes, nu=1.5, kappa=1.0):
    index = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=index**-nu, target_power=index ** (-kappa - 1.0))


def spectrum(kind, n_modes, seed=0):
    rng = np.random.default_rng(seed)
    index = np.arange(1.0, n_modes + 1.0)
    values = {
        "power": lambda: index**-1.5,
        "steep": lambda: index**-3.0,
        "exponential": lambda: np.exp(-index / 4),
        "lognormal": lambda: np.exp(2 * rng.normal(size=n_modes)),
        "uniform": lambda: rng.uniform(size=n_modes),
        "groups": lambda: 10.0 ** -(2.0 * (4 * (index - 1) // n_modes)),
        "isotropic": lambda: np.full(n_modes, 0.7),
        "nearly equal": lambda: 1 + 1e-9 * rng.normal(size=n_modes),
    }[kind]()
    return dict(eigenvalues=np.sort(values)[::-1].copy(), target_power=rng.exponential(size=n_modes))


KINDS = ["power", "steep", "exponential", "lognormal", "uniform", "groups", "isotropic", "nearly equal"]


@pytest.mark.parametrize("n_modes", [25, 50, 51, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_sum_rules(kind, n_modes):
    n, task = 50, spectrum(kind, n_modes)
    lam, power = task["eigenvalues"], task["target_power"]
    m = wishart_measures(n, **task)
    assert (np.diff(m.nodes) < 0).all() and (m.weights > 0).all() and (m.effective_ridge.imag < 0).all()
    # The share of non-zero empirical eigenvalues, and moments that follow from q at large z.
    assert_allclose(m.weights @ (1 / m.effective_ridge).imag / math.pi, min(1.0, n_modes / n), rtol=1e-11)
    assert_allclose(m.weights @ (m.nodes * m.linear_density), lam @ power, rtol=1e-11)
    assert_allclose(m.weights @ (m.nodes**2 * m.noise_density), np.sum(lam**2) / n, rtol=1e-11)
    pairs = (m.weights * m.nodes) @ m.two_point_density @ (m.weights * m.nodes)
    local = m.weights @ (m.nodes**2 * m.local_density)
    expected = lam**2 @ power + np.sum(lam**2) * power.sum() / n
    assert_allclose(pairs + local, expected, rtol=1e-11)


def shadow(q, lam, power):
    return np.sum(power / (lam + q[:, None]), axis=1)


@pytest.mark.parametrize("n_modes", [60, 400])
def test_complex_forms(n_modes):
    """The densities as imaginary parts, with complex derivatives on the diagonal."""
    n, task = 100, power_law(n_modes, 1.5, 0.6)
    lam, power = task["eigenvalues"], task["target_power"]
    m = wishart_measures(n, **task)
    q, z = m.effective_ridge, m.nodes
    steps = lam / (lam + q[:, None])
    assert_allclose(-q + q * steps.sum(axis=1) / n, z, rtol=1e-10)
    assert_allclose(np.sum(np.abs(steps) ** 2, axis=1) / n, 1.0, rtol=1e-11)
    u, w = q / z, q * shadow(q, lam, power) / z
    assert_allclose(m.noise_density, -q.imag / z**2 / math.pi, rtol=1e-13)
    assert_allclose(m.linear_density, -w.imag / math.pi, rtol=1e-10)
    assert_allclose(m.local_density, (w * u.conj()).imag / math.pi, rtol=1e-9)
    gamma = np.sum(steps**2, axis=1) / n
    slope = 1 / (gamma - 1)
    slope_of_shadow = -np.sum(power / (lam + q[:, None]) ** 2, axis=1)
    du = (slope * z - q) / z**2
    dw = slope * (shadow(q, lam, power) + q * slope_of_shadow) / z - q * shadow(q, lam, power) / z**2
    diagonal = (dw.imag * u.imag - du.imag * w.imag) / math.pi**2
    # Near an edge the slopes are large and their imaginary parts cancel.
    size = np.abs(dw) * np.abs(u.imag) + np.abs(du) * np.abs(w.imag)
    assert np.abs(np.diag(m.two_point_density) - diagonal).max() < 1e-9 * size.max()
    top = np.subtract.outer(z, z)
    np.fill_diagonal(top, 1.0)
    pairs = (np.outer(w.imag, u.imag) - np.outer(u.imag, w.imag)) / top / math.pi**2
    off = ~np.eye(z.size, dtype=bool)
    assert_allclose(m.two_point_density[off], pairs[off], rtol=0, atol=1e-9 * np.abs(pairs).max())


def test_effective_ridge_by_polynomial_roots():
    lam, n = np.array([3.0, 1.0, 0.4, 0.1, 0.02]), 3
    m = wishart_measures(n, eigenvalues=lam, target_power=np.ones(5))
    poles = np.poly1d(np.poly(-lam))
    for i in range(0, m.nodes.size, 7):
        # (z + q) prod (lambda + q) = (q / n) sum lambda prod of the others
        equation = np.poly1d([1.0, m.nodes[i]]) * poles
        for k in range(5):
            equation -= np.poly1d([lam[k] / n, 0.0]) * np.poly1d(np.poly(-np.delete(lam, k)))
        roots = equation.roots
        below = roots[roots.imag < -1e-9]
        assert below.size == 1
        assert_allclose(m.effective_ridge[i], below[0], rtol=1e-7)


@pytest.mark.parametrize("n_modes", [30, 100, 300])
def test_isotropic_spectrum_is_marchenko_pastur(n_modes):
    n, value = 100, 0.7
    m = wishart_measures(n, eigenvalues=np.full(n_modes, value), target_power=np.full(n_modes, 0.5))
    ratio = n_modes / n
    edges = value * (1 - math.sqrt(ratio)) ** 2, value * (1 + math.sqrt(ratio)) ** 2
    assert_allclose(m.bands, [edges], rtol=1e-13, atol=1e-13)
    density = np.sqrt((edges[1] - m.nodes) * (m.nodes - edges[0])) / (2 * math.pi * value * m.nodes)
    assert_allclose((1 / m.effective_ridge).imag / math.pi, density, rtol=1e-9)


def test_reference_bands():
    m = wishart_measures(200, **power_law(1000))
    assert len(m.bands) == 7
    assert_allclose(m.bands[0], [0.872898751, 1.155452609], rtol=1e-9)
    assert_allclose(m.bands[1], [0.311057347, 0.409937923], rtol=2e-9)
    assert_allclose(m.bands[-1][0], 0.000204395441, rtol=2e-9)
    # A band around one eigenvalue holds one eigenvalue of K / n.
    inside = (m.nodes > m.bands[0][0]) & (m.nodes < m.bands[0][1])
    share = m.weights[inside] @ (1 / m.effective_ridge[inside]).imag / math.pi
    assert_allclose(200 * share, 1.0, rtol=1e-12)


def test_more_nodes_say_the_same():
    task = power_law(400, 1.2, 0.4)
    rule = {m: wishart_measures(100, nodes_per_panel=m, **task) for m in (8, 16, 24, 40)}
    moments = {m: r.weights @ (np.sqrt(r.nodes) * r.linear_density) for m, r in rule.items()}
    errors = [abs(moments[m] / moments[40] - 1.0) for m in (8, 16, 24)]
    assert errors[0] < 1e-4 and errors[1] < 1e-8 and errors[2] < 1e-12


def test_equal_eigenvalues_may_be_split():
    merged = dict(eigenvalues=np.repeat([1.0, 0.2], [3, 40]), target_power=np.arange(1.0, 44.0))
    split = dict(merged, eigenvalues=merged["eigenvalues"] * (1.0 - 1e-9 * np.arange(43)))
    a, b = (wishart_measures(20, **task) for task in (merged, split))
    assert_allclose([a.weights @ a.linear_density, a.weights @ a.local_density],
                    [b.weights @ b.linear_density, b.weights @ b.local_density], rtol=1e-7)  # fmt: skip


def test_smallest_problems():
    m = wishart_measures(1, eigenvalues=[2.0], target_power=[3.0])
    assert m.bands == [(0.0, pytest.approx(8.0, rel=1e-13))]
    m = wishart_measures(1, eigenvalues=[2.0, 1.0], target_power=[3.0, 0.0])
    assert_allclose(m.weights @ (1 / m.effective_ridge).imag / math.pi, 1.0, rtol=1e-12)


def test_results_are_copies():
    task = power_law(60)
    first = wishart_measures(30, **task)
    kept = first.nodes.copy()
    first.nodes[:] = 0.0
    first.bands.clear()
    again = wishart_measures(30, **task)
    assert (again.nodes == kept).all() and again.bands


@pytest.mark.parametrize("value", [7, 201, 24.5, "many"])
def test_bad_number_of_nodes(value):
    with pytest.raises(ValueError, match="nodes_per_panel"):
        wishart_measures(30, **power_law(60), nodes_per_panel=value)
