"""The mean-field solver against a plain forward-mode twin, quadrature, two solvable corners and reference values."""

import itertools
import warnings
from dataclasses import fields

import numpy as np
import pytest

from benchmarks._plain_dmft import plain_dmft
from theory.grokking import DmftSolution, lazy_highdim_path, max_learning_rate, population_path, solve_dmft
from theory.grokking._innovations import ColouredNoise, draw_innovations
from theory.grokking._sample_paths import couplings
from theory.grokking.dmft import solve_replica

PLANTED = dict(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, initial_alignment=0.5, target_offset=1.0)
GROKKING = dict(output_scale=2.0, quadratic_strength=0.5, learning_rate=0.2, initial_alignment=0.02, target_offset=1.0)
UNPLANTED = dict(output_scale=2.0, quadratic_strength=0.7, learning_rate=0.1, target_offset=1.0)
UNCENTRED = PLANTED | dict(target_offset=0.0, center_output=False)


def innovations(n_paths, n_steps, seed=0):
    return draw_innovations(n_paths, n_steps, np.random.SeedSequence(seed))


@pytest.mark.parametrize(
    "ratio, setting",
    [
        (3.0, PLANTED),
        (3.0, UNCENTRED),
        (4.0, GROKKING),
        (2.0, UNPLANTED),
        (0.6, UNPLANTED | dict(target_offset=0.3, center_output=False, learning_rate=0.05)),
        (3.0, PLANTED | dict(quadratic_strength=0.0)),
    ],
)
def test_the_solver_equals_a_plain_forward_mode_twin(ratio, setting):
    # 20 steps reach past a block of times, 300 paths past a block of paths. Only rounding differs; near-singular noise
    # covariances raise it to about 1e-12.
    c, white = couplings(ratio, **setting), innovations(300, 20)
    solution, expected = solve_replica(c, white), plain_dmft(c, white)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(solution, name), value, rtol=0.0, atol=1e-10, err_msg=name)


def normal_rule(n_nodes=12):
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)  # exact to degree 23
    return nodes, weights / weights.sum()


def mean_over_three_normals(function):
    nodes, weights = normal_rule()
    grid = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    return np.einsum("i,j,k,ijk->", weights, weights, weights, function(*grid))


@pytest.mark.parametrize("ratio, setting", [(3.0, PLANTED), (3.0, UNCENTRED), (4.0, GROKKING)])
def test_the_test_terms_are_the_loss_of_a_fresh_sample(ratio, setting):
    solution = solve_dmft(ratio, **setting, n_steps=8, n_paths=200)
    c = couplings(ratio, **setting)
    amplitude = c.output_scale * c.quadratic_strength / 2
    for t in (0, 1, 4, 8):
        common, spike = solution.correlation_mean[t, t], solution.correlation_spike[t, t]
        bulk, overlap = solution.correlation_bulk[t, t], solution.overlap[t]

        def squared_residual(u, x, y, common=common, spike=spike, bulk=bulk, overlap=overlap):
            m, p = np.sqrt(common) * x, overlap * u + np.sqrt(spike) * y
            output = c.output_scale * m + amplitude * (bulk + m**2 + c.alignment * p**2)
            start = c.start * amplitude * (1 + c.alignment * u**2)
            return (output - start - (u**2 - c.target_offset) / 2) ** 2

        # A polynomial of degree 4: quadrature is exact, and so is the formula.
        assert solution.test_loss[t] == pytest.approx(mean_over_three_normals(squared_residual), rel=1e-11)
    np.testing.assert_allclose(solution.test_terms.sum(axis=1), solution.test_loss, rtol=1e-14)


