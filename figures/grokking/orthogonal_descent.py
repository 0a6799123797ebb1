"""The gradient orthogonal to the weights: what it keeps, where it rests, and how it and descent find a direction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, separation, structure
from figures.grokking._playground import best_angle, contraction, follow, follow_stretched, limit_of_descent
from figures.grokking._projections import least_shares, turned_gradients
from figures.grokking._relu_networks import draw_networks
from figures.grokking.naive_minimisation import orthogonal_figure
from figures.grokking.papers import NUMERICAL_STABILITY
from theory.grokking import orthogonal_gradient

START, SLOPES = (0.3, -1.0), (0.8, 0.3)  # of the path that is drawn


@claim(
    "grokking.12",
    paper=NUMERICAL_STABILITY,
    label="orthogonal gradient (numbering unverified); the rates of the example are results of this project",
    nature="exact",
    status="holds",
    evidence="numerical",
    statement="The gradient less its part along the weights is a direction of descent that keeps the norm of the "
    "weights to first order in the step and lets it grow by exactly h^2 |g_perp|^2; it vanishes where gradient and "
    "weights are parallel, and only there. On two separable samples it reaches the best direction on its circle "
    "geometrically; the direction of gradient descent moves like 1/ln t.",
    assumptions="Plain steps, with nothing between the projection and the step. As we understand it the paper's "
    "formula leaves g_perp at its own length, and its public code stretches it to that of g: the norm then grows by "
    "h^2 |g|^2, and where gradient and weights are parallel there is no direction.",
    formula=r"g_\perp = g - \frac{\theta\cdot g}{\theta\cdot\theta}\,\theta,\qquad \theta\cdot g_\perp = 0,\qquad "
    r"g\cdot g_\perp = |g_\perp|^2 \geq 0"
    "\n"
    r"|\theta - h\,g_\perp|^2 = |\theta|^2 + h^2|g_\perp|^2"
    "\n"
    r"x_1 = (1, q_1),\; x_2 = (1, -q_2):\quad \theta_2(t) \to \frac{\ln(q_1/q_2)}{q_1 + q_2}\;\;"
    r"\mathrm{as}\;\; t^{-q_1q_2}\;\;(\mathrm{descent}),\qquad "
    r"\phi_{t+1} - \phi^* = (1 - h\frac{L''(\phi^*)}{r^2})(\phi_t - \phi^*)\;\;(\perp)",
    normalisations="h: step. Example: logistic loss summed over the two samples, L at norm r against the angle phi.",
    figure=orthogonal_figure,
)
def orthogonal_descent(run: Any) -> Iterator[Any]:
    yield _identities(run)
    yield _descent(run)
    yield _fixed_points(run)
    yield _best_direction(run)
    yield _contraction(run)
    yield _stretched_turns(run)
    yield from _plain_descent(run)
    yield from _paths(run)


def _identities(run: Any) -> Any:
    """Per layer and for all weights at once, for the gradients of ReLU networks."""
    pairs = [pair for network in draw_networks(run)[::3]
             for pair in (*zip(network.weights, network.gradients, strict=True), network.flat())]  # fmt: skip

    def deviations(project: Any, *, grown: bool = True) -> np.ndarray:
        """Return what is left of orthogonality, norm after a step, descent, and the part taken away, by their sizes."""
        rows = []
        for step, (w, g) in zip(np.resize([0.01, 0.1, 1.0, 30.0], len(pairs)), pairs, strict=True):
            kept = project(g, w)
            moved, before, added = np.sum((w - step * kept) ** 2), np.sum(w**2), step**2 * np.sum(kept**2)
            product = np.sqrt(np.sum(w**2) * np.sum(g**2))
            sizes = product, before + added, np.sum(g**2), product
            taken = np.linalg.norm(g - kept) * np.linalg.norm(w) - abs(np.vdot(w, g))
            rests = np.vdot(w, kept), moved - before - grown * added, np.vdot(g, kept) - np.sum(kept**2), taken
            rows.append([rest / (size + 1e-300) for rest, size in zip(rests, sizes, strict=True)])
        return np.array(rows)

    return structure(
        "identities",
        deviations(orthogonal_gradient),
        precision=1e-13,
        reason="rounding, relative",
        rivals={
            "not divided by the squared norm": deviations(lambda g, w: g - np.vdot(w, g) * w),
            "divided by the norm": deviations(lambda g, w: g - np.vdot(w, g) / np.linalg.norm(w) * w),
            "norm kept exactly": deviations(orthogonal_gradient, grown=False),
            "stretched to the length of g": deviations(_stretched),
            "neuron by neuron": deviations(_by_neuron),
        },
        at=dict(identity=["w . g_perp", "norm after a step", "g . g_perp", "|g - g_perp|"]),
    )


def _stretched(gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the gradient as the public code has it, or as it is where it is parallel to the weights or zero."""
    try:
        return orthogonal_gradient(gradient, weights, rescale=True)
    except ValueError:
        return orthogonal_gradient(gradient, weights)


