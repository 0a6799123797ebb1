"""The loss as a quadratic functional of the profile: for every draw of the data, against training to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import claim, structure
from figures.spectral_algorithms._superposition import Mixture, dense_circle_losses, probes, superpose
from figures.spectral_algorithms._training import ALGORITHMS, spectrum, training_and_functional
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from simulations.spectral_algorithms import simulate_wishart


@claim(
    "spectral_algorithms.1",
    paper=SPECTRAL_ALGORITHMS,
    label="Proposition 1 (numbering unverified)",
    nature="exact",
    statement="The mean loss of every spectral algorithm is one quadratic functional of its profile, with measures "
    "that depend neither on the profile nor on the noise; for one draw of the features they are explicit.",
    assumptions="Any features; the null space of the kernel stays unlearnt. The explicit form averages over label "
    "noise and over the signs of the target coefficients, which for Gaussian features changes no mean.",
    formula=r"L[h] = \frac{1}{2}[|c|^2 - 2\int h\,d\rho^{(1)} + \int\int h\,h'\,d\rho^{(2)} "
    r"+ \sigma^2\int h^2\,d\rho^{(\varepsilon)}]"
    "\n"
    r"= \frac{1}{2}[|c|^2 - 2\,b^\top g + g^\top(M\circ C)\,g + \frac{\sigma^2}{N}\sum_i M_{ii}\,g_i^2],"
    r"\quad g_i = h(\hat\lambda_i)/\hat\lambda_i"
    "\n"
    r"M = \frac{1}{N}Q\Lambda^2Q^\top,\quad C = \frac{1}{N}Q\,\mathrm{diag}(c^2)\,Q^\top,\quad "
    r"b_i = \frac{1}{N}\sum_l Q_{il}^2\lambda_lc_l^2,\quad Q = U^\top Z",
    normalisations="Features Z (N, P), kernel matrix Z diag(lambda) Z^T = N U diag(empirical lambda) U^T, target Z c, "
    "label noise of variance sigma^2; loss: half the mean squared distance to the noise-free target.",
    evidence="proved",
)
def quadratic_functional(run: Any) -> Iterator[Any]:
    shapes = run.choose(quick=((6, 10), (9, 5)), full=((6, 10), (9, 5), (3, 11), (5, 12), (8, 4)))
    draws = range(run.choose(quick=2, full=8))
    grid = run.grid(quick=[dict(n_samples=n, n_modes=p, draw=draw) for n, p in shapes for draw in draws])
    found = run.compute(training_and_functional, grid)
    scale = np.maximum(found.functional, 1.0)
    at = found.at(algorithm=list(ALGORITHMS), part=["signal", "noise"])
    rivals = {
        "eigenvectors one by one": found.no_pairs,
        "noise of the training error": found.training_noise,
        "profile at the population eigenvalues": found.population,
    }
    for name, losses in (("training", found.trained), ("simulator", found.simulated)):
        yield structure(
            name,
            (losses - found.functional) / scale,
            precision=1e-12,
            reason="an identity for every draw: rounding, relative to the larger of the loss and 1",
            rivals={rival: (losses - wrong) / scale for rival, wrong in rivals.items()},
            at=at,
        )
    yield from _superposition(run)


def _superposition(run: Any) -> Iterator[Any]:
    """Losses of mixtures of profiles from those of the profiles, their negatives and their sums of two."""
    names = ("ridge", "gradient flow", "cut-off", "interpolation")
    base = [ALGORITHMS[name][0] for name in names]
    weights = np.random.default_rng(0).dirichlet(np.ones(len(base)), size=run.choose(quick=4, full=20))
    known = probes(base)
    profiles = known + [Mixture(tuple(base), tuple(row)) for row in weights.tolist()]
    n_trials = run.choose(quick=4, full=32)
    drawn = run.sample(simulate_wishart, run.grid(quick=dict(features=["gaussian", "cosine"])), profiles=profiles,
                       n_samples=20, n_trials=n_trials, **spectrum(60)).values  # fmt: skip
    dense = run.compute(dense_circle_losses, run.grid(quick=dict(n_samples=[9, 16])), profiles=profiles).losses
    # (profiles, models and parts): two kinds of features, signal and noise, in every trial; two grids of the Circle
    losses = np.concatenate([np.moveaxis(drawn, 2, 0).reshape(len(profiles), -1), dense.T], axis=1)
    mixed, expected = losses[len(known) :], superpose(losses[: len(known)], weights)
    scale = np.maximum(np.abs(losses).max(axis=0), 1.0)
    yield structure(
        "superposition",
        np.abs((mixed - expected) / scale).max(axis=1),
        precision=1e-12,
        reason="an identity for every draw: rounding, relative to the largest loss",
        rivals={"the mean of the losses": np.abs((mixed - weights @ losses[1 : len(base) + 1]) / scale).max(axis=1)},
    )