def exact_first_train_loss(c):
    """Return E Delta(1)^2, worked out for one step: Gaussian integrals of polynomials of degree up to 12."""
    nodes, weights = normal_rule()
    amplitude, eps, k = c.output_scale * c.quadratic_strength / 2, c.quadratic_strength, c.step

    def first(u):
        return amplitude * (1 + c.alignment * u**2) * (1 - c.start) - (u**2 - c.target_offset) / 2

    def mean(values):
        return weights @ values

    delta = first(nodes)
    bulk, overlap = 1 - k * eps * mean(delta), 1 - k * eps * mean(delta * nodes**2)
    common, spike = c.noise**2 * mean(delta**2), (c.noise * eps) ** 2 * mean(delta**2 * nodes**2)
    square = bulk**2 + (c.noise * eps) ** 2 * mean(delta**2)

    def squared_residual(u, x, y):
        m = np.sqrt(common) * x - c.memory * first(u)
        p = overlap * u + np.sqrt(spike) * y - c.memory * eps * first(u) * u
        kick = -c.memory * eps * first(u)
        output = c.output_scale * m + amplitude * (square + 2 * kick * bulk + kick**2 + m**2 + c.alignment * p**2)
        start = c.start * amplitude * (1 + c.alignment * u**2)
        return (output - start - (u**2 - c.target_offset) / 2) ** 2

    return mean_over_three_normals(squared_residual)


@pytest.mark.parametrize("ratio, setting", [(3.0, PLANTED), (3.0, UNCENTRED), (2.0, UNPLANTED), (4.0, GROKKING)])
def test_the_first_train_loss_has_no_bias_from_the_tail_of_the_projections(ratio, setting):
    exact = exact_first_train_loss(couplings(ratio, **setting))
    for n_paths, tolerance in ((1000, 3e-4), (8000, 4e-5)):  # measured 1e-4 and 2e-5; plain quantiles: 2e-3 and 6e-4
        solution = solve_dmft(ratio, **setting, n_steps=1, n_paths=n_paths)
        assert solution.train_loss[1] == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("setting", [PLANTED, UNCENTRED, GROKKING, PLANTED | dict(target_offset=0.0)])
def test_many_samples_per_dimension_give_the_population_path(setting):
    solution = solve_dmft(1e9, **setting, n_steps=40, n_paths=400)
    expected = population_path(**setting, n_steps=40)
    for name, value in (
        ("train_loss", expected.loss),
        ("test_loss", expected.loss),
        ("overlap", expected.overlap),
        ("bulk_mean", expected.bulk),
    ):
        # Of order 1 / delta = 1e-9, measured up to 15 of it in the overlap; exact moments of u leave no sampling error.
        np.testing.assert_allclose(getattr(solution, name), value, rtol=0.0, atol=3e-8, err_msg=name)


@pytest.mark.parametrize("offset", [1.0, 0.0])
def test_large_output_scales_give_the_lazy_curve_at_rate_one(offset):
    setting = dict(quadratic_strength=0.5, learning_rate=0.1, n_steps=40, target_offset=offset)
    lazy = lazy_highdim_path(3.0, **setting)
    gaps = []
    for scale in (200.0, 800.0):
        solution = solve_dmft(3.0, output_scale=scale, **setting, n_paths=1000)
        gaps.append(
            [
                np.abs(solution.test_loss - lazy.test_loss).max(),
                np.abs(solution.train_loss - lazy.train_loss).max(),
            ]
        )
    assert np.max(gaps[1]) < 0.4 / 800.0
    np.testing.assert_allclose(np.divide(*gaps), 4.0, rtol=0.05)  # 1/alpha, next term 1/alpha^2; noise is linear here


REFERENCES = [  # ratio, setting, steps, test, its standard error, train, its standard error; 4 runs of plain sampling
    (
        3.0, PLANTED, [5, 10, 20, 40], [0.37134, 0.33312, 0.30093, 0.27489], [7e-5, 18e-5, 28e-5, 63e-5],
        [0.12043, 0.07531, 0.04770, 0.03130], [32e-5, 29e-5, 21e-5, 18e-5],
    ),
    (
        2.0, UNPLANTED, [7, 15, 30], [0.60333, 0.63237, 0.63918], [15e-5, 44e-5, 75e-5],
        [0.10862, 0.03690, 0.00973], [17e-5, 19e-5, 9e-5],
    ),
    (
        3.0, UNCENTRED, [1, 7, 30], [0.26123, 0.17207, 0.11985], [1e-5, 5e-5, 16e-5],
        [0.19193, 0.03738, 0.00859], [1e-5, 19e-5, 6e-5],
    ),
    (
        4.0, GROKKING, [20, 40, 80], [0.4858, 0.4135, 0.3475], [2e-4, 8e-4, 12e-4],
        [0.06384, 0.02691, 0.01114], [19e-5, 18e-5, 16e-5],
    ),
]  # fmt: skip


