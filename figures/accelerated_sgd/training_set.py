"""SGD on a fixed training set: exact train and test losses, and what the Gaussian closure of batches misses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, separation
from figures.accelerated_sgd import training_set_drawings
from figures.accelerated_sgd._configurations import trials_for
from figures.accelerated_sgd._training_sets import enumerated_losses, gaussian_closure, training_set
from figures.accelerated_sgd.papers import STRUCTURED_FEATURES
from simulations.accelerated_sgd import simulate_discrete_feature_loss
from theory.accelerated_sgd import discrete_feature_curve, learning_curve

training_figure = figure("accelerated_sgd.training-set", training_set_drawings.draw_training_sets)

RUN = dict(learning_rate=0.02, batch_size=1)
LAST = 150  # steps of the lines
SMALL = dict(n_samples=10, n_features=30, label_noise=0.0)
# Training sets, with the spread of the train loss over its mean after 100 steps, measured and rounded up.
SETS = (
    (SMALL | dict(seed=1), 0.62),
    (SMALL | dict(seed=0), 1.05),
    (SMALL | dict(seed=2), 2.0),
    (SMALL | dict(label_noise=0.5, seed=3), 2.0),
    (dict(n_samples=60, n_features=20, label_noise=0.5, seed=4), 0.22),
)
TRAIN_PRECISION, TEST_PRECISION = 0.04, 0.01


@claim(
    "accelerated_sgd.9",
    paper=STRUCTURED_FEATURES,
    label="SGD on a fixed training set (numbering unverified)",
    nature="exact",
    status="beyond",
    statement="Train and test loss of SGD on any finite training set, sampled with replacement, obey a closed exact "
    "recursion. The published route, as we understand it, closes the equations with Gaussian batches of the empirical "
    "covariance: near interpolation that is accurate for the test loss but too high for the train loss.",
    assumptions="Any features and labels; constant step and batch size. The excess of the closure depends on the data: "
    "three sets of ten standard normal samples in 30 dimensions are shown.",
    formula=r"\nu' = (1 - \eta S)\,\nu,\quad r_j = x_j^\top D x_j - 2\rho_j\,x_j\cdot\nu + \rho_j^2,\quad "
    r"S = \sum_j\pi_jx_jx_j^\top"
    "\n"
    r"D' = (1-\eta S)\,D\,(1-\eta S) + \frac{\eta^2}{m}\left(\sum_j\pi_jr_j\,x_jx_j^\top - SDS\right)"
    "\n"
    r"L_{\mathrm{train}} = \sum_j\pi_jr_j;\qquad \mathrm{closure:}\quad \sum_j\pi_jr_j\,x_jx_j^\top\;\to\; "
    r"2\,SDS + L_{\mathrm{train}}\,S",
    normalisations="nu = E (w - w+) and D = E (w - w+)(w - w+)^T around the least-squares solution w+, rho its "
    "residuals, pi = 1/M. Losses are mean squares without a half; test loss: E (w - w*)^T Sigma (w - w*) + sigma^2.",
    figure=training_figure,
)
def fixed_training_set(run: Any) -> Iterator[Any]:
    sets = run.choose(quick=SETS[:1], full=SETS)
    times = np.array([10, 30, 60, 100])
    data = [training_set(**one) for one, _ in sets]
    counts = [max(trials_for(spread, TRAIN_PRECISION), trials_for(0.16, TEST_PRECISION)) for _, spread in sets]
    trials = run.sample(simulate_discrete_feature_loss, run.grid(quick=data), record_steps=times, n_trials=counts,
                        block=16384, **RUN)  # fmt: skip
    exact = [discrete_feature_curve(**one, n_steps=LAST, **RUN) for one in data]
    closed = [gaussian_closure(**one, n_steps=LAST, **RUN) for one in data]
    fresh = np.stack([_one_pass(one) for one in data])
    train, test = (np.stack([getattr(one, name) for one in exact]) for name in ("train_loss", "test_loss"))
    closed_train, closed_test = (np.stack([one[name] for one in closed]) for name in ("train_loss", "test_loss"))
    columns = {name: np.array([one[name] for one, _ in sets])[:, np.newaxis] for name in sets[0][0]}
    at = columns | dict(time=times)
    yield agreement(
        "train-loss",
        trials.train_loss,
        train[:, times],
        precision=TRAIN_PRECISION,
        reason="exact for any training set: nothing is allowed for",
        rivals={"Gaussian closure": closed_train[:, times], "fresh samples": fresh[:, times]},
        as_published="Gaussian closure",
        at=at,
    )
    yield agreement(
        "test-loss",
        trials.test_loss,
        test[:, times],
        precision=TEST_PRECISION,
        reason="exact for any training set: nothing is allowed for",
        rivals={"fresh samples": fresh[:, times]},
        at=at,
    )
    interpolating = np.array([one["n_samples"] < one["n_features"] for one, _ in sets])
    quiet = interpolating & (columns["label_noise"][:, 0] == 0)
    small = {name: column[interpolating] for name, column in columns.items()}
    yield agreement(
        "closure-of-the-test-loss",
        [losses for losses, own in zip(trials.test_loss, interpolating, strict=True) if own],
        closed_test[interpolating][:, times],
        allowance=0.02,
        precision=TEST_PRECISION,
        reason="the closure is an approximation: measured within 2 % of the exact test loss",
        rivals={"fresh samples": fresh[interpolating][:, times]},
        at=small | dict(time=times),
    )
    late = times >= 60
    yield separation(
        "closure-of-the-train-loss",
        [losses[:, late] for losses, own in zip(trials.train_loss, quiet, strict=True) if own],
        closed_train[quiet][:, times[late]],
        gap=0.07,
        reason="the closure is 12 to 39 % too high at 60 steps and later on the three sets without noise",
        rivals={"the exact recursion": train[quiet][:, times[late]]},
        at={name: column[quiet] for name, column in columns.items()} | dict(time=times[late]),
    )
    yield _enumeration()
    steps = np.arange(LAST + 1)
    at = columns | dict(time=steps)
    yield curve("train-line", train, at=at, rivals={"Gaussian closure": closed_train})
    yield curve("test-line", test, at=at, rivals={"Gaussian closure": closed_test, "fresh samples": fresh})


def _one_pass(data: dict[str, Any]) -> np.ndarray:
    """Return the loss of SGD that never sees a sample twice."""
    return learning_curve(np.ones(len(data["true_weights"])), data["true_weights"], n_steps=LAST,
                          noise_variance=data["test_noise_variance"], **RUN)  # fmt: skip


def _enumeration() -> Any:
    """The recursion against the mean over all 3^6 sequences of three batches of two samples."""
    run = dict(learning_rate=0.3, batch_size=2, n_steps=3)
    sets = [training_set(3, n_features, label_noise=0.5, seed=seed) for seed, n_features in enumerate((2, 5))]
    parts = ("train_loss", "test_loss")
    closures = [gaussian_closure(**one, **run) for one in sets]
    exact = [discrete_feature_curve(**one, **run) for one in sets]
    enumerated = [enumerated_losses(**one, **run) for one in sets]
    return agreement(
        "enumeration",
        [[one[part] for part in parts] for one in enumerated],
        [[getattr(one, part)[-1] for part in parts] for one in exact],
        estimator="exact",
        precision=1e-12,
        reason="two exact routes: rounding alone",
        rivals={"Gaussian closure": [[one[part][-1] for part in parts] for one in closures]},
        at=dict(n_features=np.array([2, 5])[:, np.newaxis], part=np.array(parts)),
    )
