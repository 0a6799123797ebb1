"""Lattices in the torus: the aliasing formula beyond one dimension, against dense matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, structure
from figures.spectral_algorithms._circle_tasks import PROFILES
from figures.spectral_algorithms._lattice_tasks import grid_losses, lattice_losses
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS


@claim(
    "spectral_algorithms.13",
    paper=SPECTRAL_ALGORITHMS,
    label="extension of Theorem 1, Circle model, to lattices",
    nature="exact",
    status="beyond",
    statement="On every lattice of points in a torus of any dimension the loss of a spectral algorithm is the formula "
    "of the Circle, with sums over the classes of frequencies that agree on the lattice; without noise, fitting more "
    "than the labels pays exactly for targets smoother than c^2 = lambda.",
    assumptions="The points form a group (a product grid, or multiples of one generator), shifted uniformly at random; "
    "translation-invariant kernel with real even eigenvalues; real even target coefficients. For the last part c^2 is "
    "a power of lambda.",
    formula=r"x_j = \frac{2\pi j}{n}\,g + u,\quad [a]_k = \sum_{l\cdot g\,\equiv\,k\;(n)} a_l"
    "\n"
    r"L[h] = \frac{1}{2}\sum_{k} \{ [c^2]_k - 2h_k\frac{[\lambda c^2]_k}{[\lambda]_k} "
    r"+ h_k^2\frac{[\lambda^2]_k}{[\lambda]_k^2}([c^2]_k + \frac{\sigma^2}{n}) \}",
    normalisations="Eigenfunctions exp(i l.x), l in Z^p; loss: half the mean squared distance to the noise-free "
    "target; label noise of variance sigma^2.",
    evidence="proved",
)
def lattices(run: Any) -> Iterator[Any]:
    generators = run.choose(quick=((13, (1, 5)), (11, (1, 3, 4))),
                            full=((13, (1, 5)), (21, (1, 13)), (34, (1, 21)), (55, (1, 34)), (16, (3, 5)),
                                  (19, (4,)), (11, (1, 3, 4)), (17, (1, 4, 7))))  # fmt: skip
    tasks = run.grid(quick=[dict(n_samples=n, generator=g, power=power, noise_variance=noise) for n, g in generators
                            for power, noise in ((1.4, 0.0), (0.8, 0.0), (1.4, 0.5))])  # fmt: skip
    losses = run.compute(lattice_losses, tasks)
    names = np.array(list(PROFILES))
    at = {name: np.array([str(task[name]) for task in tasks]) if name == "generator" else tasks.column(name)
          for name in tasks[0]}  # fmt: skip
    power = at["power"]
    rule = dict(
        estimator="exact",
        precision=1e-13,
        reason="exact: rounding of dense matrices, measured at most 3e-15",
    )
    yield agreement(
        "lattices",
        losses.dense,
        losses.aliased,
        rivals={"second component of the generator of other sign": losses.mirrored, "no aliasing": losses.naive},
        at={name: column[:, None] for name, column in at.items()} | dict(profile=names),
        **rule,
    )
    gain = 1 - losses.overlearnt / losses.interpolation
    yield structure(
        "overlearning",
        _wrong_sign(gain, power > 1),
        precision=1e-9,
        reason="h = 1.001 in place of 1 pays exactly when c^2 falls faster than lambda; a gain is at least 1e-5",
        rivals={
            "from c^2 = lambda^2 on": _wrong_sign(gain, power > 2),
            "always": _wrong_sign(gain, power > 0),
        },
        at=at,
    )
    sides = run.choose(quick=((3, 5),), full=((3, 5), (4, 4), (2, 9), (2, 3, 4)))
    tasks = run.grid(
        quick=[dict(sides=side, power=1.2, noise_variance=noise) for side in sides for noise in (0.0, 0.5)]
    )
    losses = run.compute(grid_losses, tasks)
    yield agreement(
        "product-grids",
        losses.dense,
        losses.aliased,
        rivals={"no aliasing": losses.naive, "sides exchanged": losses.reversed},
        at=dict(sides=np.array([str(p["sides"]) for p in tasks])[:, None],
                noise_variance=tasks.column("noise_variance")[:, None], profile=names),
        **rule,
    )  # fmt: skip


def _wrong_sign(gain: np.ndarray, pays: np.ndarray) -> np.ndarray:
    """Return by how much a relative gain contradicts the statement that overlearning pays."""
    return np.maximum(0, np.where(pays, -gain, gain))
