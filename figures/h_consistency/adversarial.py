"""Adversarial comp-sum losses: the constant of their bound, their least risk, and their smooth majorant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure
from figures.h_consistency import robustness_drawings
from figures.h_consistency._adversarial import (
    LEAST_ZERO_ONE,
    RHO,
    attacked_identity,
    attacked_models,
    least_risks_on_a_grid,
    random_pairs,
)
from figures.h_consistency.papers import CROSS_ENTROPY
from theory.h_consistency import adversarial_constant, adversarial_optimal_conditional_risk

SETTING = (
    "Phi_rho is the ramp min(1, max(0, 1 - u/rho)); gamma is the Euclidean radius of the perturbations x'; p sorted "
    "downward; M_y has the rows w_y - w_k; natural logarithms."
)
SHOWN = 3  # classes in the figure


@claim(
    "h_consistency.7",
    paper=CROSS_ENTROPY,
    label="Section 5 (numbering unverified)",
    nature="bound",
    evidence="proved",
    statement="As we understand the statement: the regret of an adversarial comp-sum loss is at least Phi(1) times the "
    "adversarial zero-one regret, and a smooth loss with nu at least sqrt(n - 1)/rho is never below it.",
    assumptions="A symmetric hypothesis set that realises every order of the labels with gaps of rho on the whole ball "
    "of perturbations; linear scores for the smooth loss.",
    formula=r"\ell_{\tau,\rho} = \sup_{x'}\,\Phi^\tau\left(\sum_{k\neq y}\Phi_\rho(h(x',y) - h(x',k))\right),\qquad "
    r"\mathcal{C}^\ast_{\tau,\rho} = \sum_{i=1}^{n} p_{(i)}\,\Phi^\tau(i-1)"
    "\n"
    r"\Phi^\tau(1)\,\left(R_\gamma - R^\ast_\gamma + M_\gamma\right)\leq "
    r"R_{\tau,\rho} - R^\ast_{\tau,\rho} + M_{\tau,\rho}"
    "\n"
    r"\ell_{\tau,\rho}\leq\Phi^\tau\left(\sum_{k\neq y}e^{-(h(x,y) - h(x,k))/\rho}\right) "
    r"+ \nu\,\gamma\,\sigma_{\max}(M_y),\quad \nu\geq\frac{\sqrt{n-1}}{\rho}",
    normalisations=SETTING,
    figure=figure("h_consistency.adversarial", robustness_drawings.draw_adversarial),
)
def adversarial_losses(run: Any) -> Iterator[Any]:
    yield from _constant(run)
    yield _least_risk(run)
    yield from _smooth_majorant(run)


def _constant(run: Any) -> Iterator[Any]:
    """Random probabilities and scores around an input: no ratio of regrets below the constant, and some at it."""
    grid = run.grid(quick=dict(tau=[0.0, 0.5, 1.0, 2.0], n_classes=[2, SHOWN, 5]),
                    full=dict(tau=[0.0, 0.5, 1.0, 1.5, 2.0, 3.0], n_classes=[2, SHOWN, 5]))  # fmt: skip
    count = run.choose(quick=50_000, full=300_000, large=10_000_000)
    found = run.compute(random_pairs, grid, n_pairs=count, seed=run.seed)
    tau, n = grid.column("tau"), grid.column("n_classes")
    constant = np.array([adversarial_constant(tau=value) for value in tau.tolist()])
    of_last_rank = np.array([_phi(k - 1.0, value) for k, value in zip(n, tau, strict=True)])
    wrong = {"1": np.ones_like(tau), "Phi(n - 1)": of_last_rank}
    ratios = found.closest_surrogate / found.closest_zero_one
    yield agreement(
        "least-ratio",
        ratios.min(axis=1),
        constant,
        estimator="exact",
        precision=1e-9,
        reason=f"regrets of order one, zero-one regrets above {LEAST_ZERO_ONE:g}: rounding; {count:.0e} pairs each; "
        "the constant is attained wherever one wrong class comes first by rho or more",
        rivals=wrong,
        at=found.at(),
    )
    pairs = {name: np.hstack([getattr(found, name), getattr(found, f"closest_{name}")])
             for name in ("zero_one", "surrogate")}  # fmt: skip
    yield bound(
        "random-pairs",
        pairs["surrogate"],
        constant[:, np.newaxis] * pairs["zero_one"],
        upper=False,
        unit="absolute",
        rounding=1e-12,
        tightness=1e-12,
        reason="the first pairs and the closest ones; rounding of risks of order one",
        rivals={name: value[:, np.newaxis] * pairs["zero_one"] for name, value in wrong.items()},
        at={name: values[:, np.newaxis] for name, values in found.at().items()} | dict(zero_one=pairs["zero_one"]),
    )
    line = np.linspace(0.0, 1.0, 11)
    for value in (0.0, 1.0, 2.0):
        yield curve("constant", adversarial_constant(tau=value) * line, at=dict(tau=value, zero_one=line),
                    rivals={"1": line})  # fmt: skip


def _phi(u: float, tau: float) -> float:
    return float(np.log1p(u) if tau == 1.0 else ((1.0 + u) ** (1.0 - tau) - 1.0) / (1.0 - tau))


def _least_risk(run: Any) -> Any:
    """The least conditional risk against all scores on a grid of gaps."""
    grid = run.grid(quick=dict(tau=[0.0, 1.0, 2.0], n_classes=[2, 3]),
                    full=dict(tau=[0.0, 0.5, 1.0, 2.0, 3.0], n_classes=[2, 3, 4]))  # fmt: skip
    found = run.compute(least_risks_on_a_grid, grid, n_rows=run.choose(quick=20, full=100), seed=run.seed)
    p = found.probabilities
    each = [(row[:, : point["n_classes"]], point["tau"]) for row, point in zip(p, grid, strict=True)]
    upward = [np.sort(rows, axis=1) @ [_phi(i, tau) for i in range(rows.shape[1])] for rows, tau in each]
    return agreement(
        "least-risk",
        found.least,
        [adversarial_optimal_conditional_risk(rows, tau=tau) for rows, tau in each],
        unit="absolute",
        estimator="exact",
        precision=1e-14,
        reason="all orders with gaps of rho are on the grid: rounding",
        rivals={
            "p sorted upward": upward,
            "Phi(1) for every wrong class": [_phi(1.0, tau) * (1.0 - rows.max(axis=1)) for rows, tau in each],
        },
        at={name: values[:, np.newaxis] for name, values in found.at().items()}
        | {f"p{k + 1}": p[..., k] for k in range(4)},
    )


def _smooth_majorant(run: Any) -> Iterator[Any]:
    """Linear models under attack: random ones, and the identity, where a smaller nu fails."""
    classes = [2, 3, 4, 6]
    taus = run.choose(quick=[0.0, 1.0], full=[0.0, 0.5, 1.0, 2.0])
    grid = run.grid(quick=dict(tau=taus, n_classes=classes))
    count = run.choose(quick=50, full=600, large=20_000)
    random = run.compute(attacked_models, grid, n_models=count, seed=run.seed)
    identity = run.compute(attacked_identity, run.grid(quick=dict(tau=taus, n_classes=classes[1:])))
    for name, found in (("random", random), ("identity", identity)):
        n = found.grid.column("n_classes")[:, np.newaxis]
        yield bound(
            f"smooth-majorant-{name}",
            found.margin_loss,
            found.calm_loss + np.sqrt(n - 1.0) / RHO * found.reach,
            unit="absolute",
            rounding=1e-12,
            tightness=0.02 if name == "random" else 1e-12,
            reason="sums of a few exponentials up to order one; equality where all margins are 0 and so is the radius",
            rivals={"nu = 1/rho": found.calm_loss + found.reach / RHO},
            at={key: values[:, np.newaxis] for key, values in found.at().items()},
        )
    extremes = random.change_ratio
    n = grid.column("n_classes")[:, np.newaxis]
    yield agreement(
        "largest-change-of-the-margins",
        extremes,
        np.ones_like(extremes),
        estimator="exact",
        precision=1e-8,
        reason="gradient ascent finds the largest singular value; the least and the largest ratio over all models",
        rivals={"changes add up over classes": np.broadcast_to(1.0 / np.sqrt(n - 1.0), extremes.shape)},
        at={key: values[:, np.newaxis] for key, values in random.at().items()} | dict(extreme=["least", "largest"]),
    )
