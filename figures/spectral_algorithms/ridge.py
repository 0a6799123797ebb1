"""Kernel ridge regression: its loss in closed form, its training error and its best ridge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from assay import agreement, claim, curve, figure
from figures.spectral_algorithms import wishart_drawings
from figures.spectral_algorithms._probes import both_signs, linear_part
from figures.spectral_algorithms._wishart_models import PARTS, WISHART, power_laws, split
from figures.spectral_algorithms._wishart_numerics import ridge_evaluations
from figures.spectral_algorithms.papers import EIGENLEARNING
from simulations.spectral_algorithms import simulate_wishart
from theory.spectral_algorithms import effective_ridge, optimal_ridge, ridge_loss, ridge_profile

ridge_figure = figure("spectral_algorithms.ridge", wishart_drawings.draw_ridge)

RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
TASK = power_laws(1000, 1.3, 0.7)


@claim(
    "spectral_algorithms.7",
    paper=EIGENLEARNING,
    label="eigenframework of kernel ridge regression (numbering unverified)",
    nature="asymptotic",
    statement="For ridge regression the loss, the training error and the best ridge follow in closed form from the "
    "effective ridge, and the learning measures of the Wishart model give the same.",
    assumptions="Gaussian features, N large; the two closed forms are equal for any positive spectrum.",
    formula=r"L = \frac{1}{2}\,\frac{\kappa^2\sum_l c_l^2/(\lambda_l+\kappa)^2 + \sigma^2\gamma}{1-\gamma},\qquad "
    r"\gamma = \frac{1}{N}\sum_l \frac{\lambda_l^2}{(\lambda_l+\kappa)^2}"
    "\n"
    r"E_{\mathrm{train}} = (\eta/\kappa)^2\,(2L+\sigma^2),\qquad "
    r"\sum_l\frac{\lambda_l}{\lambda_l+\kappa} + \frac{N\eta}{\kappa} = N",
    normalisations=WISHART + " System K + N eta; training error: mean squared residual on noisy labels. lambda_l = "
    "l^-1.3, c_l^2 = l^-1.7, 1000 modes, in the simulations.",
    figure=ridge_figure,
)
def ridge_regression(run: Any) -> Iterator[Any]:
    sizes = run.grid(quick=dict(n_samples=[50]), full=dict(n_samples=[50, 100, 200]))
    n = sizes.column("n_samples")
    theory = np.array([[closed_forms(size, eta, **TASK) for eta in RIDGES] for size in n.tolist()])
    kappa, gamma, loss = theory[..., :1], theory[..., 1:2], theory[..., 2:4]
    n_trials = {"n_trials": run.choose(quick=128, full=512), "block": 128}
    trials = run.sample(simulate_wishart, sizes, profiles=[ridge_profile(eta) for eta in RIDGES], **n_trials, **TASK)
    where = dict(allowance=0.8 / n[:, np.newaxis, np.newaxis], at=trials.at(ridge=RIDGES, part=PARTS))
    yield agreement(
        "loss",
        trials.values,
        loss,
        precision=run.choose(quick=1.5, full=0.75) / n[:, np.newaxis, np.newaxis],
        reason="correction of order 1/N, measured at most 0.65/N",
        rivals={"no 1 / (1 - gamma)": loss * (1 - gamma), "eta for kappa": theory[..., 4:6]},
        **where,
    )
    fitted = [
        run.sample(simulate_wishart, sizes, profiles=both_signs(RIDGES, order=2, weighted=weighted), **n_trials,
                   eigenvalues=TASK["eigenvalues"], target_power=power)
        for weighted, power in ((True, TASK["target_power"] / TASK["eigenvalues"]), (False, np.ones(1000)))
    ]  # fmt: skip
    residual = [linear_part(one.values[..., 0]) for one in fitted]
    residual[1] /= n[:, np.newaxis]
    share = (np.array(RIDGES)[:, np.newaxis] / kappa) ** 2
    yield agreement(
        "training-error",
        np.stack(residual, axis=-1),
        share * (2 * loss + [0, 1]),
        precision=run.choose(quick=2.2, full=1.1) / n[:, np.newaxis, np.newaxis],
        reason="correction of order 1/N, measured at most 0.65/N",
        rivals={"forgets the noise of the labels": share * 2 * loss,
                "eta + trace / N for kappa": theory[..., 6:8]},
        **where,
    )  # fmt: skip
    yield _functional(run)
    yield _best(run)
    line = np.geomspace(1e-4, 3, 60)
    for size in n.tolist():
        shown = np.array([closed_forms(size, eta, **TASK) for eta in line])
        yield curve("theory", shown[:, 2:4], at=dict(n_samples=size, ridge=line[:, np.newaxis], part=PARTS),
                    rivals={"eta for kappa": shown[:, 4:6]})  # fmt: skip


def closed_forms(n: int, eta: float, *, eigenvalues: np.ndarray, target_power: np.ndarray) -> list[float]:
    """Return kappa, gamma, signal and noise of the loss, these two with eta for kappa, and a wrong training error."""
    task = dict(eigenvalues=eigenvalues, target_power=target_power)
    kappa = effective_ridge(eta, n, eigenvalues=eigenvalues)
    gamma = float(((eigenvalues / (eigenvalues + kappa)) ** 2).sum()) / n
    losses = split([ridge_loss(eta, n, noise_variance=v, **task) for v in (0.0, 1.0)])
    wrong_gamma = float(((eigenvalues / (eigenvalues + eta)) ** 2).sum()) / n
    missed = float(target_power @ (eta / (eigenvalues + eta)) ** 2)
    excess = abs(1 - wrong_gamma)
    crude = (eta / (eta + eigenvalues.sum() / n)) ** 2 * (2 * losses + [0, 1])
    return [kappa, gamma, *losses, missed / excess / 2, wrong_gamma / excess / 2, *crude]


def _functional(run: Any) -> Any:
    """The functional at a ridge profile, expanded around another ridge, against the closed form."""
    shapes = run.grid(
        quick=[dict(n_samples=120, n_modes=600, nu=1.5, kappa=1.0)],
        full=[dict(n_samples=n, n_modes=p, nu=nu, kappa=kappa) for n, p in ((120, 600), (120, 60), (500, 4000))
              for nu, kappa in ((1.5, 0.5), (1.5, 1.0), (2.0, 1.5))],
    )  # fmt: skip
    ridges, reference = (1e-3, 1e-2, 1e-1), 0.3
    found = run.compute(ridge_evaluations, shapes, ridges=ridges, reference_ridge=reference)
    return agreement("learning-measures", found.functional, found.closed, estimator="exact", precision=1e-9,
                     reason="quadrature with 24 nodes a panel: rounding of small losses",
                     rivals={"no regular part": found.fields["no regular part"]},
                     at=found.at(ridge=ridges, part=PARTS))  # fmt: skip


def _best(run: Any) -> Any:
    """The stationary point against a direct minimisation, for random spectra and targets."""
    rng = np.random.default_rng(7)
    best, searched, bayes = [], [], []
    for _ in range(run.choose(quick=5, full=40)):
        values = np.sort(np.exp(rng.normal(0, 2, 300)))[::-1]
        n, noise = int(rng.integers(20, 200)), float(rng.uniform(0.5, 5.0))
        task: dict[str, Any] = dict(eigenvalues=values, target_power=rng.exponential(size=300), noise_variance=noise)
        best.append(optimal_ridge(n, **task))
        searched.append(_search(n, task))
        bayes.append(noise / n)
    return agreement("best-ridge", searched, best, estimator="exact", precision=1e-5,
                     reason="a minimum is found by its values to the root of their rounding",
                     rivals={"sigma^2 / N": bayes})  # fmt: skip


def _search(n: int, task: dict[str, Any]) -> float:
    grid = np.linspace(-20, 10, 31)
    start = grid[np.argmin([ridge_loss(math.exp(t), n, **task) for t in grid])]
    found = minimize_scalar(lambda t: ridge_loss(math.exp(t), n, **task), bounds=(start - 1.0, start + 1.0),
                            method="bounded", options={"xatol": 1e-10})  # fmt: skip
    return math.exp(found.x)
