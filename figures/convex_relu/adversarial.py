"""Convex adversarial training: what its value means, what it bounds, and which patterns survive an attack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, separation, structure
from figures.convex_relu import adversarial_drawings
from figures.convex_relu._attacks import (
    attacks_on_random_networks,
    recovered_values,
    survival_radii,
    trained_objectives,
)
from figures.convex_relu._problems import SETTING
from figures.convex_relu._robust_programs import (
    collapse_values,
    pattern_values,
    published_values,
    untightened_values,
)
from figures.convex_relu.papers import GLOBAL_OPTIMIZATION

robust = figure("convex_relu.robust", adversarial_drawings.draw_robust)

BETA = dict(squared=0.1, hinge=0.03, logistic=0.01)
RADII = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.36)  # no pattern of the smaller problem survives the last
WIDTH = 10


def problem(loss: str, size: tuple[int, int] = (8, 2)) -> dict[str, Any]:
    """The reference problem with a loss and its weight decay."""
    return dict(n_samples=size[0], n_features=size[1], loss=loss, regularisation=BETA[loss])


@claim(
    "convex_relu.8",
    paper=GLOBAL_OPTIMIZATION,
    label="convex adversarial training, Section 4 (numbering unverified), with survival radii",
    nature="bound",
    status="beyond",
    evidence="certified",
    statement="The value of the convex robust program is the exact worst case of its network, so that it bounds "
    "adversarial training from above: attained without an attack, strict with one. A pattern carries neurons only up "
    "to its survival radius, where the value can jump; patterns of attacked data alone never help; and above the "
    "largest radius the program returns the zero network, even where training finds better ones.",
    assumptions="Attacks move every entry of X by at most epsilon, each sample to the worst for its loss. All patterns "
    "of X in the program. Strictness is observed, not proved.",
    formula=r"(2D_i - I)\,Xv_i \geq \epsilon\,\Vert v_i\Vert_1 \mathbf{1},\qquad "
    r"f_k = \sum_i d_{ik}\,x_k^T(v_i - w_i),\quad q_k = \epsilon\,\Vert\sum_i d_{ik}(v_i - w_i)\Vert_1"
    "\n"
    r"\frac{1}{2}\sum_k(|f_k - y_k| + q_k)^2,\quad \frac{1}{n}\sum_k(1 - y_kf_k + q_k)_+,\quad "
    r"\frac{1}{n}\sum_k\,\log(1 + e^{-y_kf_k + q_k});\qquad +\;\beta\sum_i(\Vert v_i\Vert_2 + \Vert w_i\Vert_2)"
    "\n"
    r"\epsilon_i = \min_{\lambda\geq 0,\,\sum\lambda_k = 1}\,\Vert\sum_k\lambda_k s_k x_k\Vert_\infty"
    r" = \max_{\Vert u\Vert_1\leq 1}\,\min_k\, s_k x_k^T u,\qquad s_k = \pm 1\;\mathrm{the\ signs\ of\ pattern}\;i",
    normalisations=SETTING + " Hinge and logistic losses are means over samples with labels -1 or 1; epsilon is in the "
    "units of X.",
    figure=robust,
)
def adversarial_training(run: Any) -> Iterator[Any]:
    yield from _value(run)
    yield _attack(run)
    yield from _training(run)
    yield _patterns(run)
    yield _radii(run)
    yield _collapse(run)
    if run.scale != "quick":
        yield _jumps(run)
        yield from _lines(run)


def _value(run: Any) -> Iterator[Any]:
    """The value against the worst case of its network, and against a program written down as published."""
    cases = [problem(loss) | dict(radius=radius) for loss in BETA for radius in RADII]
    cases += [problem(loss, (10, 3)) | dict(radius=radius) for loss in BETA for radius in (0.05, 0.2)]
    quick = [problem("hinge") | dict(radius=radius) for radius in (0.0, 0.05, 0.2)]
    grid = run.grid(quick=[*quick, problem("squared") | dict(radius=0.05)], full=cases)
    theory, published = run.compute(recovered_values, grid), run.compute(published_values, grid)
    loose = run.compute(untightened_values, grid)
    at = {name: grid.column(name) for name in ("loss", "n_samples", "n_features", "radius")}
    yield structure(
        "value-is-the-worst-case",
        np.column_stack([theory.corners, theory.vertices]) / theory.value[:, np.newaxis] - 1,
        precision=1e-9,
        reason="the gap that certifies the program, 1e-10 as a rule",
        rivals={
            "cones not tightened": np.column_stack([loose.suffered / loose.claimed - 1] * 2),
            "trained without attacks": np.column_stack([theory.clean / theory.value - 1] * 2),
        },
        at={name: values[:, np.newaxis] for name, values in at.items()} | dict(attack=["corners", "vertices"]),
    )
    yield agreement(
        "published-program",
        published.published,
        theory.value,
        estimator="exact",
        precision=5e-8,
        reason="the conic solver on a program with cones that hold 0 alone: measured at most 1e-8, mostly 1e-10",
        rivals={
            "weights in the Euclidean norm": published.euclidean,
            "weights in the norm of the attack": published.largest_weight,
            "cones not tightened": loose.claimed,
        },
        at=at,
    )


def _training(run: Any) -> Iterator[Any]:
    """The best networks that adversarial training finds, against the value of the convex program."""
    quick = [problem("squared") | dict(radius=0.0), *(problem("hinge") | dict(radius=radius) for radius in (0.0, 0.1))]
    full = [problem(loss) | dict(radius=radius) for loss in ("squared", "hinge") for radius in RADII]
    full += [problem("logistic") | dict(radius=radius) for radius in RADII[::3]]
    full += [problem("hinge", (10, 3)) | dict(radius=0.05)]
    grid = run.grid(quick=quick, full=full)
    n_trials = 16
    trained = run.sample(trained_objectives, grid, n_trials=n_trials, width=WIDTH).values
    theory = run.compute(recovered_values, grid)
    best = trained.min(axis=0)
    at = {name: grid.column(name) for name in ("loss", "n_samples", "n_features", "radius")}
    yield bound(
        "never-above-the-value",
        best,
        theory.value,
        rounding=1e-5,
        reason="restarts end within 1e-6 of their limit",
        rivals={"value without tightened cones": run.compute(untightened_values, grid).claimed},
        at=at,
    )
    free = grid.column("radius") == 0.0
    halved = [problem(loss) | dict(radius=0.0, regularisation=BETA[loss] / 2) for loss in grid.column("loss")[free]]
    yield agreement(
        "without-an-attack",
        best[free],
        theory.value[free],
        estimator="exact",
        precision=1e-5,
        reason="the best restart after 8000 steps: measured at most 1e-6 above its limit",
        rivals={"optimum at beta / 2": run.compute(recovered_values, run.grid(quick=halved)).value},
        at=dict(loss=at["loss"][free]),
    )
    zero_too = (at["loss"] == "hinge") & (at["radius"] == RADII[-1])  # where training ends at the zero network as well
    strong = (at["radius"] > 0.0) & ~zero_too
    yield separation(
        "strictly-below",
        best[strong],
        theory.value[strong],
        gap=0.001,
        estimator="exact",
        reason="the best restart is above the robust optimum, whose gap is wider still",
        rivals={"the value is the robust optimum": best[strong]},
        at={name: values[strong] for name, values in at.items()},
    )
    trial = np.arange(n_trials)[:, np.newaxis]
    yield curve("restart", trained, at=dict(trial=trial, loss=at["loss"], radius=at["radius"],
                                                   n_features=at["n_features"]))  # fmt: skip


def _attack(run: Any) -> Any:
    """Two routes to the worst attack on random networks, whose hinges cut the boxes."""
    cases = [problem(loss, size) | dict(radius=radius) for loss in BETA for size in ((8, 2), (8, 3))
             for radius in (0.05, 0.3)]  # fmt: skip
    grid = run.grid(quick=[problem(loss) | dict(radius=0.3) for loss in BETA], full=cases)
    trials = run.sample(attacks_on_random_networks, grid, n_trials=8, width=WIDTH)
    return agreement(
        "worst-attack",
        trials.simulated,
        trials.vertices,
        estimator="exact",
        precision=1e-10,
        reason="rounding: both maximise over vertices, of the convex pieces in training and of the arrangement here",
        rivals={"corners of the boxes alone": trials.corners, "no attack": trials.unattacked},
        at={name: grid.column(name) for name in ("loss", "n_features", "radius")},
    )


def _patterns(run: Any) -> Any:
    """Other choices of patterns in the published program: which leave its value alone."""
    cases = [problem(loss) | dict(radius=radius) for loss in BETA for radius in (0.05, 0.2)]
    cases += [problem(loss, (10, 3)) | dict(radius=radius) for loss in BETA for radius in (0.05, 0.2)]
    grid = run.grid(quick=[problem("hinge") | dict(radius=0.2)], full=cases)
    chosen, theory = run.compute(pattern_values, grid), run.compute(recovered_values, grid)

    def change(values: np.ndarray) -> np.ndarray:
        return (values / theory.value - 1)[:, np.newaxis] * np.ones(2)

    return structure(
        "useless-patterns",
        np.column_stack([chosen.surviving, chosen.enlarged]) / theory.value[:, np.newaxis] - 1,
        precision=5e-8,
        reason="the conic solver, as above",
        rivals={
            "half the survival radius": change(chosen.surviving_twice),
            "patterns of attacked data in their own cones": change(chosen.elsewhere),
        },
        at={name: grid.column(name)[:, np.newaxis] for name in ("loss", "n_features", "radius")}
        | dict(patterns=["surviving alone", "attacked data added"]),
    )


def _radii(run: Any) -> Any:
    sizes = run.choose(quick=[(8, 2, 0)], full=[(8, 2, 0), (10, 3, 0), (12, 3, 1), (7, 4, 1)])
    found = [run.compute(survival_radii, run.grid(quick=[dict(n_samples=n, n_features=d, draw=draw)]))
             for n, d, draw in sizes]  # fmt: skip
    vertices, predicted, euclidean, nearest = (
        np.concatenate([getattr(one, name)[0] for one in found])
        for name in ("vertices", "predicted", "euclidean", "nearest_row")
    )
    return agreement(
        "survival-radius",
        vertices,
        predicted,
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="the linear program's accuracy, for features of order 1",
        rivals={"Euclidean distance": euclidean, "nearest row": nearest},
        at=dict(zip(("n_samples", "n_features", "draw", "pattern"), np.array(
            [(*size, i) for size, one in zip(sizes, found, strict=True) for i in range(one.predicted.size)]
        ).T, strict=True)),
    )  # fmt: skip


def _collapse(run: Any) -> Any:
    """Labels that one pattern fits: the loss at the largest survival radius jumps to that of the zero network."""
    sizes = run.choose(quick=[(8, 2)], full=[(8, 2), (10, 3)])
    losses = run.choose(quick=["hinge"], full=list(BETA))

    def ratios(ratio: float) -> np.ndarray:
        grid = run.grid(quick=[dict(n_samples=n, n_features=d, loss=loss, ratio=ratio) for n, d in sizes
                               for loss in losses])  # fmt: skip
        return run.compute(collapse_values, grid, regularisation=1e-3).values

    above = np.stack([ratios(1.001), ratios(1.02)])
    return structure(
        "collapse",
        above - 1,
        precision=1e-7,
        reason="the conic solver on programs all or most of whose cones hold 0 alone: measured at most 3e-8",
        rivals={"still a network just below": np.stack([ratios(0.999), ratios(0.98)]) - 1},
        at=dict(ratio=np.array([1.001, 1.02])[:, np.newaxis, np.newaxis]),
    )


def _jumps(run: Any) -> Any:
    """The published program on both sides of survival radii at which the value jumps."""
    dying = np.sort(_survival(run))[[-5, -11]]  # the third and the sixth largest: patterns come in pairs

    def beside(factor: float) -> Any:
        return run.grid(full=[problem(loss) | dict(radius=factor * float(radius)) for loss in ("squared", "hinge")
                              for radius in dying])  # fmt: skip

    below, above = beside(0.99), beside(1.01)
    return agreement(
        "jumps",
        [run.compute(published_values, grid).published for grid in (below, above)],
        [run.compute(recovered_values, grid).value for grid in (below, above)],
        estimator="exact",
        precision=5e-8,
        reason="the conic solver, as above",
        rivals={"continuous": run.compute(recovered_values, below).value},
        at=dict(side=np.array(["below", "above"])[:, np.newaxis], loss=below.column("loss"),
                radius=below.column("radius")),
    )  # fmt: skip


def _survival(run: Any) -> np.ndarray:
    return run.compute(survival_radii, run.grid(full=[dict(n_samples=8, n_features=2, draw=0)])).predicted[0]


def _lines(run: Any) -> Iterator[Any]:
    """Values against the radius of the attack, for the figure: also on both sides of every survival radius."""
    survival = _survival(run)
    coarse = np.linspace(0.0, 0.4, 21)
    fine = np.unique(np.concatenate([np.linspace(0.0, 0.4, 41), 0.9999 * survival, 1.0001 * survival]).round(7))
    for loss in ("squared", "hinge"):
        lines, rivals = (
            run.grid(full=[problem(loss) | dict(radius=radius) for radius in radii.tolist()])
            for radii in (fine, coarse)
        )
        loose, theory = run.compute(untightened_values, rivals), run.compute(recovered_values, rivals)
        yield curve("value", run.compute(recovered_values, lines).value, at=dict(loss=loss, radius=fine))
        yield curve("rivals", loose.claimed, at=dict(loss=loss, radius=coarse, at_zero=loose.at_zero),
                    rivals={"suffered": loose.suffered, "clean": theory.clean})  # fmt: skip
    yield curve("survival", survival, at=dict(loss="any"))
