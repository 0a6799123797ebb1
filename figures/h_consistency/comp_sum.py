"""The comp-sum losses: the members of the family, and their least conditional risks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, certificate, claim, curve, figure
from figures.h_consistency import transform_drawings
from figures.h_consistency._conditional_optima import (
    EXAMPLE,
    MOST_CLASSES,
    least_risks,
    least_risks_at_corners,
    least_risks_of_example,
    risk_at,
)
from figures.h_consistency.papers import CROSS_ENTROPY
from theory.h_consistency import (
    comp_sum_loss,
    conditional_risk,
    optimal_conditional_risk,
    optimal_softmax,
    predicted_class_optimal_risk,
)

optima_figure = figure("h_consistency.conditional-risk", transform_drawings.draw_conditional_risk)

SETTING = (
    "S = softmax(h); natural logarithms; the pool of the predicted class takes in the likelier classes, from the "
    "likeliest down, for as long as the next one exceeds its mean probability."
)
TAUS = (0.0, 0.5, 1.0, 1.5, 1.8)


@claim(
    "h_consistency.1",
    paper=CROSS_ENTROPY,
    label="Section 2 and Theorem 4.1 (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="One family of losses holds the sum-exponential, logistic, generalised cross-entropy and mean absolute "
    "losses; the least conditional risk is closed, for all scores and also given the predicted class, whose "
    "probability is then shared with the likelier ones.",
    assumptions="Scores without bounds. The optimum given the predicted class is a result of this project: the "
    "conditions of a convex program below tau = 2, the corners of its feasible set from there on.",
    formula=r"\ell_\tau(h,y) = \frac{1 - S_y^{\tau-1}}{\tau-1},\qquad "
    r"\mathcal{C}^\ast_\tau(p) = \frac{1}{1-\tau}\,[(\sum_y p_y^{\alpha})^{2-\tau} - 1],\quad "
    r"S^\ast_y\propto p_y^{\alpha},\quad \alpha = \frac{1}{2-\tau}\quad (\tau<2)"
    "\n"
    r"\mathcal{C}^\ast_1(p) = -\sum_y p_y\log p_y,\qquad "
    r"\mathcal{C}^\ast_\tau(p) = \frac{1}{\tau-1}\,[1-\max_y p_y]\quad (\tau\geq 2)"
    "\n"
    r"h_j \geq h_k:\quad \mathcal{C}^\ast_\tau(\bar{p}),\;\;\bar{p}\;\mathrm{pooled\;with}\;j\;\;(\tau<2),\qquad "
    r"\frac{1}{\tau-1}\,[1-\max_m m^{1-\tau}(p_j + p_{(1)} + \cdots + p_{(m-1)})]\quad (\tau\geq 2)",
    normalisations=SETTING,
    figure=optima_figure,
)
def comp_sum_family(run: Any) -> Iterator[Any]:
    yield _members(run)
    grid = run.grid(quick=dict(tau=TAUS, n_classes=[2, 3, 4, MOST_CLASSES]))
    n_rows = run.choose(quick=10, full=100)
    found = run.compute(least_risks, grid, n_rows=n_rows, seed=run.seed)
    p, at = _rows(found)
    each = list(zip(grid.column("tau").tolist(), p, strict=True))
    terms = dict(
        unit="absolute",
        estimator="exact",
        precision=1e-11,
        reason="the numerical optimum is within its certified gap of the minimum, at most 6e-12",
        at=at,
    )
    free = np.array([optimal_conditional_risk(rows, tau=tau) for tau, rows in each])
    proportional = np.array([risk_at(rows, rows, tau) for tau, rows in each])
    yield agreement(
        "optimal-risk",
        found.free,
        free,
        rivals={
            "S = p for every tau": proportional,
            "exponent 2 - tau for 1/(2 - tau)": _risks_at_powers(each, lambda tau: 2.0 - tau),
        },
        **terms,
    )
    yield agreement(
        "risk-of-the-optimal-softmax",
        found.free,
        [_risk_of_softmax(rows, tau) for tau, rows in each],
        rivals={"S = p for every tau": proportional},
        **terms,
    )
    yield agreement(
        "predicted-class-risk",
        found.predicted,
        [[predicted_class_optimal_risk(row, 0, tau=tau) for row in rows] for tau, rows in each],
        rivals={
            "pool with the likeliest class alone": [_pooled_risk(rows, tau, at_most=2) for tau, rows in each],
            "pool with every likelier class": [_pooled_risk(rows, tau, stop=False) for tau, rows in each],
        },
        **terms,
    )
    yield certificate(
        "gap-of-the-numerical-optima",
        found.gaps,
        precision=1e-11,
        reason="Frank-Wolfe gap on the feasible softmax vectors: 1e-12 for each constraint, from the last barrier",
        controls={"softmax moved by 1e-6": found.shifted_gaps},
        at={name: values[..., np.newaxis] for name, values in at.items()} | dict(optimum=["free", "predicted"]),
    )
    yield _from_two_on(run)
    yield from _example(run)


def _members(run: Any) -> Any:
    """The losses of the family against the usual definitions of its members, on random scores."""
    n_scores = run.choose(quick=50, full=1000)
    rng = np.random.default_rng(run.seed)
    scores = rng.normal(size=(n_scores, 4))
    own = scores[:, 0]
    share = np.exp(own) / np.exp(scores).sum(axis=1)
    defined = {
        0.0: np.exp(scores[:, 1:] - own[:, np.newaxis]).sum(axis=1),
        1.0: -np.log(share),
        1.3: (1.0 - share**0.3) / 0.3,
        1.7: (1.0 - share**0.7) / 0.7,
        2.0: 1.0 - share,
    }
    taus = np.array(list(defined))[:, np.newaxis]
    return agreement(
        "members",
        list(defined.values()),
        [comp_sum_loss(scores, 0, tau=tau) for tau in defined],
        estimator="exact",
        precision=1e-11,
        reason="the usual definitions lose digits where S is close to 1; 1 - S is about 1e-3 or more here",
        rivals={
            "q = tau for q = tau - 1": [comp_sum_loss(scores, 0, tau=tau + 1.0) for tau in defined],
            "q = 2 - tau": [comp_sum_loss(scores, 0, tau=3.0 - tau) for tau in defined],
        },
        at=dict(tau=taus, **{f"h{k + 1}": scores[:, k] for k in range(4)}),
    )


def _from_two_on(run: Any) -> Any:
    """The least risks from tau = 2 on against the corners of the feasible set, where a concave risk is least."""
    grid = run.grid(quick=dict(tau=[2.0, 3.0], n_classes=[3, MOST_CLASSES]),
                    full=dict(tau=[2.0, 2.5, 3.0, 5.0], n_classes=[2, 3, 4, MOST_CLASSES]))  # fmt: skip
    found = run.compute(least_risks_at_corners, grid, n_rows=run.choose(quick=10, full=40), seed=run.seed)
    p, at = _rows(found)
    each = list(zip(grid.column("tau").tolist(), p, strict=True))
    on_top = np.array([[predicted_class_optimal_risk(row, 0, tau=tau) for row in rows] for tau, rows in each])
    rule = np.array([[(1.0 - _pool(row).max()) / (tau - 1.0) for row in rows] for tau, rows in each])
    free = np.array([optimal_conditional_risk(rows, tau=tau) for tau, rows in each])
    return agreement(
        "from-tau-2-on",
        np.stack([found.free, found.predicted], axis=-1),
        np.stack([free, on_top], axis=-1),
        unit="absolute",
        estimator="exact",
        precision=1e-14,
        reason="all corners are enumerated: rounding",
        rivals={"pooled as below tau = 2": np.stack([free, rule], axis=-1)},
        at={name: values[..., np.newaxis] for name, values in at.items()} | dict(optimum=["free", "predicted"]),
    )


def _example(run: Any) -> Iterator[Any]:
    """Three classes along tau: their least risks and the best softmax."""
    grid = run.grid(quick=dict(tau=[0.0, 0.5, 1.0, 1.5]),
                    full=dict(tau=[*(np.arange(9) / 5).round(1), 1.7, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0]))  # fmt: skip
    found = run.compute(least_risks_of_example, grid)
    taus, classes = grid.column("tau").tolist(), np.arange(1, 4)

    def proportional(many: np.ndarray) -> list[np.ndarray]:
        return [risk_at(EXAMPLE[np.newaxis], EXAMPLE[np.newaxis], tau) for tau in many.tolist()]

    below = [tau for tau in taus if tau < 2.0]
    yield agreement(
        "example-softmax",
        found.softmax[: len(below)],
        [optimal_softmax(EXAMPLE, tau=tau) for tau in below],
        unit="absolute",
        estimator="exact",
        precision=1e-9,
        reason="the last barrier, 1e-12, moves the softmax by at most 2e-11 here",
        rivals={"S = p for every tau": np.tile(EXAMPLE, (len(below), 1))},
        at=dict(tau=np.array(below)[:, np.newaxis], label=classes),
    )
    yield agreement(
        "example-risk",
        found.risks,
        [_risks_of_example(tau) for tau in taus],
        unit="absolute",
        estimator="exact",
        precision=1e-11,
        reason="as for the random class probabilities",
        rivals={"S = p for every tau": proportional(np.array(taus))},
        at=dict(tau=grid.column("tau")[:, np.newaxis], label=np.arange(4)),  # 0 stands for all scores
    )
    line = np.linspace(0.0, 3.0, 121)
    yield curve("risk", [_risks_of_example(tau) for tau in line.tolist()], rivals={
        "S = p for every tau": proportional(line)}, at=dict(tau=line[:, np.newaxis], label=np.arange(4)))  # fmt: skip
    line = line[line < 2.0]
    yield curve("softmax", [optimal_softmax(EXAMPLE, tau=tau) for tau in line.tolist()],
                at=dict(tau=line[:, np.newaxis], label=classes))  # fmt: skip


def _risks_of_example(tau: float) -> list[float]:
    """Return the least risk over all scores, and with each class on top."""
    return [float(optimal_conditional_risk(EXAMPLE, tau=tau)),
            *(predicted_class_optimal_risk(EXAMPLE, label, tau=tau) for label in range(3))]  # fmt: skip


def _risk_of_softmax(rows: np.ndarray, tau: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return conditional_risk(rows, np.log(optimal_softmax(rows, tau=tau)), tau=tau)


def _risks_at_powers(each: list[tuple[float, np.ndarray]], power: Any) -> list[np.ndarray]:
    """Return the risks at a softmax proportional to a power of the class probabilities."""
    powers = [rows ** power(tau) for tau, rows in each]
    return [risk_at(rows, s / s.sum(axis=1, keepdims=True), tau)
            for (tau, rows), s in zip(each, powers, strict=True)]  # fmt: skip


def _pool(row: np.ndarray, *, at_most: int = MOST_CLASSES, stop: bool = True) -> np.ndarray:
    """Share the probability of the first class with likelier ones; without ``stop``, with all of them."""
    others = np.sort(row[1:])[::-1]
    size, total = 1, row[0]
    for other in others[: at_most - 1]:
        if other <= (total / size if stop else row[0]):
            break
        size, total = size + 1, total + other
    return np.concatenate([np.full(size, total / size), others[size - 1 :]])


def _pooled_risk(rows: np.ndarray, tau: float, **rule: Any) -> np.ndarray:
    return optimal_conditional_risk([_pool(row, **rule) for row in rows], tau=tau)


def _rows(found: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the class probabilities, (points, rows, 6), and the parameters of the points: class 1 is on top."""
    p = found.probabilities
    columns = {f"p{k + 1}": p[..., k] for k in range(MOST_CLASSES)}
    return p, dict(tau=found.grid.column("tau")[:, np.newaxis], **columns)
