"""The test loss of a network in three terms, and how they come and go while it groks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, structure
from figures.grokking import loss_drawings
from figures.grokking._networks import PUBLISHED, SETTING, statistics, train_random_network
from figures.grokking._published_run import published_run
from figures.grokking._states import MODEL, NetworkState, averaged_loss_terms, network_states
from figures.grokking._symbolic import loss_term_gaps
from figures.grokking.papers import LAZY_TO_RICH
from simulations.grokking import simulate_population_loss
from theory.grokking import test_loss_terms

terms_figure = figure("grokking.loss-terms", loss_drawings.draw_loss_terms)

COMPARED = np.array([1, 3, 10, 30, 100, 200, 300, 500])  # steps of the network that is trained by its weights


@claim(
    "grokking.2",
    paper=LAZY_TO_RICH,
    label="decomposition of the test loss (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="The test loss of a quadratic network is a squared mean, a misalignment of its second moment with the "
    "target and the power of its mean weight; for a centred output in the changes of the statistics since the start.",
    assumptions="Standard normal inputs, any weights, any length of the target. The three terms are published for an "
    "output that is not centred and no offset; changes and offset are added here.",
    formula=r"E_x\Delta^2 = \left(\frac{\mathrm{tr}\,S}{2d} + \frac{c_0}{2}\right)^2 + \frac{\Vert S\Vert_F^2}{2d^2} + "
    r"\frac{\alpha^2|\delta\bar w|^2}{d},\qquad S = \alpha\varepsilon\,\delta M - \beta\beta^\top",
    normalisations=SETTING,
    figure=terms_figure,
)
def three_terms(run: Any) -> Iterator[Any]:
    states = network_states()
    names, terms = np.array([state.name for state in states]), np.array(["variance", "misalignment", "linear"])
    theory = np.array([_terms(state) for state in states])
    whole = np.array([_terms(replace(state, initial_weights=None)) for state in states])
    yield agreement(
        "cubature",
        [averaged_loss_terms(state, **MODEL) for state in states],
        theory,
        estimator="exact",
        precision=1e-11,
        reason="exact for polynomials up to degree five: rounding, measured at most 2e-14",
        rivals={
            "misalignment without its factor 2": theory * [1, 0.5, 1],
            "whole statistics of a centred network": whole,
        },
        at=dict(state=names[:, np.newaxis], term=terms),
    )
    exact = run.compute(loss_term_gaps, run.grid(quick=[{}]))
    yield structure("symbolic", exact.gap, precision=1e-12, reason="rational arithmetic: equal or not",
                    controls={"an entry of S 1e-6 apart": exact.broken})  # fmt: skip
    shown = run.choose(quick=[0, 2], full=[0, 1, 2, 3])
    fresh = run.sample(
        simulate_population_loss,
        run.grid(quick=[_arguments(states[index]) for index in shown]),
        n_points=run.choose(quick=5000, full=10000),
        n_trials=run.choose(quick=128, full=1024),
        block=256,
        **MODEL,
    )
    total = theory.sum(axis=1)
    wrong = {
        "misalignment without its factor 2": total - theory[:, 1] / 2,
        "no squared mean": theory[:, 1:].sum(axis=1),
        "whole statistics of a centred network": whole.sum(axis=1),
    }
    yield agreement(
        "fresh-inputs",
        fresh.values,
        total[shown],
        precision=run.choose(quick=0.04, full=0.01),
        reason="exact: sampling alone",
        rivals={name: values[shown] for name, values in wrong.items()},
        at=dict(state=names[shown]),
    )
    if run.scale != "quick":
        yield from _grokking(run)


def _terms(state: NetworkState) -> list[float]:
    initial = {} if state.initial_weights is None else statistics(state.initial_weights)
    start = {f"initial_{name}": value for name, value in initial.items()}
    found = test_loss_terms(**statistics(state.weights), **start, **MODEL, direction=state.direction,
                            target_offset=state.target_offset)  # fmt: skip
    return [found.variance, found.misalignment, found.linear]


def _arguments(state: NetworkState) -> dict[str, Any]:
    return {name: value for name, value in vars(state).items() if name != "name"}


def _grokking(run: Any) -> Iterator[Any]:
    """The network of the paper's loss curves: trained by its weights at first, and by its statistics to the end."""
    training = run.choose(full=dict(learning_rate=0.2, n_steps=5000), large=dict(learning_rate=0.01, n_steps=100_000))
    shown = np.union1d(COMPARED, np.geomspace(1, training["n_steps"], 80).astype(int))
    long = run.grid(full=[dict(**PUBLISHED, **training)])
    short = run.grid(full=[dict(**PUBLISHED, **training) | dict(n_steps=int(COMPARED[-1]))])
    path = run.compute(published_run, long, record_steps=shown)
    trained = run.compute(train_random_network, short)
    here, terms = np.isin(shown, COMPARED), path.terms[0]
    total = terms.sum(axis=1)
    yield agreement(
        "while-it-groks",
        trained.test_loss[0, COMPARED],
        total[here],
        estimator="exact",
        precision=1e-10,
        reason="exact: rounding alone",
        rivals={
            "misalignment without its factor 2": (total - terms[:, 1] / 2)[here],
            "no squared mean": terms[:, 1:].sum(axis=1)[here],
            "whole statistics of a centred network": path.uncentred[0, here],
        },
        at=dict(step=COMPARED, trained=trained.train_loss[0, COMPARED]),
    )
    names = ("train", "alignment", "trace", "lazy_train", "lazy_test")
    columns = {name: getattr(path, name)[0] for name in names} | dict(regression=path.regression[0])
    parts = dict(zip(("variance", "misalignment", "linear"), terms.T, strict=True))
    yield curve("run", total, at=dict(step=shown, **columns, **parts))
