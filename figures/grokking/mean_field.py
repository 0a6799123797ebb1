"""Training in high dimension: the dynamical mean-field theory against networks trained on random data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.grokking import mean_field_drawings
from figures.grokking._data_sets import train_data_sets, without_controls
from figures.grokking._mean_field import (
    GROKKING,
    PARTS,
    RICH,
    WRONG,
    at_steps,
    errors_at_steps,
    observed,
    wrong_losses,
    wrong_mean_field,
)
from figures.grokking._mean_field_limits import in_the_limit, lazy_corner
from figures.grokking._networks import SETTING
from figures.grokking.papers import LAZY_TO_RICH
from theory.grokking import solve_dmft

mean_field_figure = figure("grokking.mean-field", mean_field_drawings.draw_mean_field)

RECORDED = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40)
STEPS = (5, 10, 20, 40)
# By part, train and test: what the logarithm of a loss scatters by from one data set to the next, times the root of d,
# after the controls, and the correction of finite networks, times d.
SCATTER = np.array([[0.6, 0.65, 0.75, 0.85], [0.15, 0.3, 0.45, 0.6]])
CORRECTION = np.array([[0.6, 1.5, 3.0, 4.5], [1.2, 1.5, 1.7, 2.0]])
REASON = (
    "correction of order 1/d, the larger the smaller the loss: measured at most nine tenths of this; precision: ten "
    "standard errors of the least precise size"
)
GROKKING_STEPS = (5, 20, 40, 80)
GROKKING_CORRECTION = np.array([[3.0, 8.5, 15.0, 25.0], [0.4, 0.8, 1.5, 4.5]])
ELSEWHERE = (5, 20, 40)
# Other corners of the model: a planted lazy start, an unplanted rich one, an output that is not centred.
REGIMES: list[dict[str, Any]] = [
    RICH | dict(output_scale=800.0, center_output=True),
    RICH | dict(sample_ratio=2.0, output_scale=2.0, initial_alignment=0.0, center_output=True),
    RICH | dict(target_offset=0.0, center_output=False),
]
REGIME_NAMES = np.array(["planted, lazy", "unplanted", "not centred"])
REGIME_CORRECTION = np.array([
    [[1.8, 6.5, 23.0], [0.9, 2.1, 3.2]], [[7.0, 2.5, 13.0], [0.3, 1.2, 1.2]], [[1.8, 2.3, 3.2], [1.8, 1.4, 0.8]],
])  # fmt: skip


@claim(
    "grokking.6",
    paper=LAZY_TO_RICH,
    label="high-dimensional limit of the polynomial regression (announced; numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="At infinite width, with samples and dimension growing in proportion, full-batch gradient descent "
    "follows a dynamical mean-field theory of three channels, with two-time correlations and responses, at any step "
    "size. Train and test loss of finite networks differ from it by order 1/d.",
    assumptions="Two layers, quadratic activation, fixed readouts; mean weight 0 and second moment I off the target, d "
    "tau^2 along it; full-batch descent in discrete time. A derivation by the cavity method, not a proof.",
    formula=r"m(t) = \zeta_m(t) - \frac{k}{\delta}\sum_{s<t} R_m(t,s)\,\Delta(s)[1+\varepsilon m(s)],\qquad "
    r"k = 2\eta/\alpha"
    "\n"
    r"p(t) = a_e(t)u + \zeta_p(t) - \frac{k\varepsilon}{\delta}\sum_{s<t} R_p(t,s)\,\Delta(s)p(s),\qquad "
    r"Q = \mathcal{L}q\mathcal{L}^\top"
    "\n"
    r"\Delta = \alpha m + \frac{\alpha\varepsilon}{2}[Q(t,t)+m^2+\tau^2p^2] - f_0 - \frac{1}{2}(u^2-c_0),\qquad "
    r"L_{\mathrm{train}} = E\,\Delta^2"
    "\n"
    r"R(t+1,s) = R(t,s) - k\sum_r\Gamma(t,r)R(r,s),\qquad C = \frac{k^2}{\delta}RSR^\top",
    normalisations=SETTING,
    figure=mean_field_figure,
)
def dynamical_mean_field(run: Any) -> Iterator[Any]:
    paths = run.choose(quick=dict(n_paths=1000, n_replicas=4), full=dict(n_paths=4000, n_replicas=8))
    sizes = run.choose(
        quick={64: 384},
        full={16: 4096, 32: 4096, 64: 2048, 128: 384},
        large={25: 8192, 50: 8192, 100: 4096, 200: 1024, 400: 256},
    )
    theory = run.compute(solve_dmft, run.grid(quick=[{}]), **RICH, n_steps=40, **paths)
    sets = run.sample(train_data_sets, run.grid(quick=dict(n_features=[*sizes])), **RICH, n_steps=40, steps=RECORDED,
                      n_trials=[*sizes.values()])  # fmt: skip
    yield from _losses(run, sets, theory, paths["n_replicas"])
    yield from _features(run, sets, theory, paths["n_replicas"])
    yield from lazy_corner(run)
    if run.scale != "quick":
        yield from _large_size(run, theory, paths["n_replicas"])
        yield from in_the_limit(run, sets, theory, RECORDED, paths["n_replicas"])
        yield _grokking_run(run)
        yield _regimes(run)
    yield _corrections(sets, theory, RECORDED)
    yield from _two_times(theory)


def _losses(run: Any, sets: Any, theory: Any, n_replicas: int) -> Iterator[Any]:
    """Train and test loss along the run, at every size."""
    size, losses = sets.grid.column("n_features")[:, np.newaxis], observed(sets, RECORDED, STEPS)
    predicted, error = at_steps(theory, STEPS)[0], errors_at_steps(theory, STEPS, n_replicas)[0]
    rivals = wrong_losses(run, RICH, STEPS)
    for part, name in enumerate(PARTS):
        yield agreement(
            f"{name}-loss",
            [loss[:, part] for loss in losses],
            np.broadcast_to(predicted[part], (len(size), len(STEPS))),
            estimator="log",
            allowance=CORRECTION[part] / size,
            precision=run.choose(quick=0.065, full=0.05) * SCATTER[part],
            predicted_standard_error=error[part],
            reason=REASON,
            rivals={rival: wrong[part] for rival, wrong in rivals.items()},
            at=sets.at(step=np.array(STEPS)),
        )


def _large_size(run: Any, theory: Any, n_replicas: int) -> Iterator[Any]:
    """The first steps of networks with 400 inputs and 1200 samples."""
    recorded, steps = RECORDED[:6], STEPS[:2]
    sets = run.sample(train_data_sets, run.grid(full=dict(n_features=[400])), **RICH, n_steps=10, steps=recorded,
                      n_trials=[48], block=8)  # fmt: skip
    yield agreement(
        "400-features",
        observed(sets, recorded, steps),
        at_steps(theory, steps),
        estimator="median",
        allowance=CORRECTION[:, :2] / 400,
        precision=0.08 * SCATTER[:, :2],
        predicted_standard_error=errors_at_steps(theory, steps, n_replicas),
        reason=REASON,
        rivals=wrong_losses(run, RICH, steps),
        at=sets.at(part=np.array(PARTS), step=np.array(steps)),
    )
    yield _corrections(sets, theory, recorded)


def _features(run: Any, sets: Any, theory: Any, n_replicas: int) -> Iterator[Any]:
    """What the networks have learnt at the end: weights along the target and in all, and two terms of the test loss."""
    wrong = run.compute(wrong_mean_field, run.grid(quick=dict(version=WRONG)), **RICH, n_steps=STEPS[-1])
    learnt = [
        np.stack([overlap[:, -1], trace[:, -1], terms[:, -1, 1], terms[:, -1, 2]], axis=1)
        for overlap, trace, terms in zip(sets.overlap, sets.trace, sets.test_terms, strict=True)
    ]
    predicted, size = _learnt(theory, 0), sets.grid.column("n_features")[:, np.newaxis]
    yield agreement(
        "features",
        [without_controls(values, known) for values, known in zip(learnt, sets.controls, strict=True)],
        np.broadcast_to(predicted, (len(size), len(predicted))),
        allowance=5.0 / size,
        precision=run.choose(quick=0.09, full=0.065),
        predicted_standard_error=0.002 * predicted / np.sqrt(n_replicas),
        reason="correction of order 1/d, measured at most 4/d; sampled paths scatter by 0.2 %",
        rivals={"no memory of a sample": _learnt(wrong, 0), "noise redrawn at each step": _learnt(wrong, 1)},
        at=sets.at(quantity=np.array(["overlap", "trace", "misalignment", "linear"])),
    )


def _learnt(theory: Any, index: int) -> np.ndarray:
    """Return e'Me / d, tr M / d, misalignment and linear term after the last step."""
    alignment, spike = RICH["initial_alignment"], theory.correlation_spike[index, -1, -1]
    along = alignment * theory.overlap[index, -1] ** 2
    across = theory.correlation_bulk[index, -1, -1] + theory.correlation_mean[index, -1, -1]
    return np.array([along, across + along + alignment * spike, *theory.test_terms[index, -1, 1:]])


