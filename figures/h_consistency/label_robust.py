"""LDR-KL losses: between the hinge and a linear loss, what their minimiser orders, and what their regret bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure, structure
from figures.h_consistency import robustness_drawings
from figures.h_consistency._robust_losses import (
    MOST_CLASSES,
    least_hinge_risk,
    least_wrong_regret,
    random_losses,
    random_optima,
    random_regrets,
    worst_case,
)
from figures.h_consistency.papers import LABEL_ROBUST
from theory.h_consistency import (
    h_consistency_transform,
    ldr_kl_bound,
    ldr_kl_loss,
    ldr_kl_optimal_softmax,
    ldr_kl_two_class_transform,
)

SETTING = (
    "d_k = f_k - f_y + c [k != y] for label y, margin c; temperature lambda in units of the scores; mean and variance "
    "of d are over the n classes; t is the conditional regret."
)
P = [0.4, 0.35, 0.25]  # no class has half of the probability


@claim(
    "h_consistency.8",
    paper=LABEL_ROBUST,
    label="LDR-KL loss: closed form, limits, top-k consistency (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="As we understand the statement: the LDR-KL loss is a closed form between the maximum of d, as the "
    "temperature falls to 0, and its mean; for positive temperatures and one margin for all labels its minimiser keeps "
    "the order of the classes.",
    assumptions="The minimiser in closed form, the transform for two classes and the bound without margin are derived "
    "here; with a margin and three classes the regret of a wrong order can be far smaller than with two.",
    formula=r"\psi_\lambda(f,y) = \max_q\,\sum_k q_k d_k - \lambda\,\mathrm{KL}(q\|1/n) = "
    r"\lambda\left[\log\sum_k e^{d_k/\lambda} - \log n\right]"
    "\n"
    r"0\leq\max d - \psi_\lambda\leq\lambda\log n,\qquad "
    r"\psi_\lambda = \bar{d} + \frac{\mathrm{Var}(d)}{2\lambda} + O(\lambda^{-2})"
    "\n"
    r"z = \mathrm{softmax}(f^\ast/\lambda):\quad z_y(1 - \omega z_y) = \kappa\,p_y,\quad \omega = 1 - e^{-c/\lambda}"
    "\n"
    r"c = 0:\quad t = \lambda\,\mathrm{KL}(p\|\mathrm{softmax}(f/\lambda)),\qquad "
    r"R_{01}\;\mathrm{regret}\leq\Gamma_1(t/\lambda)",
    normalisations=SETTING,
    figure=figure("h_consistency.ldr", robustness_drawings.draw_label_robust),
)
def label_robust_losses(run: Any) -> Iterator[Any]:
    yield from _closed_form_and_limits(run)
    yield from _minimiser(run)
    yield from _regrets(run)
    yield from _three_classes(run)


def _closed_form_and_limits(run: Any) -> Iterator[Any]:
    """Random losses by numerical maximisation over q."""
    temperatures = run.choose(quick=[0.01, 0.3, 1.0, 300.0], full=[0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 300.0])
    grid = run.grid(quick=dict(n_classes=[2, 3, MOST_CLASSES], margin=[0.0, 1.0], temperature=temperatures))
    found = run.compute(random_losses, grid, n_rows=run.choose(quick=20, full=40), seed=run.seed)
    loss, labels = found.loss, found.labels
    d = np.full((*loss.shape, MOST_CLASSES), np.nan)  # a class beyond n_classes is no number
    for row, scores, y, point in zip(d, found.scores, labels, grid, strict=True):
        n = point["n_classes"]
        own = np.take_along_axis(scores, y[:, np.newaxis], axis=1)
        row[:, :n] = (scores - own)[:, :n] + point["margin"] * (np.arange(n) != y[:, np.newaxis])
    n, temperature = (grid.column(name)[:, np.newaxis] for name in ("n_classes", "temperature"))
    at = {name: values[:, np.newaxis] for name, values in found.at().items()} | dict(label=labels)
    at |= {f"f{k}": found.scores[..., k] for k in range(MOST_CLASSES)}
    theory = _losses(found, grid, grid.column("temperature"))
    yield agreement(
        "closed-form",
        loss,
        theory,
        unit="absolute",
        estimator="exact",
        precision=1e-12,
        reason="mirror ascent halves the distance in log q sixty times; rounding at temperatures up to 300",
        rivals={
            "log n forgotten": theory + temperature * np.log(n),
            "temperature 1 for every one": _losses(found, grid, np.ones(len(grid))),
            "1/lambda for lambda": _losses(found, grid, 1.0 / grid.column("temperature")),
        },
        at=at,
    )
    top, cold = np.nanmax(d, axis=2), temperature[:, 0] <= 1.0
    distance = np.maximum(top - loss, 0.0)
    yield bound(
        "distance-from-the-hinge",
        distance[cold],
        np.broadcast_to(temperature * np.log(n), distance.shape)[cold],
        rounding=1e-10,
        tightness=1e-10,
        reason="attained where one class has all of q; rounding over a temperature of 0.01 at least",
        rivals={"log(n - 1)": np.broadcast_to(temperature * np.log(np.maximum(n - 1, 1.5)), distance.shape)[cold]},
        at={name: np.broadcast_to(values, distance.shape)[cold] for name, values in at.items()},
    )
    hot = temperature[:, 0] == temperatures[-1]
    mean, spread = np.nanmean(d, axis=2), np.nanvar(d, axis=2)
    next_order = np.nanmean((d - mean[..., np.newaxis]) ** 3, axis=2) / (3.0 * temperature)
    yield agreement(
        "hot-limit",
        (2.0 * temperature * (loss - mean))[hot],
        (spread + next_order)[hot],
        unit="absolute",
        estimator="exact",
        precision=2e-4,
        reason="variance, and third moment over 3 lambda; what is left is of order 1/lambda^2 at lambda = 300",
        rivals={"variance with n - 1": (spread * n / (n - 1) + next_order)[hot]},
        at={name: np.broadcast_to(values, distance.shape)[hot] for name, values in at.items()},
    )
    by_temperature = loss.reshape(-1, len(temperatures), loss.shape[1])
    steps = np.diff(by_temperature, axis=1)
    yield structure("falls-with-temperature", np.maximum(0.0, steps), precision=1e-12, reason="rounding",
                    rivals={"rises with temperature": np.maximum(0.0, -steps)},
                    at=dict(temperature=np.array(temperatures)[1:, np.newaxis]))  # fmt: skip
    yield from _one_loss()


def _one_loss() -> Iterator[Any]:
    """One loss from the maximum of d to its mean, for the figure."""
    points, line = np.geomspace(0.01, 100.0, 9), np.geomspace(0.01, 100.0, 60)
    theory, smooth, limits = ([ldr_kl_loss([0.3, -1.2, 0.8, 2.0], 0, temperature=value, margin=1.0) for value in values]
                              for values in (points, line, (0.0, np.inf)))  # fmt: skip
    d = np.array([0.0, -0.5, 1.5, 2.7])
    yield agreement(
        "one-loss",
        [worst_case(d, value) for value in points],
        theory,
        estimator="exact",
        precision=1e-12,
        reason="numerical maximisation as above",
        rivals={"maximum": np.full(9, limits[0]), "mean": np.full(9, limits[1])},
        at=dict(temperature=points),
    )
    yield curve("loss", smooth, at=dict(temperature=line),
                rivals={"maximum": np.full(60, limits[0]), "mean": np.full(60, limits[1])})  # fmt: skip


def _losses(found: Any, grid: Any, temperatures: np.ndarray) -> np.ndarray:
    return np.array([ldr_kl_loss(scores[:, : point["n_classes"]], labels, temperature=value, margin=point["margin"])
                     for scores, labels, point, value in zip(found.scores, found.labels, grid, temperatures,
                                                             strict=True)])  # fmt: skip


def _minimiser(run: Any) -> Iterator[Any]:
    """Least conditional risks by Newton's method over the scores."""
    grid = run.grid(quick=dict(temperature=[0.3, 1.0, 5.0], n_classes=[2, 4]),
                    full=dict(temperature=[0.05, 0.3, 1.0, 5.0], n_classes=[2, 3, MOST_CLASSES]))  # fmt: skip
    found = run.compute(random_optima, grid, margin=1.0, n_rows=run.choose(quick=6, full=30), seed=run.seed)
    p, z = found.probabilities, found.softmax
    at = {name: values[:, np.newaxis, np.newaxis] for name, values in found.at().items()}
    at |= dict(probability=p, place=np.arange(MOST_CLASSES))
    yield agreement(
        "optimal-softmax",
        z,
        _optimal(p, grid, 1.0),
        unit="absolute",
        estimator="exact",
        precision=1e-11,
        reason="gradients below 1e-13 at the numerical minima",
        rivals={"margin forgotten": p, "half the margin": _optimal(p, grid, 0.5)},
        at=at,
    )
    kept, uneven = (np.maximum(0.0, np.diff(np.take_along_axis(values, np.argsort(-p, axis=2), axis=2), axis=2))
                    for values in (z, found.uneven))  # fmt: skip
    yield structure(
        "order-of-the-classes",
        kept,
        precision=1e-12,
        reason="no class above a likelier one, beyond rounding",
        rivals={"margins from 0.5 to 1.5, larger for the less likely": uneven},
        at={name: values[:, np.newaxis, np.newaxis] for name, values in found.at().items()},
    )


