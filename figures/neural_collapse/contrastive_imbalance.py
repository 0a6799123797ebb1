"""Supervised contrastive features with signs, for classes of two sizes: three cosines and their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, certificate, claim, curve, exponent, figure
from figures.neural_collapse import contrastive_drawings as drawings
from figures.neural_collapse._contrastive_runs import coincidence_ratio, train_sizes
from figures.neural_collapse.contrastive import SETTING
from figures.neural_collapse.papers import SYMMETRIC_REPRESENTATIONS
from theory.neural_collapse import StepGeometry, scl_step_geometry

SOLVER = 1e-5  # accuracy of a predicted cosine just below 1
COSINES = np.array(["majority", "minority", "across"])


@claim(
    "neural_collapse.20",
    paper=SYMMETRIC_REPRESENTATIONS,
    label="Supervised contrastive loss without ReLU under step imbalance",
    nature="exact",
    status="beyond",
    statement="Without the sign constraint, classes of two sizes take three cosines, the minimum of a convex function "
    "of "
    "two variables. As the imbalance grows the majority tends to its own simplex frame, and the minority cosine to a "
    "limit that depends on the number of majority classes and the temperature alone; for two majority classes all "
    "minority classes coincide beyond a finite ratio.",
    assumptions="Full batch, d >= K - 1, K_a classes of n_a samples and K_b of n_b, all at least 2.",
    formula=r"""\min_{x,y}\ \sum_a K_a n_a\log\left[n_a - 1 + (K_a - 1)n_a e^{(x-1)/T} + K_b n_b e^{(z-1)/T}\right]
        z = -\sqrt{(1 + (K_a - 1)x)(1 + (K_b - 1)y)/(K_a K_b)}
        \frac{n_a}{n_b}\rightarrow\infty:\quad x\rightarrow-\frac{1}{K_a - 1}
        y\rightarrow\min\left(1,\ T\log\frac{(q + K_a e^{-1/T})^2}{4K_a\,\epsilon\,q}\right)
        \epsilon = e^{-K_a/((K_a - 1)T)},\quad q = 1 + (K_a - 1)\epsilon""",
    normalisations=SETTING + " x, y, z: cosines of two majority, of two minority classes, and of one of either. The "
    "sum is over both kinds.",
    figure=figure("neural_collapse.contrastive", drawings.draw_contrastive),
)
def step_imbalance(run: Any) -> Iterator[Any]:
    settings = run.choose(quick=[((2, 2), 2, (1, 10), 1.0)],
                          full=[((2, 2), 2, (1, 2, 5, 10, 20), 1.0), ((2, 3), 3, (1, 2, 5, 10), 0.5),
                                ((3, 3), 2, (1, 2, 5, 10, 20), 1.0), ((3, 2), 2, (5, 10), 2.0)])  # fmt: skip
    cases = [(classes, (ratio * n_b, n_b), value) for classes, n_b, ratios, value in settings for ratio in ratios]
    grid = run.grid(quick=[dict(class_sizes=tuple(np.repeat(sizes, classes).tolist()), temperature=value,
                                n_features=sum(classes)) for classes, sizes, value in cases])  # fmt: skip
    runs = run.sample(train_sizes, grid, nonnegative=False, n_trials=[2] * len(grid))
    found = np.array([_cosines(grams, *classes) for grams, (classes, _, _) in zip(runs.class_gram, cases, strict=True)])
    theory = [_geometry(case) for case in cases]
    ratio = np.array([sizes[0] / sizes[1] for _, sizes, _ in cases])
    at = dict(ratio=ratio[:, np.newaxis], majority_classes=np.array([case[0][0] for case in cases])[:, np.newaxis],
              minority_classes=np.array([case[0][1] for case in cases])[:, np.newaxis],
              majority_size=np.array([case[1][0] for case in cases])[:, np.newaxis],
              minority_size=np.array([case[1][1] for case in cases])[:, np.newaxis],
              temperature=grid.column("temperature")[:, np.newaxis], cosine=COSINES)  # fmt: skip
    simplex = [np.full(3, -1 / (sum(classes) - 1)) for classes, _, _ in cases]
    yield agreement(
        "cosines",
        found,
        np.array([_row(one) for one in theory]),
        unit="absolute",
        estimator="exact",
        precision=1e-10,
        reason="projected gradient runs until nothing moves; all pairs of classes of a kind",
        rivals={
            "simplex frame": simplex,
            "orthonormal frame": np.zeros((len(cases), 3)),
            "sizes exchanged": [_row(_geometry((classes, sizes[::-1], value))) for classes, sizes, value in cases],
            "temperature squared": [_row(_geometry((classes, sizes, value**2 if value != 1 else 2.0)))
                                    for classes, sizes, value in cases],
        },
        at=at,
    )  # fmt: skip
    yield agreement(
        "least-loss",
        np.array([losses.min() for losses in runs.loss]),
        [one.loss for one in theory],
        estimator="exact",
        precision=1e-12,
        reason="rounding of a sum over all samples",
        rivals={
            "simplex frame": [_loss(*case, frame[0], frame[1]) for case, frame in zip(cases, simplex, strict=True)]
        },
        at={name: values[:, 0] for name, values in at.items() if name != "cosine"},
    )
    yield from _stationary(run)
    yield from _limit(run)
    yield from _coincidence(run)
    ratios = np.geomspace(1, 400, 40)
    for classes, n_b in (((2, 2), 100), ((3, 3), 100)):
        line = [_row(_geometry((classes, (round(value * n_b), n_b), 1.0))) for value in ratios]
        yield curve("theory", line, at=dict(ratio=ratios[:, np.newaxis], majority_classes=classes[0], cosine=COSINES))


def _geometry(case: Any) -> StepGeometry:
    classes, sizes, temperature = case
    return scl_step_geometry(*classes, *sizes, temperature=temperature)


def _row(one: StepGeometry) -> tuple[float, float, float]:
    return one.majority_cosine, one.minority_cosine, one.cross_cosine


def _cosines(grams: np.ndarray, n_majority: int, n_minority: int) -> np.ndarray:
    """Return the cosine of each kind, (3,), that is farthest from the mean of its kind, over pairs and runs."""
    kind = np.repeat([0, 1], [n_majority, n_minority])
    lengths = np.sqrt(np.einsum("tkk->tk", grams))
    cosines, found = grams / lengths[:, :, np.newaxis] / lengths[:, np.newaxis], []
    for first, second in ((0, 0), (1, 1), (0, 1)):
        pairs = np.outer(kind == first, kind == second) & ~np.eye(len(kind), dtype=bool)
        values = cosines[:, pairs].ravel()
        found.append(values[np.abs(values - values.mean()).argmax()])
    return np.array(found)


def _loss(classes: Any, sizes: Any, temperature: float, x: Any, y: Any) -> Any:
    """Return the loss of collapsed features of these cosines, on the edge of the positive Gram matrices."""
    (k_a, k_b), (n_a, n_b) = classes, sizes
    z = -np.sqrt((1 + (k_a - 1) * x) * (1 + (k_b - 1) * y) / (k_a * k_b))
    a, b, across = (np.exp((value - 1) / temperature) for value in (x, y, z))
    first = k_a * n_a * np.log(n_a - 1 + (k_a - 1) * n_a * a + k_b * n_b * across)
    return first + k_b * n_b * np.log(n_b - 1 + (k_b - 1) * n_b * b + k_a * n_a * across)


def _stationary(run: Any) -> Iterator[Any]:
    """The derivatives of the loss in both cosines vanish, by complex steps."""
    rng = np.random.default_rng(20)
    gaps, wrong = [], []
    for _ in range(run.choose(quick=20, full=60)):
        classes = tuple(int(k) for k in rng.integers(3, 8, size=2))
        n_b = int(rng.integers(2, 30))
        case = (classes, (int(n_b * 10 ** rng.uniform(0, 1.5)), n_b), float(10 ** rng.uniform(-0.3, 0.3)))
        one = _geometry(case)
        other = -1 / (sum(classes) - 1) + 0.01
        for kept, (x, y) in ((gaps, (one.majority_cosine, one.minority_cosine)), (wrong, (other, other))):
            steps = ((x + 1e-30j, y), (x, y + 1e-30j))
            slopes = np.array([_loss(*case, *step).imag / 1e-30 for step in steps])
            kept.append(np.abs(slopes / one.loss * [1 + (classes[0] - 1) * x, 1 + (classes[1] - 1) * y]).max())
    yield certificate(
        "stationary",
        gaps,
        precision=1e-13,
        reason="relative slopes, at interior minima of a convex function: rounding",
        rivals={"near the simplex frame": wrong},
    )


def _limit(run: Any) -> Iterator[Any]:
    """Minority cosines at large ratios against the closed form of their limit."""
    ratios = 1000 * np.array([1, 2, 4, 8])
    cases = run.choose(quick=[((3, 2), 4, 1.0), ((5, 5), 10, 1.0)],
                       full=[((3, 2), 4, 1.0), ((5, 5), 10, 1.0), ((3, 5), 2, 0.5), ((4, 2), 6, 2.0),
                             ((8, 3), 3, 1.0)])  # fmt: skip
    found = np.array([[_geometry((classes, (int(ratio) * n_b, n_b), value)).minority_cosine
                       for classes, n_b, value in cases] for ratio in ratios])  # fmt: skip
    limit = np.array([_limit_cosine(classes[0], value) for classes, _, value in cases])
    extrapolated = found[-2:].T @ [-1.0, 2.0]
    yield agreement(
        "limit-of-the-minority",
        extrapolated,
        limit,
        estimator="exact",
        precision=1e-5,
        reason="extrapolated from ratios of 4000 and 8000; what is left is of second order in 1/ratio",
        rivals={
            "minority classes counted": [_limit_cosine(classes[1] + 1, value) for classes, _, value in cases],
            "without the 4": [_limit_cosine(classes[0], value) + value * math.log(4) for classes, _, value in cases],
            "at a ratio of 1000": found[0],
        },
        at=dict(majority_classes=[classes[0] for classes, _, _ in cases], temperature=[value for *_, value in cases]),
    )
    yield exponent(
        "approach",
        ratios,
        np.abs(found - limit),
        -1.0,
        estimator="exact",
        precision=0.02,
        reason="the next order is smaller by 1/ratio, from 1000 on",
        rivals={"-1/2": -0.5, "-2": -2.0},
    )
    majority = [[1 + (classes[0] - 1) * _geometry((classes, (int(ratio) * n_b, n_b), value)).majority_cosine
                 for classes, n_b, value in cases] for ratio in ratios]  # fmt: skip
    yield exponent(
        "majority-to-its-simplex",
        ratios,
        majority,
        -2.0,
        estimator="exact",
        precision=0.02,
        reason="1 + (K_a - 1) x is the square of a variable that falls as 1/ratio",
        rivals={"-1": -1.0},
    )


def _limit_cosine(n_majority: float, temperature: float) -> float:
    e = math.exp(-n_majority / ((n_majority - 1) * temperature))
    q = 1 + (n_majority - 1) * e
    return temperature * math.log((q + n_majority * math.exp(-1 / temperature)) ** 2 / (4 * n_majority * e * q))


def _coincidence(run: Any) -> Iterator[Any]:
    """Two majority classes: the ratio from which the minority cosine is 1."""
    n_b = 1000
    grid = run.grid(quick=[dict(classes=(2, 2), temperature=1.0), dict(classes=(2, 3), temperature=1.0)],
                    full=[dict(classes=(2, k_b), temperature=value) for value in (0.5, 1.0, 2.0)
                          for k_b in (2, 3, 5)])  # fmt: skip
    found = run.compute(coincidence_ratio, grid, minority_size=n_b).values
    predicted = [_first_coincidence(point["classes"], n_b, point["temperature"]) for point in grid]
    k_b = np.array([point["classes"][1] for point in grid])
    yield agreement(
        "coincidence",
        found,
        predicted,
        estimator="exact",
        allowance=1 / (n_b * found)
        + SOLVER / np.array([_depth(point, n_b, ratio) for point, ratio in zip(grid, predicted, strict=True)]),
        precision=1e-5,
        reason="sizes are whole numbers, so the predicted ratio is too high by up to 1/1000; cosines closer to 1 than "
        "1e-5 are predicted as 1",
        rivals={
            "the same for any number of minority classes": np.array(predicted) * 2.001 / k_b,
            "half as many": np.array(predicted) / 2,
        },
        at=dict(minority_classes=k_b, temperature=grid.column("temperature")),
    )


def _depth(point: Any, n_b: int, ratio: float) -> float:
    """Return how fast the minority cosine falls from 1 as the ratio does, in relative units, over the last per cent."""
    before = _geometry((point["classes"], (round(0.99 * ratio * n_b), n_b), point["temperature"]))
    return (1 - before.minority_cosine) / 0.01


def _first_coincidence(classes: tuple[int, int], n_b: int, temperature: float) -> float:
    """Return the least ratio of whole sizes at which the minority cosine is 1."""
    low, high = n_b, 4096 * n_b
    while high - low > 1:
        middle = (low + high) // 2
        coincide = _geometry((classes, (middle, n_b), temperature)).minority_cosine == 1.0
        low, high = (low, middle) if coincide else (middle, high)
    return high / n_b