def _grokking_run(run: Any) -> Any:
    """A long run in which the test loss falls after the train loss has: memory over many steps."""
    counts = {50: 384, 100: 256}
    theory = run.compute(solve_dmft, run.grid(full=[{}]), **GROKKING, n_steps=80, n_paths=2000, n_replicas=4)
    sets = run.sample(train_data_sets, run.grid(full=dict(n_features=[*counts])), **GROKKING, n_steps=80,
                      steps=GROKKING_STEPS, n_trials=[*counts.values()], block=32)  # fmt: skip
    predicted = at_steps(theory, GROKKING_STEPS)[0]
    return agreement(
        "while-it-groks",
        observed(sets, GROKKING_STEPS, GROKKING_STEPS),
        np.broadcast_to(predicted, (len(counts), *predicted.shape)),
        estimator="log",
        allowance=GROKKING_CORRECTION / sets.grid.column("n_features")[:, np.newaxis, np.newaxis],
        precision=np.array([[0.06] * 4, [0.02, 0.03, 0.04, 0.055]]),
        predicted_standard_error=errors_at_steps(theory, GROKKING_STEPS, 4)[0],
        reason=REASON,
        rivals=wrong_losses(run, GROKKING, GROKKING_STEPS),
        at=sets.at(part=np.array(PARTS), step=np.array(GROKKING_STEPS)),
    )


