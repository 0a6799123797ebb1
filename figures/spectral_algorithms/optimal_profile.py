"""The best profile of the Wishart model: ridge regression at the Bayes point, an integral equation elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, exponent, figure, separation, structure
from figures.spectral_algorithms import optimum_drawings
from figures.spectral_algorithms._optimum_numerics import (
    BestProfile,
    NaiveOptimum,
    bayes_departures,
    bayes_spectrum,
    certificates,
    optimum,
)
from figures.spectral_algorithms._wishart_models import WISHART, power_laws
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from simulations.spectral_algorithms import simulate_wishart
from theory.spectral_algorithms import (
    circle_spectrum,
    effective_ridge,
    optimal_ridge,
    ridge_loss,
    ridge_profile,
    wishart_optimal_profile,
)

optimum_figure = figure("spectral_algorithms.optimal-profile", optimum_drawings.draw_optimum)

NOISE = 0.1
LAWS = ((1.5, 1.0), (1.5, 2.5))  # nu, kappa


@claim(
    "spectral_algorithms.4",
    paper=SPECTRAL_ALGORITHMS,
    label="optimal profile at kappa = nu - 1, both models (numbering unverified)",
    nature="exact",
    evidence="proved",
    status="beyond",
    statement="Where the squared target coefficients are proportional to the eigenvalues, the best of all profiles is "
    "ridge regression with ridge sigma^2 / (N tau^2), in the Circle model at every N and in the Wishart model.",
    assumptions="c_l^2 = tau^2 lambda_l; any spectrum. Wishart: for the functional of leading order in 1/N. Stated "
    "in a sharper form than we know from the paper.",
    formula=r"c_l^2 = \tau^2\lambda_l \;\Rightarrow\; h^\ast(\lambda) = \frac{\lambda}{\lambda + \sigma^2/(N\tau^2)}"
    "\n"
    r"\mathrm{Wishart:}\quad 2L^\ast + \sigma^2 = N\tau^2\kappa_\eta\quad (\eta = \sigma^2/(N\tau^2))",
    normalisations=WISHART,
)
def bayes_point(run: Any) -> Iterator[Any]:
    names = run.choose(quick=("1.5", "random"), full=("1.2", "1.5", "2", "3", "stretched", "random"))
    points = run.grid(quick=[dict(spectrum=name, n_samples=100, noise_variance=0.3, scale=2.0) for name in names])
    found = run.compute(bayes_departures, points)
    at = {name: points.column(name) for name in points[0]}
    yield structure(
        "wishart",
        found.right,
        precision=1e-11,
        reason="a dense system of well-conditioned equations",
        rivals={"ridge sigma^2 / tau^2": found.not_per_sample, "half the ridge": found.half,
                "tau forgotten": found.scale_forgotten},
        at=at,
    )  # fmt: skip
    yield agreement("wishart-loss", found.loss, found.closed, estimator="exact", precision=1e-11,
                    reason="rounding", rivals={"noise not subtracted": found.closed + 0.15}, at=at)  # fmt: skip
    sizes, exponents = run.choose(quick=(7, 100), full=(7, 100, 1001, 10000)), (1.2, 1.5, 2.0, 3.0)
    departures = np.array([[_circle_departures(n, nu) for nu in exponents] for n in sizes])
    yield structure("circle", departures[..., 0], precision=1e-13, reason="rounding of Hurwitz zeta functions",
                    rivals={"ridge sigma^2": departures[..., 1], "half the ridge": departures[..., 2]},
                    at=dict(n_samples=np.array(sizes)[:, np.newaxis], capacity_exponent=exponents))  # fmt: skip
    n, noise, values = 100, 0.3, bayes_spectrum("1.5")
    one = run.grid(quick=dict(n_samples=[n]))
    trials = run.sample(simulate_wishart, one, profiles=[ridge_profile(noise / n)], eigenvalues=values,
                        target_power=values, n_trials=run.choose(quick=256, full=1024), block=256)  # fmt: skip
    predicted = 0.5 * (n * effective_ridge(noise / n, n, eigenvalues=values) - noise)
    yield agreement(
        "simulated-loss",
        trials.values[:, 0, 0] @ [1.0, noise],
        predicted,
        allowance=1 / n,
        precision=run.choose(quick=0.012, full=0.006),
        reason="correction of order 1/N, measured about 0.5/N",
        rivals={"noise not subtracted": predicted + noise / 2},
        at=dict(n_samples=n),
    )


def _circle_departures(n: int, nu: float) -> list[float]:
    noise = 0.3
    found = circle_spectrum(None, n, capacity_exponent=nu, source_exponent=nu - 1, noise_variance=noise)
    values = found.empirical_eigenvalues
    ridges = (noise / n, noise, noise / n / 2)
    return [float(np.abs(found.optimal_profile - values / (values + eta)).max()) for eta in ridges]


@claim(
    "spectral_algorithms.8",
    paper=SPECTRAL_ALGORITHMS,
    label="optimal profile of the Wishart model (not in the paper, as far as we know)",
    nature="asymptotic",
    status="beyond",
    statement="The best profile of the Wishart model solves an integral equation of the second kind; no profile has a "
    "smaller loss, and it tends to the best profile of the naive model of noisy observations, which is strictly worse "
    "at every N.",
    assumptions="A result of this project. The functional of leading order in 1/N; rates measured for 1 <= kappa <= 2 "
    "with noise variance 1.",
    formula=r"\int\rho^{(2)}_{\mathrm{reg}}(\lambda,\lambda')\,h^\ast(\lambda')\,d\lambda' "
    r"+ [\frac{1}{\pi}\mathrm{Im}(w\bar{u}) + \sigma^2\rho^{(\varepsilon)}]\,h^\ast(\lambda) = \rho^{(1)}(\lambda)"
    "\n"
    r"L^\ast = \frac{1}{2}\,(|c|^2 - \int\rho^{(1)}h^\ast\,d\lambda),\qquad "
    r"\sup|h^\ast - h_{\mathrm{NMNO}}| \propto N^{-1/2}",
    normalisations=WISHART + " lambda_l = l^-nu, c_l^2 = l^(-kappa - 1).",
    figure=optimum_figure,
)
def optimal_profile(run: Any) -> Iterator[Any]:
    yield from _certificates(run)
    yield from _towards_naive(run)
    yield from _overlearning(run)
    yield from _simulated(run)
    for nu, kappa in LAWS:
        task = power_laws(1000, nu, kappa)
        best = wishart_optimal_profile(100, noise_variance=NOISE, **task)
        lam, eta = best.eigenvalues, optimal_ridge(100, noise_variance=NOISE, **task)
        naive = NaiveOptimum((kappa + 1) / nu, NOISE / 100)(lam)
        yield curve("profile", best.values, at=dict(nu=nu, kappa=kappa, eigenvalue=lam),
                    rivals={"best ridge": lam / (lam + eta), "naive model": naive})  # fmt: skip


def _certificates(run: Any) -> Iterator[Any]:
    points = run.grid(
        quick=[dict(nu=1.5, kappa=1.0, seed=0)],
        full=[dict(nu=nu, kappa=kappa, seed=seed) for nu, kappa in ((1.5, 1.0), (1.5, 2.5), (2.0, 0.5), (1.2, 3.0))
              for seed in range(3)],
    )  # fmt: skip
    found = run.compute(certificates, points, n_samples=100, n_modes=500, noise_variance=NOISE)
    at = {name: points.column(name) for name in points[0]}
    yield certificate("integral-equation", found.residual, precision=1e-9,
                      reason="rounding of a dense solution, over the linear density",
                      rivals={"no regular part": found.no_regular}, controls={"h off by 1e-6": found.perturbed},
                      at=at)  # fmt: skip
    column = {name: values[:, np.newaxis] for name, values in at.items()}
    yield bound(
        "no-profile-is-better",
        found.losses,
        found.loss[:, np.newaxis],
        upper=False,
        rounding=1e-11,
        tightness=1e-8,
        reason="random profiles at distances of 1 to 1e-7 from the best; rounding of |c|^2 over the loss",
        rivals={"loss of the best ridge": found.ridge_loss[:, np.newaxis],
                "loss of the naive model": found.naive_loss[:, np.newaxis]},
        at=column | dict(profile=np.arange(found.losses.shape[1])),
    )  # fmt: skip


def _towards_naive(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=(50, 200), full=(100, 400, 1600))
    laws = ((1.5, 1.0), (2.0, 2.0))
    points = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa) for n in sizes for nu, kappa in laws])
    found = run.compute(optimum, points, mode_ratio=10, noise_variance=1.0)
    shape = (len(sizes), len(laws))
    at = dict(nu=[law[0] for law in laws], kappa=[law[1] for law in laws])
    yield exponent("distance-to-naive", np.array(sizes), found.distance.reshape(shape), -0.5, estimator="exact",
                   allowance=run.choose(quick=0.05, full=0.015), precision=0.015,
                   reason="a band of the spectrum is wide as N^(-1/2), and the best profile is flat on it; measured "
                   "within 0.011 from 100 samples on", rivals={"1/N": -1.0, "N^(-2/3)": -2 / 3}, at=at)  # fmt: skip
    n = np.array(sizes)[:, np.newaxis]
    yield curve("distance", found.distance.reshape(shape), at=at | dict(n_samples=n))
    worse = found.naive_profile_loss.reshape(shape) / found.loss.reshape(shape)
    yield separation("naive-is-worse", worse, np.ones(shape), gap=0.01 / n, estimator="exact",
                     reason="relative excess loss of the naive optimum in the Wishart model, 0.03/N to 0.2/N",
                     rivals={"equally good, but for 0.001/N": worse - 0.001 / n},
                     at=at | dict(n_samples=n))  # fmt: skip


def _overlearning(run: Any) -> Iterator[Any]:
    """Without noise the best profile exceeds 1 everywhere where kappa > nu - 1, and nowhere where kappa < nu - 1."""
    laws = run.choose(quick=((1.5, 1.0), (1.5, 0.2)), full=((1.5, 1.0), (1.5, 0.2), (2.0, 1.5), (2.0, 0.5)))
    points = run.grid(quick=[dict(nu=nu, kappa=kappa) for nu, kappa in laws])
    found = run.compute(optimum, points, n_samples=200, mode_ratio=5, noise_variance=0.0)
    nu, kappa = points.column("nu"), points.column("kappa")

    def violation(sign: np.ndarray) -> np.ndarray:
        return np.maximum(0, np.where(sign > 0, 1 - found.lowest, found.highest - 1))

    yield structure("overlearning", violation(kappa - (nu - 1)), precision=1e-9,
                    reason="how far h* goes to the wrong side of 1 anywhere on the spectrum; not proved",
                    rivals={"transition at kappa = nu": violation(kappa - nu)},
                    at=dict(nu=nu, kappa=kappa))  # fmt: skip


def _simulated(run: Any) -> Iterator[Any]:
    """Gaussian features and the best profile, tabulated; the best ridge on the same draws."""
    n = run.choose(quick=50, full=100)
    losses, predicted, ridges, gains = [], [], [], []
    one = run.grid(quick=dict(n_samples=[n]))
    for nu, kappa in LAWS:
        task = power_laws(1000, nu, kappa)
        given = dict(noise_variance=NOISE, **task)
        eta = float(f"{optimal_ridge(n, **given):.6g}")  # equal on all machines
        profiles = [BestProfile(n, NOISE, 1000, nu, kappa), ridge_profile(eta)]
        trials = run.sample(simulate_wishart, one, profiles=profiles, n_trials=run.choose(quick=256, full=1024),
                            block=256, **task)  # fmt: skip
        total = trials.values[:, 0] @ [1.0, NOISE]
        losses.append(total[:, 0])
        predicted.append(wishart_optimal_profile(n, **given).loss)
        ridges.append(ridge_loss(eta, n, **given))
        gains.append((total[:, 1] - total[:, 0]) / predicted[-1])
    at, best, ridge = dict(n_samples=n, kappa=[law[1] for law in LAWS]), np.array(predicted), np.array(ridges)
    yield agreement(
        "simulated-loss",
        np.stack(losses, axis=1),
        best,
        allowance=np.array([0.8, 3.0]) / n,
        precision=np.array([0.65, 2.0]) / n * run.choose(quick=2, full=1),
        estimator="log",
        reason="geometric mean of skewed losses: correction of order 1/N, measured at most 0.6/N and 2.3/N",
        rivals={"best ridge": ridge},
        at=at,
    )
    yield separation("beats-best-ridge", np.stack(gains, axis=1), np.zeros(2), gap=0.5 * (ridge / best - 1),
                     unit="absolute", estimator="median",
                     reason="on the same draws, by more than half the predicted difference",
                     rivals={"by the predicted difference": ridge / best - 1}, at=at)  # fmt: skip