def _by_neuron(gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the gradient with every row of a layer made orthogonal to its own weights."""
    share = np.sum(gradient * weights, axis=-1, keepdims=True) / np.sum(weights**2, axis=-1, keepdims=True)
    return gradient - share * weights


def _descent(run: Any) -> Any:
    """The share of the squared gradient along which a step descends, down to gradients parallel to the weights."""
    grid = run.grid(quick=dict(n_weights=[2, 3, 10, 100]))
    drawn = run.compute(least_shares, grid, n_blocks=run.choose(quick=5, full=500), seed=run.seed)
    return bound(
        "descent",
        drawn.values,
        0.0,
        upper=False,
        unit="absolute",
        rounding=1e-15,
        tightness=1e-12,
        reason="g . g_perp over |g|^2, the least of 50 draws: rounding; 0 where gradient and weights are parallel",
        rivals={"at least a millionth of the gradient": 1e-6},
        at=dict(n_weights=grid.column("n_weights")[:, np.newaxis]),
    )


def _fixed_points(run: Any) -> Any:
    """What is left of a gradient at an angle to the weights, over its length: the sine of the angle."""
    angles = np.array([0.0, 1e-12, 1e-8, 1e-4, 1e-2, 0.3, np.pi / 2, 3.0, np.pi])
    weights, gradients = turned_gradients(angles, n_weights=20, seed=run.seed)
    lengths = np.linalg.norm(gradients, axis=1)

    def deviations(project: Any) -> np.ndarray:
        kept = np.array([np.linalg.norm(project(gradient, weights)) for gradient in gradients])
        return kept / lengths - np.abs(np.sin(angles))

    return structure(
        "fixed-points",
        deviations(orthogonal_gradient),
        precision=1e-14,
        reason="rounding",
        rivals={
            "stretched to the length of g": deviations(_stretched),
            "not divided by the squared norm": deviations(lambda g, w: g - np.vdot(w, g) * w),
        },
        at=dict(angle=angles),
    )


def _examples(run: Any) -> list[dict[str, Any]]:
    return run.choose(
        quick=[dict(slopes=SLOPES, start=START), dict(slopes=(1.2, 0.4), start=(0.5, 0.5))],
        full=[dict(slopes=slopes, start=start) for slopes in (SLOPES, (1.2, 0.4), (0.6, 0.5), (0.3, 1.5))
              for start in (START, (0.5, 0.5), (-1.0, 0.4))],
    )  # fmt: skip


def _best_direction(run: Any) -> Any:
    """The end of orthogonal descent against the minimum of the loss at its norm, and against two directions."""
    grid = run.grid(quick=_examples(run))
    ends = run.compute(follow, grid, learning_rate=0.1, orthogonal=True, steps=(4000,)).values[:, 0]
    limits = [limit_of_descent(slopes)[0] for slopes in grid.column("slopes")]
    return agreement(
        "best-direction",
        np.arctan2(ends[:, 1], ends[:, 0]),
        [best_angle(point["slopes"], norm) for point, norm in zip(grid, np.hypot(*ends.T), strict=True)],
        estimator="exact",
        unit="absolute",
        precision=1e-8,
        reason="4000 steps shrink the distance by at least 1e-9",
        rivals={"maximal margin": np.zeros(len(grid)), "limit of descent": np.arctan2(limits, np.hypot(*ends.T))},
        at=_named(grid),
    )


def _contraction(run: Any) -> Any:
    """The ratio of successive distances from the best direction, over ten steps below a distance of 1e-5."""
    grid = run.grid(quick=_examples(run))
    steps = tuple(range(0, 4001))
    paths = run.compute(follow, grid, learning_rate=0.1, orthogonal=True, steps=steps).values
    found, norms = [], np.hypot(*paths[:, -1].T)
    for point, path, norm in zip(grid, paths, norms, strict=True):
        distance = np.abs(np.arctan2(path[:, 1], path[:, 0]) - best_angle(point["slopes"], norm))
        first = int(np.argmax(distance < 1e-5))
        found.append((distance[first + 10] / distance[first]) ** 0.1)
    predicted = np.array([contraction(point["slopes"], norm, 0.1) for point, norm in zip(grid, norms, strict=True)])
    return agreement(
        "geometric-rate",
        found,
        predicted,
        estimator="exact",
        unit="absolute",
        allowance=1e-5,
        precision=1e-6,
        reason="the next order in a distance of 1e-5; the norm at the end in place of that on the way",
        rivals={"not over the squared norm": 1 - (1 - predicted) * norms**2, "step halved": (1 + predicted) / 2},
        at=_named(grid),
    )


def _stretched_turns(run: Any) -> Any:
    """By how much the direction turns at a step, late, where the step has the length of the gradient."""
    grid = run.grid(quick=[dict(slopes=SLOPES, start=START)])
    path = run.compute(follow_stretched, grid, learning_rate=0.1, steps=tuple(range(1900, 2001))).values[0]
    angles = np.arctan2(path[:, 1], path[:, 0])
    lengths = np.hypot(*np.diff(path, axis=0).T) / np.hypot(*path[:-1].T)
    return separation(
        "stretched-never-rests",
        np.abs(np.diff(angles)),
        0.0,
        gap=1e-3,
        unit="absolute",
        estimator="exact",
        reason="where it would rest the direction would turn by less than rounding",
        rivals={"step over norm": np.arctan(lengths)},
        at=dict(step=np.arange(1900, 2000)),
    )


def _plain_descent(run: Any) -> Iterator[Any]:
    """The weights of plain descent, late: how fast the second one settles, where, and how the first one grows."""
    grid = run.grid(quick=[dict(slopes=slopes, start=START) for slopes in (SLOPES, (1.2, 0.4), (0.6, 0.5))])
    last = run.choose(quick=4 * 10**5, full=4 * 10**6)
    times = np.array([last // 100, last // 10, last])  # steps of 1
    paths = run.compute(follow, grid, learning_rate=1.0, orthogonal=False, steps=tuple(times)).values
    first, second = grid.column("slopes").T
    limit, rate = np.transpose([limit_of_descent(point["slopes"]) for point in grid])
    distance = limit - paths[:, :, 1].T
    early, middle, late = paths[:, :, 1].T
    yield exponent(
        "settling",
        times[1:],
        distance[1:],
        -first * second,
        estimator="exact",
        allowance=first * second * np.abs(first - second) * distance[1],
        precision=2e-4,
        reason="the next order is half the difference of the slopes times the distance, relative",
        rivals={"like 1/t": -1.0, "slower than any power": 0.0, "product halved": -first * second / 2},
        at=_named(grid),
    )
    yield agreement(
        "limit-of-descent",
        late - (late - middle) ** 2 / (late - 2 * middle + early),
        limit,
        estimator="exact",
        unit="absolute",
        allowance=np.abs(first - second) * distance[0] ** 2,
        precision=1e-4,
        reason="a power law is extrapolated from three times; the next order is quadratic in the distance",
        rivals={"maximal margin": 0.0, "ln(q_1/q_2)": np.log(first / second), "as it is at the end": late},
        at=_named(grid),
    )
    slow = 2 * first * second < 0.7
    yield agreement(
        "growth-of-descent",
        paths[slow, 2, 0],
        np.log(rate * last)[slow],
        estimator="exact",
        unit="absolute",
        allowance=(first * second / (1 - 2 * first * second) * distance[2] ** 2)[slow],
        precision=1e-4,
        reason="quadratic in the distance of the second weight, with twice its coefficient",
        rivals={"ln t": np.log(last), "one sample": np.log(rate * last / 2)[slow]},
        at={name: np.asarray(values)[slow] for name, values in _named(grid).items()},
    )


def _paths(run: Any) -> Iterator[Any]:
    """The angles of three kinds of descent, for the figure, and the lines that they come to follow."""
    steps = np.unique(np.geomspace(1, 10**6, 90).round().astype(int))
    grid = run.grid(quick=[dict(slopes=SLOPES, start=START)])
    few = steps[steps <= 10**4]
    plain = run.compute(follow, grid, learning_rate=0.1, orthogonal=False, steps=tuple(steps)).values[0]
    kept = run.compute(follow, grid, learning_rate=0.1, orthogonal=True, steps=tuple(steps)).values[0]
    stretched = run.compute(follow_stretched, grid, learning_rate=0.1, steps=tuple(few)).values[0]
    limit, rate = limit_of_descent(SLOPES)
    for name, step, path in (("descent", steps, plain), ("orthogonal", steps, kept), ("stretched", few, stretched)):
        norm = np.hypot(*path.T)
        best = [best_angle(SLOPES, one) for one in norm]
        yield curve("paths", best, at=dict(kind=name, step=step, angle=np.arctan2(path[:, 1], path[:, 0]), norm=norm))
    late = steps[steps > 300]
    yield curve("asymptote", np.arctan2(limit, np.log(0.1 * rate * late)), at=dict(step=late))


def _named(grid: Any) -> dict[str, Any]:
    first, second = grid.column("slopes").T
    return dict(first_slope=first, second_slope=second, start=[str(point["start"]) for point in grid])