def _regimes(run: Any) -> Any:
    """Other corners of the model."""
    size, grid = 64, run.grid(full=REGIMES)
    theory = run.compute(solve_dmft, grid, n_steps=40, n_paths=2000, n_replicas=4)
    sets = run.sample(train_data_sets, grid, n_features=size, n_steps=40, steps=ELSEWHERE, n_trials=[256] * len(grid))
    wrong = {name: run.compute(wrong_mean_field, grid, version=name, n_steps=40) for name in WRONG}
    return agreement(
        "elsewhere",
        observed(sets, ELSEWHERE, ELSEWHERE),
        at_steps(theory, ELSEWHERE),
        estimator="log",
        allowance=REGIME_CORRECTION / size,
        precision=np.array([[0.11], [0.06]]),
        predicted_standard_error=errors_at_steps(theory, ELSEWHERE, 4),
        reason=REASON,
        rivals={
            "no memory of a sample": at_steps(wrong["no memory"], ELSEWHERE),
            "noise redrawn at each step": at_steps(wrong["redrawn noise"], ELSEWHERE),
        },
        at=dict(
            regime=REGIME_NAMES[:, np.newaxis, np.newaxis],
            part=np.array(PARTS)[:, np.newaxis],
            step=np.array(ELSEWHERE),
        ),
    )


def _corrections(sets: Any, theory: Any, recorded: tuple[int, ...]) -> Any:
    """Finite-size corrections by step, times d, for the figure."""
    size, losses = sets.grid.column("n_features")[:, np.newaxis, np.newaxis], observed(sets)
    known = at_steps(theory, recorded)[0]
    mean = np.array([np.log(loss / known).mean(axis=0) for loss in losses])
    error = np.array([np.log(loss).std(axis=0) / np.sqrt(len(loss)) for loss in losses])
    return curve("correction", size * mean, at=sets.at(part=np.array(PARTS), step=np.array(recorded)),
                 rivals={"error": size * error})  # fmt: skip


def _two_times(theory: Any) -> Iterator[Any]:
    """Two functions of two times, for the figure."""
    times = np.arange(theory.correlation_mean.shape[-1])
    for name in ("correlation_mean", "response_mean"):
        yield curve(name, getattr(theory, name)[0], at=dict(time=times[:, np.newaxis], earlier=times))
