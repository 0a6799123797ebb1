"""The naive model of noisy observations: constants of its power laws, and which algorithm wastes least."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.spectral_algorithms import phase_map_drawings
from figures.spectral_algorithms._naive_sums import at_the_optimum, closed_efficiency, efficiency
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from theory.spectral_algorithms import noisy_asymptotics

ALGORITHMS = ("ridge", "gradient_flow", "optimal")
LAWS = ((1.5, 1.0), (3.0, 2.0), (2.0, 3.0), (1.2, 4.0), (1.6, 6.0))  # nu, kappa: the last two saturate ridge


@claim(
    "spectral_algorithms.9",
    paper=SPECTRAL_ALGORITHMS,
    label="naive model of noisy observations (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="For power laws with label noise the naive model has closed leading constants: best ridge, best time of "
    "gradient flow, best profile, with their losses and shares of the bias, in and out of saturation; the noise "
    "of half a mode is missing to next order, that of two modes on the Circle.",
    assumptions="lambda_l = l^-nu, c_l^2 = l^(-kappa - 1) without end; N / sigma^2 large; kappa different from 2 nu "
    "for ridge regression.",
    formula=r"L[h] = \frac{1}{2}\sum_l [\frac{\sigma^2}{N}h(\lambda_l)^2 + (1-h(\lambda_l))^2c_l^2]\simeq\frac{\mu}{2}"
    r"[A\,\theta^{\kappa/\nu} + B\,\frac{\sigma^2}{N}\theta^{-1/\nu}],\quad "
    r"\theta^\ast = (\frac{B\sigma^2}{\kappa AN})^{\nu/(\kappa+1)}"
    "\n"
    r"\mathrm{ridge}:\; A = \frac{1}{\nu}\Gamma(2-\frac{\kappa}{\nu})\Gamma(\frac{\kappa}{\nu}),\; "
    r"B = (1-\frac{1}{\nu})\frac{\pi/\nu}{\sin(\pi/\nu)};\quad \mathrm{flow}:\; "
    r"A = \frac{1}{\nu}2^{-\kappa/\nu}\Gamma(\frac{\kappa}{\nu}),\; B = \Gamma(1-\frac{1}{\nu})(2-2^{1/\nu})"
    "\n"
    r"\mathrm{best}:\; \frac{\mu}{2}(\frac{\sigma^2}{N})^{\kappa/(\kappa+1)}"
    r"\frac{\pi/(\kappa+1)}{\sin(\pi/(\kappa+1))};\quad \mathrm{saturated\ ridge},\ \kappa>2\nu:\; "
    r"\frac{1}{2}[\mu\,\zeta(\kappa+1-2\nu)\,\eta^2 + \mu B\frac{\sigma^2}{N}\eta^{-1/\nu}]"
    "\n"
    r"\mathrm{next\ order\ of\ the\ noise}:\;\; -\frac{\mu^2\sigma^2}{4N}",
    normalisations="theta is the ridge, or 1 / time; multiplicity mu: 1 for l = 1, 2, ..., 2 where all modes but the "
    "first count twice (then 2 zeta - 1 for mu zeta); label noise of variance sigma^2.",
    figure=figure("spectral_algorithms.phase-map", phase_map_drawings.draw_phase_map),
)
def naive_model(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=(10**6,), full=(10**4, 10**6, 10**8))
    settings = [
        dict(algorithm=name, n_samples=n, nu=nu, kappa=kappa, noise_variance=noise, multiplicity=mu)
        for name in ALGORITHMS
        for nu, kappa in LAWS
        for n in sizes
        for mu, noise in ((1, 1.0), (2, 0.1))
    ]
    rough = [point | dict(nu=2.0, kappa=0.5, n_samples=n) for point in settings[:2] for n in sizes if n <= 10**6]
    grid = run.grid(quick=settings + rough)  # fmt: skip
    sums = run.compute(at_the_optimum, grid)
    closed = [_asymptotics(**point) for point in grid]
    loss, share = np.array([one.loss for one in closed]), np.array([one.bias_share for one in closed])
    bias, noise = (np.array(part) for part in zip(*(_next_order(**point) for point in grid), strict=True))
    other = {"ridge": "gradient_flow", "gradient_flow": "ridge", "optimal": "gradient_flow"}
    rivals = {
        "multiplicity forgotten": [_asymptotics(**(p | dict(multiplicity=3 - p["multiplicity"]))).loss for p in grid],
        "another algorithm": [_asymptotics(**(p | dict(algorithm=other[p["algorithm"]]))).loss for p in grid],
        "ridge never saturates": [_unsaturated(**point) for point in grid],
    }
    yield agreement(
        "constants",
        sums.loss,
        loss,
        estimator="exact",
        allowance=1.6 * (np.abs(bias) + noise) / loss,
        precision=1e-6,
        reason="the next order, whose constants are known, and what follows it",
        rivals=rivals,
        at=sums.at(),
    )
    yield agreement(
        "next-order",
        sums.loss,
        loss + bias - noise,
        estimator="exact",
        allowance=4 * ((np.abs(bias) + noise) / loss) ** 2,
        precision=2e-4,
        reason="the square of the first correction",
        rivals={"sign of the noise term": loss + bias + noise, "leading term of the bias alone": loss - noise} | rivals,
        at=sums.at(),
    )
    yield from _optimum(grid, sums, closed, np.abs(bias) / loss, share)
    yield from _efficiency(run)


def _optimum(grid: Any, sums: Any, closed: list[Any], shift: np.ndarray, share: np.ndarray) -> Iterator[Any]:
    """Where the minimum of the sums lies, and how much of the loss is bias at the closed-form optimum."""
    names, n, nu, kappa, variance = (
        grid.column(name) for name in ("algorithm", "n_samples", "nu", "kappa", "noise_variance")
    )
    large = (names != "optimal") & (n > 10**5)
    order = 1 / share - 1
    parameter = np.array([one.parameter for one in closed])
    threshold = np.where(names == "ridge", parameter, 1 / parameter)[large]
    wrong = order[large] ** ((nu / (order + 1))[large])
    yield agreement(
        "best-threshold",
        sums.threshold[large],
        threshold,
        estimator="exact",
        allowance=8 * shift[large],
        precision=1e-3,
        reason="the second bias term of ridge regression moves the minimum by at most 6 times its share of the loss",
        rivals={"noise equal to bias": threshold * wrong, "1/2 for theta^2": threshold * 2**0.5},
        at={name: values[large] for name, values in sums.at().items()},
    )
    yield agreement(
        "bias-share",
        sums.bias_share,
        share,
        estimator="exact",
        allowance=1.3 * (variance / n) ** (1 / (order + 1)),
        precision=1e-3,
        reason="the next order, relative to the modes that are learnt: measured at most 1.2",
        rivals={"one half": 0.5, "1 / (1 + kappa) in saturation too": 1 / (1 + kappa)},
        at=sums.at(),
    )


def _efficiency(run: Any) -> Iterator[Any]:
    """Losses of algorithms at their best, over the loss of the best profile."""
    names = ("ridge", "ridge_2", "ridge_3", "gradient_flow")
    laws = run.choose(quick=((1.5, 1.0), (2.0, 3.0)), full=[(nu, x * nu) for nu in (1.25, 1.75, 2.5, 3.5)
                                                             for x in (0.3, 0.8, 1.3, 2.5, 3.2)])  # fmt: skip
    chosen = [(name, nu, kappa) for name in names for nu, kappa in laws if _saturation(name) * nu - kappa >= 0.6]
    grid = run.grid(quick=[dict(algorithm=name, n_samples=10**6, nu=nu, kappa=kappa) for name, nu, kappa in chosen])
    found = run.compute(efficiency, grid)
    closed = np.array([float(closed_efficiency(*one)) for one in chosen])
    kappa = grid.column("kappa")
    learnt, distance = 1e6 ** (1 / (kappa + 1)), np.array([_saturation(name) * nu - k for name, nu, k in chosen])
    ridge = [float(closed_efficiency("gradient_flow" if name == "ridge" else "ridge", nu, kappa))
             if kappa < 1.9 * nu else 1.0 for name, nu, kappa in chosen]  # fmt: skip
    yield agreement(
        "efficiency",
        found.ratio,
        closed,
        estimator="exact",
        allowance=0.25 / learnt + 0.25 * learnt**-distance,
        precision=1e-4,
        reason="next orders in the modes learnt: those of the noise nearly cancel, measured at most 0.18; the bias of "
        "ridge regression close to saturation, at most 0.2",
        rivals={"not iterated": ridge, "as good as the best profile": 1.0},
        at=found.at(),
    )
    if run.scale != "quick":
        nu, x = np.meshgrid(np.linspace(1.06, 4, 60), np.linspace(0.05, 4, 80), indexing="ij")
        for name in names:
            shown = x < 0.999 * _saturation(name)
            at = dict(algorithm=name, nu=nu[shown], kappa_over_nu=x[shown])
            yield curve("map", closed_efficiency(name, nu[shown], (x * nu)[shown]), at=at)


def _saturation(algorithm: str) -> float:
    """Return the kappa / nu from which an algorithm is saturated."""
    return {"ridge": 2.0, "ridge_2": 4.0, "ridge_3": 6.0}.get(algorithm, math.inf)


def _asymptotics(algorithm: str, n_samples: int, nu: float, kappa: float, noise_variance: float,
                 multiplicity: int) -> Any:  # fmt: skip
    return noisy_asymptotics(algorithm, n_samples, capacity_exponent=nu, source_exponent=kappa,
                             noise_variance=noise_variance, multiplicity=multiplicity)  # fmt: skip


def _next_order(algorithm: str, n_samples: int, nu: float, kappa: float, noise_variance: float,
                multiplicity: int) -> tuple[float, float]:  # fmt: skip
    """Return what the bias has beyond its leading term at the closed-form optimum, and what the noise term lacks.

    A sum is an integral less half a mode; with multiplicity 2 that is doubled, and the first mode counts once less. The
    bias of ridge regression has a power of the ridge from the scale of the ridge, and integer ones from leading modes.
    """
    noise = multiplicity**2 * noise_variance / (4 * n_samples)
    if algorithm != "ridge":
        return 0.0, noise
    import mpmath

    eta = _asymptotics(algorithm, n_samples, nu, kappa, noise_variance, multiplicity).parameter
    scale = multiplicity * math.gamma(2 - kappa / nu) * math.gamma(kappa / nu) / nu * eta ** (kappa / nu)
    modes = [(-1) ** j * (j - 1) * (multiplicity * float(mpmath.zeta(kappa + 1 - j * nu)) - multiplicity + 1) * eta**j
             for j in (2, 3, 4)]  # fmt: skip
    return 0.5 * (sum(modes[1:]) + (modes[0] if kappa < 2 * nu else scale)), noise


def _unsaturated(algorithm: str, n_samples: int, nu: float, kappa: float, noise_variance: float,
                 multiplicity: int) -> float:  # fmt: skip
    """Return the loss by the formula below saturation, whatever kappa."""
    if algorithm != "ridge" or kappa < 2 * nu:
        return _asymptotics(algorithm, n_samples, nu, kappa, noise_variance, multiplicity).loss
    noise = noise_variance / n_samples
    variance = (1 - 1 / nu) / np.sinc(1 / nu)
    bias = abs(math.gamma(2 - kappa / nu)) * math.gamma(kappa / nu) / nu
    theta = (variance * noise / (kappa * bias)) ** (nu / (kappa + 1))
    return multiplicity / 2 * bias * theta ** (kappa / nu) * (1 + kappa)