@pytest.mark.parametrize("ratio, setting, steps, test, test_error, train, train_error", REFERENCES)
def test_reference_curves(ratio, setting, steps, test, test_error, train, train_error):
    # A run of 2000 paths has a standard deviation of up to 3e-4. The values were found with projections on plain normal
    # quantiles, whose short tail costs up to 3e-4 (0.19168 by quadrature at step 1 of the third, for 0.19193).
    solution = solve_dmft(ratio, **setting, n_steps=steps[-1], n_paths=2000)
    own = [min(3e-4, 1e-5 * step) for step in steps]
    for curve, values, errors in ((solution.test_loss, test, test_error), (solution.train_loss, train, train_error)):
        tolerance = 3.5 * np.hypot(errors, own) + 3e-4
        assert np.all(np.abs(curve[steps] - values) < tolerance), (curve[steps], values, tolerance)


def test_reference_order_parameters():
    solution = solve_dmft(3.0, **PLANTED, n_steps=40, n_paths=2000)
    found = solution.overlap[40], solution.correlation_bulk[40, 40], solution.correlation_mean[40, 40]
    tolerances = 3.5 * np.array([8e-4, 12e-4, 3e-4])  # errors of the values and of this run
    assert np.all(np.abs(np.subtract(found, [1.6541, 0.6643, 0.0595])) < tolerances)


def test_long_runs_of_few_paths_stay_on_course():
    # With a Cholesky factor of the noise covariance, which is singular to rounding, two runs in 32 left for good.
    solution = solve_dmft(4.0, **GROKKING, n_steps=80, n_paths=500, n_replicas=4)
    assert solution.test_spread.max() < 0.006  # over 64 runs: 0.0015
    assert solution.train_spread[80] < 8e-4  # 0.0002
    assert solution.test_loss[80] == pytest.approx(0.3467, abs=0.005)


def test_what_happens_later_changes_nothing_before():
    c, white = couplings(3.0, **PLANTED), innovations(300, 24)
    early = white._replace(mean=white.mean[:9], spike=white.spike[:9])
    long, short = solve_replica(c, white), solve_replica(c, early)
    for field in fields(DmftSolution):
        value = getattr(long, field.name)
        value = value[:10, :10] if value.shape[1:] == (25,) else value[:10]
        np.testing.assert_allclose(value, getattr(short, field.name), rtol=0.0, atol=1e-11, err_msg=field.name)


def test_paths_may_be_permuted_and_reflected():
    c, white = couplings(3.0, **PLANTED), innovations(300, 12)
    order = np.random.default_rng(0).permutation(300)
    permuted = white._replace(
        projections=white.projections[order],
        weights=white.weights[order],
        mean=np.ascontiguousarray(white.mean[:, order]),
        spike=np.ascontiguousarray(white.spike[:, order]),
    )
    signs = np.where(np.arange(300) % 3, 1.0, -1.0)
    reflected = white._replace(projections=signs * white.projections, spike=signs * white.spike)
    expected = solve_replica(c, white)
    for twin in (permuted, reflected):
        solution = solve_replica(c, twin)
        np.testing.assert_allclose(solution.train_loss, expected.train_loss, rtol=1e-9)
        np.testing.assert_allclose(solution.test_loss, expected.test_loss, rtol=1e-9)


def test_a_vanishing_planted_part_is_none():
    # The solver leaves out the response of the spike channel at tau = 0, where it is that of the bulk.
    setting = UNPLANTED | dict(n_steps=20, n_paths=300)
    none, little = solve_dmft(2.0, **setting), solve_dmft(2.0, **setting, initial_alignment=1e-10)
    np.testing.assert_array_equal(none.response_spike, none.response_bulk)
    for field in fields(DmftSolution):
        # Of order tau^2, times the growth of the response; the spike's own functions are of order one.
        np.testing.assert_allclose(
            getattr(none, field.name), getattr(little, field.name), rtol=0.0, atol=1e-7, err_msg=field.name
        )


