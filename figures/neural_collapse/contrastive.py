"""Supervised contrastive loss with non-negative features: its least value, its minimisers, and mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, figure, structure
from figures.neural_collapse import contrastive_drawings as drawings
from figures.neural_collapse._contrastive_runs import DESIGNS, losses_on_the_way, train_design, train_sizes
from figures.neural_collapse.papers import SYMMETRIC_REPRESENTATIONS
from theory.neural_collapse import batch_interaction, scl_batch_lower_bound, scl_lower_bound

SETTING = (
    "Loss: sum over batches B and anchors i of the mean, over the other samples j of its class in B, of log sum over "
    "l != i in B of exp((h_i.h_l - h_i.h_j) / T); |h_i| <= 1; anchors alone in their class add nothing."
)
ON_THE_BOUND = 1e-11  # relative excess of the loss


@claim(
    "neural_collapse.18",
    paper=SYMMETRIC_REPRESENTATIONS,
    label="Orthogonal frames minimise the loss with non-negative features (numbering unverified)",
    nature="bound",
    evidence="proved",
    statement="With non-negative features the loss is at least a closed form in the class sizes, attained by the "
    "orthonormal frame under any imbalance, and by nothing else where every class has two samples.",
    assumptions="Features of norm at most 1 in d >= K dimensions. Equal sizes without signs: a simplex frame.",
    formula=r"""\mathcal{L}\geq\sum_{c:\,n_c\geq 2} n_c\log\left(n_c - 1 + (N - n_c)\,e^{-1/T}\right)
        \mathrm{with\ signs,\ equal\ sizes:}\quad e^{-1/T}\rightarrow e^{-K/((K-1)T)}""",
    normalisations=SETTING,
    figure=figure("neural_collapse.contrastive", drawings.draw_contrastive),
)
def orthogonal_frames(run: Any) -> Iterator[Any]:
    cases = run.choose(quick=[((20, 5, 2), 1.0), ((6, 6, 6, 6), 1.0), ((6, 4, 1), 0.5)],
                       full=[((20, 5, 2), 1.0), ((6, 6, 6, 6), 1.0), ((6, 4, 1), 0.5), ((20, 5, 2), 0.5),
                             ((30, 10, 4, 2), 1.0), ((4, 4), 2.0), ((12, 6, 3, 3, 2), 0.7)])  # fmt: skip
    points = [dict(class_sizes=sizes, temperature=value, n_features=3 * len(sizes)) for sizes, value in cases]
    grid = run.grid(quick=points)
    bounds = np.array([scl_lower_bound(sizes, temperature=value) for sizes, value in cases])
    at = dict(temperature=grid.column("temperature"), sizes=np.array(["+".join(map(str, sizes)) for sizes, _ in cases]))
    yield from _never_below(run, grid, bounds, cases, at)
    runs = run.sample(train_sizes, grid, n_trials=[8] * len(grid))
    best = [int(np.argmin(losses)) for losses in runs.loss]
    least = np.array([losses.min() for losses in runs.loss])
    yield agreement(
        "least-loss",
        least,
        bounds,
        estimator="exact",
        precision=1e-12,
        reason="rounding: projected gradient runs until nothing moves, best of eight starts",
        rivals=_wrong_values(cases),
        at=at,
    )
    grams, simplex = [], []
    for index, (sizes, _) in enumerate(cases):
        own, repeated = runs.class_gram[index][best[index]], np.array(sizes) > 1
        frame = np.eye(len(sizes))
        gaps = np.abs(own - frame)[np.ix_(repeated, repeated)].max()
        grams.append(max(gaps, runs.spread[index][best[index]] if repeated.all() else 0.0))
        simplex.append(np.abs(own - (frame * len(sizes) - 1) / (len(sizes) - 1)).max())
    yield structure(
        "orthonormal-frame",
        grams,
        precision=1e-8,
        reason="all inner products, of classes with two samples or more: the square root of rounding",
        rivals={"simplex frame": simplex},
        at=at,
    )
    yield from _single_sample(runs, cases)
    yield from _signed(run)


def _never_below(run: Any, grid: Any, bounds: np.ndarray, cases: Any, at: Any) -> Iterator[Any]:
    """Random features, and features on the way to the minimum."""
    stops = (1, 3, 10, 30, 100, 1000)
    seen = run.sample(losses_on_the_way, grid, stops=stops, n_trials=run.choose(quick=12, full=120), block=256).values
    broad = np.broadcast_to(bounds[:, np.newaxis], seen.shape)
    wrong = {name: np.broadcast_to(np.reshape(values, (-1, 1)), seen.shape)
             for name, values in _wrong_values(cases).items()}  # fmt: skip
    yield bound(
        "never-below",
        seen,
        broad,
        upper=False,
        rounding=1e-13,
        tightness=1e-12,
        reason="rounding; attained by runs of a thousand steps",
        rivals=wrong,
        at={name: values[:, np.newaxis] for name, values in at.items()} | dict(steps=np.array(stops)),
    )


def _wrong_values(cases: Any) -> dict[str, np.ndarray]:
    def value(angle: Any, same: float = 1.0, every: bool = False) -> np.ndarray:
        found = []
        for sizes, temperature in cases:
            n = np.array(sizes, dtype=float)
            n = n if every else n[n > 1]
            rest = (sum(sizes) - n) * np.exp(-angle(len(sizes)) / temperature)
            found.append(np.sum(n * np.log(n - same + rest)))
        return np.array(found)

    return {
        "simplex frame": value(lambda k: k / (k - 1)),
        "anchor among the negatives": value(lambda k: 1.0, same=0.0),
        "classes of one sample counted": value(lambda k: 1.0, every=True),
    }


def _single_sample(runs: Any, cases: Any) -> Iterator[Any]:
    """A class of one sample is orthogonal to the others; its norm is free."""
    index = [sizes for sizes, _ in cases].index((6, 4, 1))
    single = runs.class_gram[index][:, -1]
    yield structure(
        "single-sample",
        np.abs(single[:, :-1]),
        precision=1e-8,
        reason="products with the other classes, over all runs: the square root of rounding",
        rivals={"its norm is 1": np.abs(single[:, -1:] - 1).repeat(2, axis=1)},
    )


def _signed(run: Any) -> Iterator[Any]:
    """Features with signs and classes of equal sizes: the simplex frame."""
    grid = run.grid(quick=[dict(class_sizes=(6,) * 4, temperature=1.0)],
                    full=[dict(class_sizes=(6,) * 4, temperature=1.0), dict(class_sizes=(4,) * 3, temperature=0.5),
                          dict(class_sizes=(3,) * 6, temperature=1.0)])  # fmt: skip
    runs = run.sample(train_sizes, grid, nonnegative=False, n_features=8, n_trials=[2] * len(grid))
    cases = [(point["class_sizes"], point["temperature"]) for point in grid]
    theory, frames = ([scl_lower_bound(sizes, temperature=value, nonnegative=sign) for sizes, value in cases]
                      for sign in (False, True))  # fmt: skip
    yield agreement(
        "with-signs",
        np.array(runs.loss),
        np.array(theory)[:, np.newaxis],
        estimator="exact",
        precision=1e-12,
        reason="rounding: projected gradient runs until nothing moves",
        rivals={"orthonormal frame": np.array(frames)[:, np.newaxis]},
        at=dict(temperature=grid.column("temperature")[:, np.newaxis]),
    )


@claim(
    "neural_collapse.19",
    paper=SYMMETRIC_REPRESENTATIONS,
    label="Mini-batches, interaction graph, batch-binding (numbering unverified)",
    nature="exact",
    status="beyond",
    statement="As we understand the statement: over mini-batches only orthonormal frames are minimisers where every "
    "class is connected, and every pair of classes joined, in the graph of samples that share a batch. Counted over "
    "the "
    "pairs whose product the loss pins down, this holds whatever the batches; binding samples make it hold.",
    assumptions="Non-negative features, d >= K (for necessity d >= K + 1). The published criterion is for batches of "
    "two "
    "classes or more with two samples or more of each class in them.",
    formula=r"\mathcal{L}\geq\sum_B\sum_{c:\,n_{B,c}\geq 2} n_{B,c}\log\left(n_{B,c} - 1 + "
    r"(n_B - n_{B,c})\,e^{-1/T}\right)"
    "\n"
    r"i\sim j\ \mathrm{in\ a\ batch}\ B\ \mathrm{of\ two\ classes:}\quad y_i = y_j\ \mathrm{or}\ "
    r"\max(n_{B,y_i},\,n_{B,y_j})\geq 2",
    normalisations=SETTING,
    figure=figure("neural_collapse.contrastive-batches", drawings.draw_batches),
)
def mini_batches(run: Any) -> Iterator[Any]:
    names = list(DESIGNS) if run.scale != "quick" else [
        "chain of batches", "halves apart", "halves bound", "a pair never meets", "no contrast at all",
        "positive on one side", "meet without positives",
    ]  # fmt: skip
    grid = run.grid(quick=dict(design=names))
    runs = run.sample(train_design, grid, n_trials=[8] * len(grid))
    graphs = [batch_interaction(DESIGNS[name][0], [list(batch) for batch in DESIGNS[name][1]]) for name in names]
    forced = np.array([graph.unique_frame for graph in graphs])
    bounds = np.array([scl_batch_lower_bound(DESIGNS[name][0], [list(batch) for batch in DESIGNS[name][1]])
                       for name in names])  # fmt: skip
    scale = np.maximum(bounds, 1.0)
    whole = np.array([scl_lower_bound(np.bincount(DESIGNS[name][0])) for name in names])
    yield structure(
        "bound-reached",
        (np.array(runs.loss) - bounds[:, np.newaxis]) / scale[:, np.newaxis],
        precision=ON_THE_BOUND,
        reason="rounding of the sum over batches; every start ends on the bound at d = 3 K",
        rivals={"one batch of all samples": np.tile((whole - bounds) / scale, (8, 1)).T},
        at=dict(design=np.array(names)[:, np.newaxis]),
    )
    deviations = np.array(runs.from_frame)
    yield structure(
        "forced-frames",
        deviations[forced],
        precision=1e-8,
        reason="all inner products: the square root of rounding",
        rivals={"forced everywhere": deviations[~forced].max()},
        at=dict(design=np.array(names)[forced, np.newaxis]),
    )
    other = (deviations > 0.02).any(axis=1)
    yield agreement(
        "frames-are-forced",
        (~other).astype(float),
        forced.astype(float),
        unit="absolute",
        estimator="exact",
        precision=0.1,
        reason="1 where all of eight runs end in frames, 0 where one is off by more than 0.02",
        rivals={
            "any shared batch joins": np.array([_literal(name) for name in names], dtype=float),
            "classes connected": np.array([graph.within_connected.all() for graph in graphs], dtype=float),
            "pairs joined": np.array([graph.pair_connected.all() for graph in graphs], dtype=float),
        },
        at=dict(design=np.array(names)),
    )
    yield from _two_dimensions(run)
    yield from _shown(runs, names)


def _literal(name: str) -> bool:
    """Whether classes are connected and pairs joined where every two samples of a batch count as joined."""
    labels, batches, _ = DESIGNS[name]
    n_classes = max(labels) + 1
    groups = [{i} for i in range(len(labels))]
    pairs = np.eye(n_classes, dtype=bool)
    for batch in batches:
        for i in batch:
            for j in batch:
                pairs[labels[i], labels[j]] = True
                if labels[i] == labels[j] and groups[i] is not groups[j]:
                    groups[i] |= groups[j]
                    for member in groups[j]:
                        groups[member] = groups[i]
    connected = all(groups[i] is groups[labels.index(labels[i])] for i in range(len(labels)))
    return bool(connected and pairs.all())


def _two_dimensions(run: Any) -> Iterator[Any]:
    """Two classes in two dimensions: a class apart is held by the other, two classes apart are not."""
    if run.scale == "quick":
        return
    grid = run.grid(full=[dict(design="one class apart"), dict(design="halves apart")])
    runs = run.sample(train_design, grid, n_features=2, n_trials=[64, 64])
    off = []
    for point, losses, deviations in zip(grid, runs.loss, runs.from_frame, strict=True):
        labels, batches, _ = DESIGNS[point["design"]]
        value = scl_batch_lower_bound(labels, batches)
        off.append(deviations[losses <= value * (1 + ON_THE_BOUND)].max())
    yield structure(
        "as-many-dimensions-as-classes",
        off[0],
        precision=1e-8,
        reason="largest deviation from a frame over the runs that reach the bound, of 64",
        rivals={"both classes apart": off[1]},
    )


def _shown(runs: Any, names: list[str]) -> Iterator[Any]:
    """The Gram matrices of two designs in full, for the figure."""
    chain, apart = (names.index(name) for name in ("chain of batches", "halves apart"))
    labels = np.array(DESIGNS["chain of batches"][0])
    frame = np.equal.outer(labels, labels)
    yield structure(
        "gram-of-a-chain",
        runs.gram[chain][0] - frame,
        precision=1e-8,
        reason="inner products less those of a frame: the square root of rounding",
        rivals={"halves apart": runs.gram[apart][runs.from_frame[apart].argmax()] - frame},
        at=dict(row=np.arange(len(labels))[:, np.newaxis], column=np.arange(len(labels))),
    )