def _optimal(p: np.ndarray, grid: Any, margin: float) -> np.ndarray:
    rows = [ldr_kl_optimal_softmax(values[:, : point["n_classes"]], temperature=point["temperature"], margin=margin)
            for values, point in zip(p, grid, strict=True)]  # fmt: skip
    return np.array([np.pad(z, ((0, 0), (0, MOST_CLASSES - z.shape[1]))) for z in rows])


def _regrets(run: Any) -> Iterator[Any]:
    """What the regret bounds: without a margin for any number of classes, with one for two classes."""
    grid = run.grid(quick=dict(temperature=[0.2, 0.5, 1.0, 3.0]))
    found = run.compute(random_regrets, grid, n_rows=run.choose(quick=50, full=200), seed=run.seed)
    each = list(zip(grid.column("temperature").tolist(), np.maximum(found.surrogate, 0.0), strict=True))
    yield bound(
        "bound-without-margin",
        found.zero_one,
        [ldr_kl_bound(regret, temperature=value) for value, regret in each],
        unit="absolute",
        rounding=1e-12,
        tightness=1e-12,
        reason="rounding of risks of order one, where regrets are above 1e-3; attained by tied scores of two classes",
        rivals={
            "temperature forgotten": [ldr_kl_bound(regret, temperature=1.0) for _, regret in each],
            "half the regret": [ldr_kl_bound(0.5 * regret, temperature=value) for value, regret in each],
        },
        at={name: values[:, np.newaxis] for name, values in found.at().items()}
        | dict(surrogate_regret=found.surrogate),
    )
    cases = run.grid(quick=[dict(temperature=value, margin=c, probabilities=[(1 + beta) / 2, (1 - beta) / 2])
                            for value in (0.05, 0.3, 1.0, 5.0) for c in (0.5, 1.0)
                            for beta in (0.1, 0.5, 0.9)])  # fmt: skip
    wrong = run.compute(least_wrong_regret, cases).values
    temperature, margin = cases.column("temperature"), cases.column("margin")
    beta = np.array([point["probabilities"][0] - point["probabilities"][1] for point in cases])
    yield agreement(
        "two-class-transform",
        wrong,
        [ldr_kl_two_class_transform(b, temperature=value, margin=c)
         for b, value, c in zip(beta, temperature, margin, strict=True)],
        estimator="exact",
        precision=1e-10,
        reason="differences of risks of order one that are at least 1e-3: rounding",
        rivals={
            "margin forgotten": temperature * h_consistency_transform(beta, tau=1.0, n_classes=2),
            "limit of temperature 0": margin * beta,
        },
        at=dict(beta=beta, temperature=temperature, margin=margin),
    )  # fmt: skip