def test_two_time_functions_have_their_structure():
    solution = solve_dmft(3.0, **PLANTED, n_steps=30, n_paths=300)
    for response in (solution.response_mean, solution.response_spike, solution.response_bulk):
        assert np.all(np.triu(response) == 0.0)
        np.testing.assert_array_equal(np.diag(response, -1), 1.0)
    for correlation in (solution.correlation_mean, solution.correlation_spike, solution.correlation_bulk):
        np.testing.assert_allclose(correlation, correlation.T, rtol=1e-14)
        assert np.linalg.eigvalsh(correlation).min() > -1e-12 * np.trace(correlation)
    assert not solution.correlation_mean[0].any() and not solution.correlation_spike[0].any()
    np.testing.assert_allclose(solution.correlation_bulk[:, 0], solution.bulk_mean, rtol=1e-14)


def test_no_step_leaves_the_start():
    solution = solve_dmft(3.0, **PLANTED, n_steps=0, n_paths=20)
    assert solution.train_loss == pytest.approx([0.5], rel=1e-12)  # the variance of the target, moments being exact
    assert solution.test_loss == pytest.approx([0.5], rel=1e-12)
    assert solution.test_terms.shape == (1, 3)
    assert solution.correlation_bulk == pytest.approx(np.ones((1, 1)))


def test_replicas_are_runs_of_their_own_and_give_median_and_spread():
    setting = dict(**PLANTED, n_steps=10, n_paths=100)
    merged = solve_dmft(3.0, **setting, n_replicas=5, seed=7)
    children = [np.random.SeedSequence(7, spawn_key=(i,)) for i in range(5)]
    c = couplings(3.0, **PLANTED)
    runs = [solve_replica(c, draw_innovations(100, 10, child)) for child in children]
    for name in ("train_loss", "test_loss", "test_terms", "overlap", "correlation_mean", "response_spike"):
        np.testing.assert_array_equal(getattr(merged, name), np.median([getattr(r, name) for r in runs], axis=0))
    np.testing.assert_array_equal(merged.train_spread, np.std([r.train_loss for r in runs], axis=0, ddof=1))
    np.testing.assert_array_equal(merged.test_spread, np.std([r.test_loss for r in runs], axis=0, ddof=1))
    assert merged.test_spread[10] > 0.0
    single = solve_dmft(3.0, **setting, seed=7)
    np.testing.assert_array_equal(single.train_loss, runs[0].train_loss)
    assert not single.train_spread.any() and not single.test_spread.any()


def test_a_seed_may_be_a_sequence_and_is_not_consumed():
    setting = dict(**PLANTED, n_steps=5, n_paths=60, n_replicas=2)
    sequence = np.random.SeedSequence(3)
    first, second = solve_dmft(3.0, **setting, seed=sequence), solve_dmft(3.0, **setting, seed=sequence)
    np.testing.assert_array_equal(first.train_loss, second.train_loss)
    np.testing.assert_array_equal(first.train_loss, solve_dmft(3.0, **setting, seed=3).train_loss)
    assert np.any(first.train_loss != solve_dmft(3.0, **setting, seed=4).train_loss)


@pytest.mark.parametrize("n_paths, n_steps", [(20, 0), (60, 10), (1000, 40), (1024, 3)])
def test_innovations_have_exact_moments(n_paths, n_steps):
    white = innovations(n_paths, n_steps)
    u, w = white.projections, white.weights
    assert u.shape == w.shape == (n_paths,)
    assert u.min() > 0.0 and w.min() > 0.0
    np.testing.assert_allclose(w @ u[:, None] ** np.array([0, 2, 4]), [1.0, 1.0, 3.0], rtol=1e-12)
    assert white.mean.shape == white.spike.shape == (n_steps, n_paths)
    rows = np.concatenate([white.mean, white.spike])
    np.testing.assert_allclose((w * rows) @ rows.T, np.eye(2 * n_steps), atol=1e-12)
    np.testing.assert_allclose(rows @ (w[:, None] * u[:, None] ** np.arange(4)), 0.0, atol=1e-11)


