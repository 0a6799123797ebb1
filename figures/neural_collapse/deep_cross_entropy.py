"""Cross-entropy with two linear layers or more: logits of low rank that cost less than any simplex frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, figure, structure
from figures.neural_collapse import cross_entropy_drawings
from figures.neural_collapse._codes import (
    SETTING,
    Problem,
    columns,
    equal_ridge_problem,
    loss_of_logits,
    threshold,
    training_point,
)
from figures.neural_collapse._low_rank import (
    BEATEN,
    ODD,
    best_logits,
    codes_of,
    loss_by_rank_alone,
    nuclear_loss,
    optimum,
    pairs_over_frame,
    start_logits,
    unit_penalty,
)
from figures.neural_collapse._training import gram_distance
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE, LOW_RANK_BIAS
from simulations.neural_collapse import simulate_cross_entropy_training
from theory.neural_collapse import etf_class_limit

low_rank = figure("neural_collapse.low-rank-codes", cross_entropy_drawings.draw_low_rank)

GAP = 0.05


@claim(
    "neural_collapse.11",
    paper=DEEP_LINEAR_COLLAPSE,
    label="abstract, on cross-entropy",
    nature="counterexample",
    status="refuted",
    evidence="certified",
    statement="The abstract says that global solutions of deep linear networks exhibit neural collapse for the squared "
    "loss and for cross-entropy: as we understand it, under balanced cross-entropy the class means of every global "
    "solution form a simplex frame. With two linear layers or more this fails in general: for six classes and two "
    "layers an explicit solution of rank three costs less than every simplex frame. For even K and vanishing ridges, "
    "classes in antipodal pairs do so whenever K exceeds a limit that depends on the depth alone. "
    f"The general effect is also reported by {LOW_RANK_BIAS.short()}.",
    assumptions="Free features, linear layers, balanced classes, positive ridges on all matrices, inner widths of at "
    "least K, no bias; a bias cannot help the frame, whose best bias is constant. The explicit solutions are upper "
    "bounds on the minimum: others can cost still less.",
    formula=r"K > K_{\mathrm{lim}} = \frac{1}{1 - 2^{-(M-1)/(M+1)}}:\;\; 4.85,\; 3.41,\; 2.94"
    r"\;\;\mathrm{for}\;\; M = 2, 3, 4"
    "\n"
    r"f_{\mathrm{code}} = \min_a\; \log(1 + \sum_{j \neq k} e^{-a g_j}) + \frac{L c}{2}\,r\,(a s \sqrt{n})^{2/L}"
    "\n"
    r"\mathrm{frame:}\;\; r = K - 1,\; s = 1,\qquad \mathrm{antipodal\ pairs:}\;\; r = K/2,\; s = 2",
    normalisations=SETTING
    + " g_j: own minus other logits at unit margin; r, s: rank and singular values of the logits.",
    figure=low_rank,
)
def codes_beat_the_frame(run: Any) -> Iterator[Any]:
    problems = list(run.choose(quick=BEATEN[:1], full=BEATEN))
    yield from _evaluated(run)
    yield _beaten(problems)
    yield from _trained_from_codes(run, problems)
    yield from _random_starts(run)
    yield from _class_limit(run)
    yield _before_collapse(run)
    yield from _map(run)


def _evaluated(run: Any) -> Iterator[Any]:
    """The objective, summed over real matrices, at the best margin of every code and around it."""
    pairs = [(code, problem) for problem in run.choose(quick=BEATEN[:1], full=(*BEATEN, ODD))
             for code in codes_of(problem["n_classes"])]  # fmt: skip
    factors = np.array([0.5, 0.9, 0.999, 1.0, 1.001, 1.1, 2.0])
    optima = [optimum(code, problem) for code, problem in pairs]
    losses = [
        [loss_of_logits(factor * best_logits(code, problem), problem) for factor in factors] for code, problem in pairs
    ]
    predicted = np.array([best.loss for best in optima])
    at = columns([problem for _, problem in pairs]) | dict(code=np.array([code for code, _ in pairs]))
    yield agreement(
        "loss-of-codes",
        np.array(losses)[:, 3],
        predicted,
        estimator="exact",
        precision=1e-13,
        reason="rounding of sums of a few hundred terms",
        rivals={
            "loss of the frame": [optimum("etf", problem).loss for _, problem in pairs],
            "nuclear norm at every depth": [nuclear_loss(code, problem) for code, problem in pairs],
        },
        at=at,
    )
    yield bound(
        "best-margin",
        losses,
        predicted[:, np.newaxis],
        upper=False,
        rounding=1e-13,
        tightness=1e-13,
        reason="rounding of the loss at the best margin, and no loss at another margin below it",
        rivals={"loss at a margin 0.1 % off": np.array(losses)[:, [2]]},
        at={name: values[:, np.newaxis] for name, values in at.items()} | dict(margin_factor=factors),
    )


def _beaten(problems: list[Problem]) -> Any:
    """The certificate: both losses are those of real matrices, that of the frame at its best margin."""
    ratios = np.array([pairs_over_frame(problem) for problem in problems])
    below = equal_ridge_problem(4, 1, 2, 1e-3)  # four classes are under the limit of two layers
    return certificate(
        "frame-is-beaten",
        np.maximum(ratios - (1 - GAP), 0),
        precision=1e-12,
        reason="share by which the loss of antipodal pairs exceeds 95 % of that of the best frame: none but rounding",
        rivals={"the frame is the minimum": np.maximum(1 / ratios - (1 - GAP), 0)},
        controls={"four classes, two layers": pairs_over_frame(below) - (1 - GAP)},
        at=columns(problems),
    )


def _trained_from_codes(run: Any, problems: list[Problem]) -> Iterator[Any]:
    """Models that start on the antipodal pairs, or on the frame, with noise of 1e-3 in every entry."""
    starts = [("cross_polytope", problem) for problem in problems] + [("etf", problem) for problem in problems[:2]]
    codes = [np.array(start_logits(code, problem)) for code, problem in starts]
    grid = run.grid(
        quick=[training_point(problem, initial_code=start_logits(code, problem)) for code, problem in starts]
    )
    n_trials = run.choose(quick=4, full=16)
    found = run.sample(simulate_cross_entropy_training, grid, n_trials=[n_trials] * len(grid))
    optima = [optimum(code, problem) for code, problem in starts]
    at = columns([problem for _, problem in starts]) | dict(code=np.array([code for code, _ in starts]))
    yield agreement(
        "stays-on-the-code",
        [loss for losses in found.loss for loss in losses],
        np.repeat([best.loss for best in optima], n_trials),
        estimator="exact",
        precision=1e-11,
        reason="rounding of the trained loss",
        rivals={"ends at the frame": np.repeat([optimum("etf", problem).loss for _, problem in starts], n_trials)},
        at={name: np.repeat(values, n_trials) for name, values in at.items()},
    )
    distances = [[gram_distance(logits, code) for logits in trained]
                 for trained, code in zip(found.logits, codes, strict=True)]  # fmt: skip
    off = [[gram_distance((1 + 1e-6) * logits, code) for logits in trained]
           for trained, code in zip(found.logits, codes, strict=True)]  # fmt: skip
    yield structure(
        "logits-of-the-code",
        distances,
        precision=1e-9,
        reason="rounding of the trained logits, relative to their norm; the noise of the start is 1e-3",
        controls={"logits larger by 1e-6": off},
        at={name: values[:, np.newaxis] for name, values in at.items()},
    )


def _random_starts(run: Any) -> Iterator[Any]:
    """The lowest of many random starts: on the antipodal pairs in three settings, and lower still in two others."""
    problems = list(run.choose(quick=BEATEN[:1], full=BEATEN[:3]))
    losses, ranks = _lowest(run, problems)
    optima = [optimum("cross_polytope", problem) for problem in problems]
    frames = [optimum("etf", problem) for problem in problems]
    yield agreement(
        "lowest-random-start",
        np.column_stack([losses, ranks]),
        [[best.loss, best.rank] for best in optima],
        estimator="exact",
        precision=1e-11,
        reason="rounding of the trained loss; the rank is a count",
        rivals={"the frame is the minimum": [[frame.loss, frame.rank] for frame in frames]},
        at={name: values[:, np.newaxis] for name, values in columns(problems).items()}
        | dict(quantity=["loss", "rank"]),
    )
    if run.scale == "quick":
        return
    problems = [BEATEN[3], ODD]
    losses, ranks = _lowest(run, problems)
    named = np.array([min(optimum(code, p).loss for code in codes_of(p["n_classes"])) for p in problems])
    yield certificate(
        "below-every-named-code",
        np.maximum(losses / named - 0.995, 0),
        precision=1e-12,
        reason="share by which the lowest trained loss exceeds 99.5 % of that of the best named code: rounding",
        rivals={"the best named code is the minimum": np.maximum(named / losses - 0.995, 0)},
        at=columns(problems),
    )


def _lowest(run: Any, problems: list[Problem]) -> tuple[np.ndarray, np.ndarray]:
    """Return loss and rank of the lowest run of every problem."""
    grid = run.grid(quick=[training_point(problem) for problem in problems])
    found = run.sample(simulate_cross_entropy_training, grid, n_trials=[run.choose(quick=24, full=64)] * len(grid))
    best = [losses.argmin() for losses in found.loss]
    return tuple(
        np.array([values[i] for values, i in zip(field, best, strict=True)]) for field in (found.loss, found.rank)
    )


def _class_limit(run: Any) -> Iterator[Any]:
    """The penalty sum s^(2/L), all that matters at vanishing ridges, from the singular values of the logits."""
    depths = np.array(run.choose(quick=(2, 3, 4), full=tuple(range(2, 13))))
    excess = np.array(
        [[unit_penalty("etf", k, m) - unit_penalty("cross_polytope", k, m) for k in (4, 40)] for m in depths]
    )
    slope = (excess[:, 1] - excess[:, 0]) / 36  # both penalties are linear in K
    yield agreement(
        "class-limit",
        4 - excess[:, 0] / slope,
        [etf_class_limit(int(depth)) for depth in depths],
        estimator="exact",
        precision=1e-12,
        reason="rounding of singular values of 40 by 40 matrices",
        rivals={
            "a layer more": 1 / (1 - 2.0 ** (-depths / (depths + 2))),
            "exponent M / (M + 1)": 1 / (1 - 2.0 ** (-depths / (depths + 1))),
        },
        at=dict(n_layers=depths),
    )
    counts = (4, 6, 8, 10)
    tiny = [equal_ridge_problem(count, 1, int(depth), 1e-24) for depth in depths for count in counts]
    wins = np.array([pairs_over_frame(problem) < 1 for problem in tiny])

    def missed(limits: Any) -> np.ndarray:
        return (np.array([problem["n_classes"] for problem in tiny]) > np.repeat(limits, len(counts))) != wins

    limits = np.array([etf_class_limit(int(depth)) for depth in depths])
    yield structure(
        "vanishing-ridges",
        missed(limits).astype(float),
        precision=0.5,
        reason="1 where the frame costs more on the wrong side of the limit, with matrices at ridges of 1e-24",
        rivals={"limit of three layers": missed(np.full(len(depths), etf_class_limit(3))).astype(float)},
        at=columns(tiny),
    )


def _before_collapse(run: Any) -> Any:
    """At the ridge where the best frame of three classes is to collapse, trained models still do better."""
    problems = []
    for depth in run.choose(quick=(2,), full=(2, 3, 4)):
        ridge = threshold(lambda r, m=depth: optimum("etf", equal_ridge_problem(3, 1, m, r)).margin == 0)
        problems.append(equal_ridge_problem(3, 1, depth, ridge))
    losses, ranks = _lowest(run, problems)
    return certificate(
        "lower-rank-before-collapse",
        np.maximum(losses / math.log(3) - 0.99, 0) + np.abs(ranks - 1),
        precision=1e-12,
        reason="share by which the lowest trained loss exceeds 99 % of log K, the loss of frame and collapse alike; "
        "its rank is one",
        rivals={"the frame is the minimum until it collapses": np.maximum(math.log(3) / losses - 0.99, 0) + 1},
        at=columns(problems),
    )


def _map(run: Any) -> Iterator[Any]:
    """The lowest trained loss over that of the best frame, by number of classes and depth."""
    counts = run.choose(quick=(3, 4, 6), full=tuple(range(3, 13)))
    depths = run.choose(quick=(1, 2, 3), full=(1, 2, 3, 4, 5))
    problems = [equal_ridge_problem(count, 1, depth, 1e-3) for depth in depths for count in counts]
    optima = [{code: optimum(code, problem) for code in codes_of(problem["n_classes"])} for problem in problems]
    starts = [
        training_point(problem, initial_code=start_logits(code, problem))
        for problem, named in zip(problems, optima, strict=True)
        for code in named
    ]
    from_codes = run.sample(simulate_cross_entropy_training, run.grid(quick=starts), n_trials=[2] * len(starts))
    losses, ranks = _lowest(run, problems)
    owner = np.repeat(np.arange(len(problems)), [len(named) for named in optima])
    for index, ended, rank in zip(owner, from_codes.loss, from_codes.rank, strict=True):
        if ended.min() < losses[index]:
            losses[index], ranks[index] = ended.min(), rank[ended.argmin()]
    frame = np.array([named["etf"].loss for named in optima])
    lowest = np.array([min(best.loss for best in named.values()) for named in optima])
    yield bound(
        "map",
        losses / frame,
        lowest / frame,
        rounding=1e-10,
        tightness=1e-10,
        reason="rounding of trained losses; the bound is met where a named code, or the frame, is the minimum",
        rivals={"rank alone in the penalty": np.minimum(lowest, list(map(loss_by_rank_alone, problems))) / frame},
        at=columns(problems) | dict(trained_rank=ranks),
    )
    even = np.arange(4, 17, 2)
    for depth in depths:
        line = [equal_ridge_problem(int(count), 1, depth, 1e-3) for count in even]
        yield curve("antipodal-pairs", list(map(pairs_over_frame, line)), at=columns(line))