def _three_classes(run: Any) -> Iterator[Any]:
    """Three classes and a margin: the regret of a wrong order vanishes with the temperature; at 0 it is 0."""
    small, rest = [0.0125, 0.025, 0.05], run.choose(quick=[0.3, 1.0], full=np.geomspace(0.1, 1.0, 10).tolist())
    grid = run.grid(quick=dict(temperature=small + rest))
    found = run.compute(least_wrong_regret, grid, margin=1.0, probabilities=P)
    temperatures, wrong = grid.column("temperature"), found.values
    two = _two_classes(temperatures)
    yield bound(
        "below-two-classes",
        wrong,
        two,
        tightness=0.05,
        reason="p = (0.4, 0.35, 0.25), temperatures up to 1; four per cent apart at 1",
        rivals={"half of two classes": 0.5 * two},
        at=found.at(),
    )
    line = np.geomspace(small[0], 1.0, 60)
    yield curve("two-classes", _two_classes(line), at=dict(temperature=line))
    yield exponent(
        "vanishes-with-temperature",
        small,
        wrong[: len(small), np.newaxis],
        [1.0],
        estimator="exact",
        precision=1e-3,
        reason="linear in the temperature; the next order is exponentially small",
        rivals={"0, as for two classes": [0.0], "2": [2.0]},
    )
    numbers = range(run.choose(quick=20, full=200))
    laws = [np.random.default_rng(number).dirichlet(np.full(2 + number % 4, 3.0)).tolist() for number in numbers]
    hinge = run.compute(
        least_hinge_risk, run.grid(quick=[dict(probabilities=p) for p in [P, *laws]]), margin=1.0
    ).values
    top = np.array([max(p) for p in [P, *laws]])
    yield agreement(
        "temperature-0",
        hinge,
        np.minimum(1.0, 2.0 * (1.0 - top)),
        unit="absolute",
        estimator="exact",
        precision=1e-9,
        reason="accuracy of the linear programs; below max p = 1/2 equal scores are best, whatever the order",
        rivals={"the likeliest class is told apart": 2.0 * (1.0 - top)},
        at=dict(largest_probability=top),
    )


def _two_classes(temperatures: np.ndarray) -> np.ndarray:
    """Return the least regret of a wrong order of two classes that are as far apart as the first two of ``P``."""
    return np.array([ldr_kl_two_class_transform(P[0] - P[1], temperature=value, margin=1.0) for value in temperatures])