def test_innovations_follow_the_normal_law():
    white = innovations(4096, 4)
    u, w, rows = white.projections, white.weights, np.concatenate([white.mean, white.spike])
    np.testing.assert_allclose(w @ u[:, None] ** np.array([6, 8]), [15.0, 105.0], rtol=1e-3)  # a quadrature in u
    # Plain sampling: standard deviations sqrt(96 / n) = 0.15 of the fourth moments and 0.05 of the mixed ones.
    np.testing.assert_allclose(rows**4 @ w, 3.0, atol=0.15)
    mixed = [x**2 * y**2 @ w for x, y in itertools.combinations([u, *rows], 2)]
    np.testing.assert_allclose(mixed, 1.0, atol=0.05)


def test_coloured_noise_has_the_covariance_of_its_rows():
    rng = np.random.default_rng(0)
    n_steps, n_paths = 30, 200
    smooth = np.cumsum(np.cumsum(rng.standard_normal((n_steps, n_paths)), axis=0), axis=0)
    smooth[4] = 0.0
    smooth[9] = smooth[7] - 2.0 * smooth[8]  # what lies in the span of its past needs no innovation
    white = innovations(n_paths, n_steps)
    w = white.weights
    noise = ColouredNoise(white.mean, w)
    rows = [np.zeros(n_paths)]
    rows += [noise.draw(t, smooth[t - 1]) for t in range(1, n_steps + 1)]
    expected = (w * smooth) @ smooth.T
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose((noise.factor @ noise.factor.T)[1:, 1:], expected, atol=1e-12 * scale.max())
    np.testing.assert_allclose((w * rows) @ np.transpose(rows), noise.factor @ noise.factor.T, atol=1e-12 * scale.max())
    assert not np.triu(noise.factor).any()
    assert noise.factor[5, 4] == noise.factor[10, 9] == 0.0


BAD_INPUT = [
    ("sample_ratio", 0.0),
    ("sample_ratio", np.inf),
    ("output_scale", -1.0),
    ("output_scale", np.nan),
    ("quadratic_strength", -0.1),
    ("quadratic_strength", np.inf),
    ("learning_rate", 0.0),
    ("learning_rate", np.nan),
    ("n_steps", -1),
    ("n_steps", 2.5),
    ("initial_alignment", -1e-9),
    ("initial_alignment", np.inf),
    ("target_offset", np.nan),
    ("n_paths", 4 * 11 + 15),
    ("n_paths", 10**8),
    ("n_replicas", 0),
    ("seed", -1),
]


@pytest.mark.parametrize("name, value", BAD_INPUT)
def test_bad_input_is_refused_by_name(name, value):
    arguments = dict(sample_ratio=3.0, n_steps=10, n_paths=100, n_replicas=1, seed=0) | PLANTED | {name: value}
    with pytest.raises(ValueError, match=f"^{name} = "):
        solve_dmft(**arguments)


def test_a_run_that_diverges_names_the_learning_rate():
    with (
        pytest.warns(UserWarning, match="lazy training diverges"),
        pytest.raises(ValueError, match=r"^learning_rate = "),
    ):
        solve_dmft(3.0, **PLANTED | dict(learning_rate=5.0), n_steps=60, n_paths=300)


def test_the_lazy_edge_is_only_a_warning():
    edge = max_learning_rate(3.0, 0.5)
    setting = PLANTED | dict(n_steps=2, n_paths=40)
    with pytest.warns(UserWarning, match=f"lazy training diverges from {edge:.4g}"):
        solution = solve_dmft(3.0, **setting | dict(learning_rate=1.01 * edge))
    assert np.isfinite(solution.train_loss).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(solve_dmft(3.0, **setting | dict(learning_rate=0.99 * edge)).train_loss).all()
