"""The tangent kernel of a quadratic network, and how it is aligned with the target."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.grokking import alignment_drawings
from figures.grokking._networks import SETTING, random_network, statistics
from figures.grokking._states import NetworkState, averaged_kernel_moments, network_states
from figures.grokking.papers import LAZY_TO_RICH
from simulations.grokking import simulate_kernel_moments, train_network
from theory.grokking import population_kernel_alignment, tangent_kernel

alignment_figure = figure("grokking.alignment", alignment_drawings.draw_alignment)

STRENGTHS = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])
SAMPLED = 2.0  # the strength at which pairs are drawn: the quartic part of the kernel is large there
BLOCK = 4  # trials to an estimate of the alignment
SCALES = 2.0 ** np.arange(7, 13)
STEP = dict(quadratic_strength=0.7, learning_rate=0.2)
Formula = Callable[[NetworkState, float], float]


def _predicted(state: NetworkState, strength: float) -> float:
    return population_kernel_alignment(**statistics(state.weights), direction=state.direction,
                                       quadratic_strength=strength, target_offset=state.target_offset)  # fmt: skip


def _infinitely_wide(state: NetworkState, strength: float) -> float:
    d = len(state.direction)
    return population_kernel_alignment(np.zeros(d), np.eye(d), state.direction, quadratic_strength=strength,
                                       target_offset=state.target_offset)  # fmt: skip


def _with_fewer_pairings(state: NetworkState, strength: float, *, pairings: int, traces: int) -> float:
    """Return the alignment with other coefficients of tr M^2 and (tr M)^2 in the mean square of the kernel."""
    known, d = statistics(state.weights), len(state.direction)
    mean, moment = known["mean_weight"], known["second_moment"]
    first = 1 / d + 2 * strength**2 * (mean @ mean) * (d + 2) / d**3
    squares = [first + strength**4 * ((d + p) * np.vdot(moment, moment) + t * np.trace(moment) ** 2) / d**4
               for p, t in ((6, 2), (pairings, traces))]  # fmt: skip
    return _predicted(state, strength) * float(np.sqrt(squares[0] / squares[1]))


WRONG: dict[str, Formula] = {
    "d + 2 for d + 6": functools.partial(_with_fewer_pairings, pairings=2, traces=2),
    "no square of the trace": functools.partial(_with_fewer_pairings, pairings=6, traces=0),
    "infinite width": _infinitely_wide,
}


@claim(
    "grokking.3",
    paper=LAZY_TO_RICH,
    label="tangent kernel and its alignment with the target (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="The tangent kernel depends on the mean and the second moment of the weights alone. Over the population "
    "of inputs its alignment with the target has a closed form at every width, of the order of the squared quadratic "
    "strength where that is small.",
    assumptions="Standard normal inputs, any weights, any length of the target. The kernel is the paper's, the closed "
    "form of the alignment is ours.",
    formula=r"K(x,x') = x\cdot x'\,[1 + \varepsilon\,\bar w\cdot(x+x') + \varepsilon^2x^\top Mx'],\qquad "
    r"A = \frac{\langle yKy'\rangle}{\sqrt{\langle K^2\rangle}\,\langle y^2\rangle}"
    "\n"
    r"\langle yKy'\rangle = \varepsilon^2\,\mathrm{tr}(TMT),\quad T = \frac{1}{d}\left[\frac{s-c_0}{2}I + "
    r"\frac{\beta\beta^\top}{d}\right],\quad s = \frac{|\beta|^2}{d}"
    "\n"
    r"\langle K^2\rangle = \frac{1}{d} + \frac{2\varepsilon^2|\bar w|^2(d+2)}{d^3} + "
    r"\frac{\varepsilon^4}{d^4}\,[(d+6)\,\mathrm{tr}\,M^2 + 2(\mathrm{tr}\,M)^2]",
    normalisations=SETTING + " A step changes f by -(2 eta d/n) sum_nu K(., x_nu) Delta_nu + O(1/alpha).",
    figure=alignment_figure,
)
def alignment(run: Any) -> Iterator[Any]:
    yield from _kernel()
    states = network_states()
    names = np.array([state.name for state in states])
    exact = np.array([[averaged_kernel_moments(state, strength) for strength in STRENGTHS] for state in states])
    at = dict(state=names[:, np.newaxis], quadratic_strength=STRENGTHS)
    yield agreement(
        "cubature",
        _ratio(exact),
        _over(states, STRENGTHS, _predicted),
        estimator="exact",
        precision=1e-11,
        reason="exact for polynomials up to degree five: rounding",
        rivals={name: _over(states, STRENGTHS, wrong) for name, wrong in WRONG.items()},
        at=at,
    )
    small = np.array([0.0005, 0.001, 0.002])
    yield exponent(
        "small-strength",
        small,
        _ratio(np.array([[averaged_kernel_moments(state, strength) for state in states] for strength in small])),
        2.0,
        estimator="exact",
        precision=1e-3,
        reason="next order: relative epsilon^2 |w|^2",
        rivals={"linear in the strength": 1.0, "no dependence": 0.0},
        at=dict(state=names),
    )
    shown = run.choose(quick=[1], full=[1, 3])
    grid = run.grid(quick=[_arguments(states[index]) for index in shown])
    pairs = run.sample(simulate_kernel_moments, grid, n_pairs=run.choose(quick=8000, full=32000), block=256,
                       n_trials=run.choose(quick=256, full=512), quadratic_strength=SAMPLED)  # fmt: skip
    moments = np.stack([pairs.label_kernel, pairs.kernel_square, pairs.label_square], axis=-1)
    drawn, sampled = [states[index] for index in shown], np.array([SAMPLED])
    yield agreement(
        "pairs",
        _ratio(moments.reshape(-1, BLOCK, *moments.shape[1:]).mean(axis=1)),
        _over(drawn, sampled, _predicted)[:, 0],
        estimator="median",
        allowance=run.choose(quick=0.01, full=0.003),
        precision=run.choose(quick=0.065, full=0.025),
        reason="averages of heavy tails: the median over blocks of pairs lies below their mean by 230 over their size",
        rivals={name: _over(drawn, sampled, wrong)[:, 0] for name, wrong in WRONG.items()},
        at=dict(state=names[shown], quadratic_strength=SAMPLED),
    )
    fine = np.geomspace(0.015, 3, 60)
    yield curve("line", _over(states, fine, _predicted), at=dict(state=names[:, np.newaxis], quadratic_strength=fine),
                rivals={name: _over(states, fine, wrong) for name, wrong in WRONG.items()})  # fmt: skip


def _kernel() -> Iterator[Any]:
    """The kernel as the Gram matrix of derivatives, neuron by neuron, and as what a step of descent does."""
    data, weights = random_network(n_samples=40, n_features=10, width=8, target_offset=0.0, seed=5)
    X, epsilon = data.features, STEP["quadratic_strength"]
    now = statistics(weights)
    kernel, centred, isotropic = (
        tangent_kernel(X, X, mean, moment, quadratic_strength=epsilon)
        for mean, moment in (
            (now["mean_weight"], now["second_moment"]),
            (np.zeros(10), now["second_moment"]),
            (now["mean_weight"], np.eye(10)),
        )
    )
    # The derivative of f in the weight of neuron i is (alpha / N) (1 + epsilon w_i . x) x.
    jacobian = (1 + epsilon * X @ weights.T)[:, :, np.newaxis] * X[:, np.newaxis] / np.sqrt(len(weights))
    gram = np.einsum("mid,nid->mn", jacobian, jacobian)
    wrong = {"no mean weight": centred, "second moment of infinite width": isotropic}
    yield structure("kernel", [_distance(gram, kernel)], precision=1e-13, reason="exact: rounding",
                    rivals={name: [_distance(gram, other)] for name, other in wrong.items()})  # fmt: skip
    losses = np.array([
        train_network(**vars(data), weights=weights, output_scale=scale, n_steps=1, **STEP).train_loss[-1]
        for scale in SCALES
    ])  # fmt: skip
    predicted = _loss_after_a_step(kernel, data.labels, n_features=10)
    remainders = np.abs(losses - predicted)
    yield exponent(
        "one-step-remainder",
        SCALES,
        remainders,
        -1.0,
        estimator="exact",
        precision=0.01,
        reason="next order of the remainder: 1/alpha, at most 1/128",
        rivals={"-1/2": -0.5, "-2": -2.0},
    )
    rivals = {name: _loss_after_a_step(other, data.labels, n_features=10) for name, other in wrong.items()}
    yield agreement(
        "one-step",
        [2 * losses[-1] - losses[-2]],
        [predicted],
        estimator="exact",
        precision=1e-6,
        reason="extrapolated to infinite output scale: remainder of order 1/alpha^2, alpha = 4096",
        rivals={name: [value] for name, value in rivals.items()},
    )
    at = dict(output_scale=SCALES, trained=remainders)
    yield curve("remainder-line", remainders[-1] * SCALES[-1] / SCALES, at=at)


def _loss_after_a_step(kernel: np.ndarray, labels: np.ndarray, n_features: int) -> float:
    step = 2 * STEP["learning_rate"] * n_features / len(labels)
    return float(np.mean((labels - step * kernel @ labels) ** 2))


def _distance(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.linalg.norm(left - right) / np.linalg.norm(left))


def _ratio(moments: np.ndarray) -> np.ndarray:
    """Return the alignment from <y K y'>, <K^2> and <y^2> on the last axis."""
    return moments[..., 0] / (np.sqrt(moments[..., 1]) * moments[..., 2])


def _over(states: list[NetworkState], strengths: np.ndarray, formula: Formula) -> np.ndarray:
    return np.array([[formula(state, strength) for strength in strengths] for state in states])


def _arguments(state: NetworkState) -> dict[str, Any]:
    return dict(weights=state.weights, direction=state.direction, target_offset=state.target_offset)
