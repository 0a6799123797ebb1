"""The random-feature eigenframework: the fixed point, the errors that follow from it, and what single modes learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.random_features import drawings
from figures.random_features._ridge_path import TASK, simulate_sizes
from figures.random_features._rivals import wrong_test_errors
from figures.random_features.papers import MORE_IS_BETTER
from simulations.random_features import simulate_gaussian_rf, simulate_gaussian_rf_modes
from theory.random_features import mode_learnabilities, power_law_task, rf_risk

gaussian = figure("random_features.gaussian", drawings.draw_gaussian)
modes = figure("random_features.modes", drawings.draw_modes)
SETTING = (
    "n samples, k random features, ridge delta added to the Gram matrix of features divided by sqrt(k) (not by n); "
    "the test error includes the label noise."
)


@claim(
    "random_features.1",
    paper=MORE_IS_BETTER,
    label="random-feature eigenframework (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="The two implicit constants follow from one increasing scalar equation, symmetric in samples and "
    "features at fixed k delta.",
    assumptions="Any kernel spectrum with at least one positive eigenvalue; ridge >= 0.",
    formula=r"""n = \sum_i \frac{\lambda_i}{\lambda_i + \gamma} + \frac{\delta}{\kappa},\quad
        k = \sum_i \frac{\lambda_i}{\lambda_i + \gamma} + \frac{k\kappa}{\gamma}
        \delta = \gamma\,(1 - z(\gamma)/k)\,(n - z(\gamma)),\quad z = \sum_i \frac{\lambda_i}{\lambda_i + \gamma}""",
    normalisations=SETTING,
)
def fixed_point(run: Any) -> Iterator[Any]:
    rng = np.random.default_rng(1)
    residuals, perturbed, duality, crossed = [], [], [], []
    for _ in range(run.choose(quick=8, full=200)):
        eigenvalues = np.exp(rng.normal(0, 3, size=int(rng.integers(20, 1500))))
        n, k = rng.integers(5, 400, size=2)
        ridge = 10.0 ** rng.uniform(-12, 3)
        solved = rf_risk(eigenvalues, np.ones_like(eigenvalues), n_samples=n, n_features=k, ridge=ridge)
        residuals.append(_pair_residual(eigenvalues, n, k, ridge, solved.gamma, solved.kappa))
        perturbed.append(_pair_residual(eigenvalues, n, k, ridge, solved.gamma * (1 + 1e-6), solved.kappa))
        swapped, uncorrected = (
            rf_risk(eigenvalues, np.ones_like(eigenvalues), n_samples=k, n_features=n, ridge=delta)
            for delta in (ridge * k / n, ridge)
        )
        duality.append(abs(np.log(swapped.gamma / solved.gamma)))
        crossed.append(abs(np.log(uncorrected.gamma / solved.gamma)))
    reason = "double precision: rounding of sums over up to 1500 modes"
    yield structure("pair", residuals, precision=1e-11, reason=reason, controls={"gamma off by 1e-6": perturbed})
    yield structure("duality", duality, precision=1e-11, reason=reason, rivals={"ridge not rescaled": crossed})


def _pair_residual(eigenvalues: np.ndarray, n: float, k: float, ridge: float, gamma: float, kappa: float) -> float:
    """Return the larger relative residual of the published pair of equations."""
    learned = (eigenvalues / (eigenvalues + gamma)).sum()
    return max(abs(learned + ridge / kappa - n) / n, abs(learned + k * kappa / gamma - k) / k)


@claim(
    "random_features.2",
    paper=MORE_IS_BETTER,
    label="random-feature eigenframework (numbering unverified)",
    nature="asymptotic",
    statement="Test and training error of random-feature regression follow from the spectrum, up to a relative "
    "correction of order 1/n.",
    assumptions="Gaussian inputs and Gaussian features; n and k large together.",
    formula=r"""E_{\mathrm{test}} = \frac{B + \sigma^2}{1 - (q + (z-q)\,\eta)/n}
        B = \sum_i v_i^2\,[(1-L_i)^2 + L_i(1-L_i)\,\eta],\quad \eta = \frac{z-q}{k-q}
        E_{\mathrm{train}} = (1 - z/n)^2\,E_{\mathrm{test}}
        L_i = \frac{\lambda_i}{\lambda_i+\gamma},\quad z = \sum_i L_i,\quad q = \sum_i L_i^2""",
    normalisations=SETTING,
    figure=gaussian,
)
def errors(run: Any) -> Iterator[Any]:
    trials, theory, n, k, ridges = simulate_sizes(run)
    at = trials.at(ridge=ridges)
    precision = np.broadcast_to(run.choose(quick=0.01, full=1 / n), n.shape)
    yield agreement(
        "test-error",
        trials.test_mse,
        theory.test_mse,
        allowance=2 / n,
        precision=precision,
        reason="correction of order 1/n, measured at most 1.2/n",
        rivals=wrong_test_errors(theory, n_samples=n, n_features=k, **TASK),
        at=at,
    )
    yield agreement(
        "training-error",
        trials.train_mse,
        theory.train_mse,
        allowance=5 / n,
        precision=2 * precision,
        reason="correction of order 1/n, measured at most 3.5/n where the training error is a few per cent of the test",
        rivals={"gamma for kappa": (theory.ridge / (n * theory.gamma)) ** 2 * theory.test_mse},
        at=at,
    )
    published = _published_test_error(theory, n_samples=n, n_features=k, **TASK)
    yield structure(
        "published-form",
        theory.test_mse / published - 1,
        precision=1e-11,
        reason="the published form is the same function; it loses a few digits to cancellation",
        controls={
            "one mode less": _published_test_error(theory, n_samples=n - 1, n_features=k, **TASK) / published - 1
        },
        at=at,
    )
    if run.scale != "quick":
        yield _extrapolated(run)
        yield _rate(run)
    shown = run.choose(quick=120, full=300)
    widths = np.unique(np.geomspace(shown / 3, 4 * shown, 80).round())[:, np.newaxis]
    line = rf_risk(n_samples=shown, n_features=widths, ridge=ridges, **TASK)
    at = dict(n_samples=shown, n_features=widths, ridge=ridges)
    yield curve("test-theory", line.test_mse, at=at)
    yield curve("training-theory", line.train_mse, at=at)


def _published_test_error(theory: Any, *, eigenvalues: np.ndarray, target_coefficients: np.ndarray,
                          noise_variance: float, n_samples: Any, n_features: Any) -> np.ndarray:  # fmt: skip
    """Return the test error as the paper writes it, from the two constants."""
    n, k, z, q = n_samples, n_features, theory.modes_learned, theory.modes_squared
    gamma, kappa = theory.gamma[..., np.newaxis], theory.kappa[..., np.newaxis]
    shares = gamma / (eigenvalues + gamma) - kappa * eigenvalues / (eigenvalues + gamma) ** 2 * (k / (k - q))[..., None]
    bias = (shares * target_coefficients**2).sum(axis=-1)
    return (bias + noise_variance) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))


def _extrapolated(run: Any) -> Any:
    """The relative error at n and 2n, extrapolated to n = infinity by its predicted rate 1/n."""
    ridge = np.array([0.1])
    grid = run.grid(full=[dict(n_samples=n, n_features=2 * n // 3) for n in (300, 600)])
    trials = run.sample(simulate_gaussian_rf, grid, ridges=ridge, n_trials=256, **TASK)
    n = grid.column("n_samples")
    theory = rf_risk(n_samples=n, n_features=grid.column("n_features"), ridge=ridge, **TASK).test_mse
    small, large = (trials.test_mse[:, index, 0] / theory[index] for index in (0, 1))
    return agreement(
        "test-error-extrapolated",
        2 * large - small,
        1.0,
        allowance=50 / 300**2,
        precision=0.0025,
        reason="what is left after extrapolation is of order 1/n^2",
        rivals={"half a per cent more": 1.005},
        at=dict(n_samples=np.inf),
    )


def _rate(run: Any) -> Any:
    """The gap at n, 2n and 4n, for a problem that scales with n: the prediction is the same at every size."""
    gaps = []
    for n in (16, 32, 64):
        counts = [n // 4, 2 * n]
        task: dict[str, Any] = dict(
            eigenvalues=np.repeat([1.0, 0.1], counts),
            target_coefficients=np.sqrt(np.repeat([0.5 / counts[0], 0.5 / counts[1]], counts)),
            noise_variance=0.2,
        )
        grid = run.grid(full=[dict(n_samples=n, n_features=3 * n // 4)])
        ridge = np.array([0.002 * n])
        trials = run.sample(simulate_gaussian_rf, grid, ridges=ridge, n_trials=128 * 64, block=1024, **task)
        gaps.append(trials.test_mse[:, 0, 0] / rf_risk(ridge=ridge, **grid[0], **task).test_mse - 1)
    return exponent(
        "rate-of-the-gap",
        [16, 32, 64],
        np.transpose(gaps),
        -1.0,
        blocks=128,
        allowance=0.1,
        precision=0.2,
        reason="one slope for each of 128 blocks of 64 trials; the next correction bends it by less than 0.1 at n = 16",
        rivals={"1/sqrt(n)": -0.5, "1/n^2": -2.0},
    )


@claim(
    "random_features.3",
    paper=MORE_IS_BETTER,
    label="mode learnabilities and their conservation (numbering unverified)",
    nature="asymptotic",
    statement="Each mode is learnt in proportion to its learnability, and the learnabilities of every draw add up to "
    "the degrees of freedom of its Gram matrix.",
    assumptions="Gaussian inputs and Gaussian features; the conservation law holds for every draw and any data.",
    formula=r"""E[\hat v_i] = L_i v_i,\quad L_i = \frac{\lambda_i}{\lambda_i + \gamma}
        \sum_i \partial \hat v_i/\partial v_i = \mathrm{tr}\,\hat K(\hat K + \delta)^{-1} \leq \min(n, k)""",
    normalisations=SETTING,
    figure=modes,
)
def learnabilities(run: Any) -> Iterator[Any]:
    eigenvalues, target = power_law_task(1000, 1.5, 1.5)
    n_modes = 5
    counts = run.choose(quick={40: 1024}, full={40: 2560, 160: 768})
    grid = run.grid(quick=[dict(n_samples=n, n_features=3 * n // 2, ridge=ridge) for n in counts
                           for ridge in (0.0, 0.02)])  # fmt: skip
    trials = run.sample(simulate_gaussian_rf_modes, grid, eigenvalues=eigenvalues, n_modes=n_modes,
                        n_trials=[counts[point["n_samples"]] for point in grid])  # fmt: skip
    learned = [mode_learnabilities(eigenvalues, **point) for point in grid]
    theory = [rf_risk(eigenvalues, target, **point) for point in grid]
    kappa = np.array([risk.kappa for risk in theory])[:, np.newaxis]
    n = grid.column("n_samples")
    mode = np.arange(1, n_modes + 1)
    yield agreement(
        "learnability",
        trials.learnabilities,
        np.array(learned)[:, :n_modes],
        allowance=0.5 / n[:, np.newaxis],
        precision=run.choose(quick=0.025, full=0.7 / n[:, np.newaxis]),
        reason="correction of order 1/n, measured at most 0.4/n",
        rivals={"kappa for gamma": eigenvalues[:n_modes] / (eigenvalues[:n_modes] + kappa)},
        at=trials.at(mode=mode),
    )
    yield agreement(
        "degrees-of-freedom",
        trials.degrees_of_freedom,
        np.array([risk.modes_learned for risk in theory]),
        allowance=0.4 / n,
        precision=0.003,
        reason="correction of order 1/n; at ridge 0 both sides are min(n, k) exactly",
        rivals={"kernel limit": np.array([rf_risk(eigenvalues, target, n_samples=p["n_samples"], n_features=np.inf,
                                                  ridge=p["ridge"]).modes_learned for p in grid])},
        at=trials.at(),
    )  # fmt: skip
    drawn = list(zip(trials.trace, trials.degrees_of_freedom, trials.learnabilities, strict=True))
    for point in grid:
        curved = mode_learnabilities(eigenvalues, **point)[:8]
        yield curve("theory", curved, at=point | dict(mode=np.arange(1, 9)))
    gap = [np.abs(trace / freedom - 1).max() for trace, freedom, _ in drawn]
    without_last = [np.abs((trace - modes[:, -1]) / freedom - 1).max() for trace, freedom, modes in drawn]
    yield structure(
        "conservation",
        gap,
        precision=1e-10,
        reason="the identity is exact; rounding grows with the condition number of the Gram matrix",
        controls={"fifth mode left out": without_last},
        at=trials.at(),
    )
