"""Bad input: every public function names the parameter."""

import math

import numpy as np
import pytest

from theory.neural_collapse import (
    batch_interaction,
    bias_ridge_transition,
    bind_batches,
    central_path_rates,
    centred_label_singular_values,
    collapse_fit,
    collapse_thresholds,
    cross_entropy_code,
    cross_entropy_dual_bound,
    cross_entropy_etf,
    effective_ridge,
    etf_class_limit,
    frame_distance,
    minority_collapse_size,
    mode_recursion,
    mse_dual_bound,
    mse_geometry,
    mse_loss_levels,
    neural_collapse_metrics,
    proximity_factors,
    proximity_first_order,
    scl_batch_lower_bound,
    scl_loss,
    scl_lower_bound,
    scl_step_geometry,
    seli_geometry,
    within_class_shrinkage,
)

NAN = math.nan
RIDGES = dict(weight_ridges=[0.01], feature_ridge=0.01)
ONE_LAYER = dict(weight_ridge=0.01, feature_ridge=0.01)
LABELS = [0, 0, 1, 1]
FEATURES = np.arange(8.0).reshape(2, 4)
STEPS = dict(ridge=0.1, n_layers=2, learning_rate=0.1, initial_singular_values=1.0, n_steps=2)
CENTRE = dict(input_scale=1.0, weight_ridge=0.1, proximity=1.0)


@pytest.mark.parametrize("sizes", [[], [5], [5, 0.5], [5, NAN], [5, math.inf], [[5, 3]], [5, -1], "no"])
@pytest.mark.parametrize(
    "call",
    [
        lambda sizes: effective_ridge(sizes, **RIDGES),
        lambda sizes: mse_geometry(sizes, **RIDGES),
        lambda sizes: mse_loss_levels(sizes, **RIDGES),
        lambda sizes: mode_recursion(sizes, **STEPS),
        lambda sizes: mse_dual_bound(np.eye(2), sizes, **ONE_LAYER),
        lambda sizes: cross_entropy_dual_bound(np.eye(2), sizes, **ONE_LAYER),
        centred_label_singular_values,
        seli_geometry,
        scl_lower_bound,
    ],
)
def test_class_sizes(call, sizes):
    with pytest.raises(ValueError, match="class_sizes"):
        call(sizes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("weight_ridges", dict(weight_ridges=[])),
        ("weight_ridges", dict(weight_ridges=[0.1, 0.0])),
        ("weight_ridges", dict(weight_ridges=[NAN])),
        ("weight_ridges", dict(weight_ridges=0.1)),
        ("feature_ridge", dict(feature_ridge=0.0)),
        ("feature_ridge", dict(feature_ridge=NAN)),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda **ridges: effective_ridge([5, 3], **ridges),
        lambda **ridges: minority_collapse_size(10, **ridges),
        lambda **ridges: mse_geometry([5, 3], **ridges),
        lambda **ridges: mse_loss_levels([5, 3], **ridges),
        lambda **ridges: bias_ridge_transition(3, 4, **ridges),
        lambda **ridges: cross_entropy_etf(3, 4, **ridges),
        lambda **ridges: cross_entropy_code("etf", 3, 4, **ridges),
    ],
)
def test_ridges(call, name, changes):
    with pytest.raises(ValueError, match=name):
        call(**{**RIDGES, **changes})


def geometry(**changes):
    return mse_geometry([5, 3], **RIDGES, **changes)


def recursion(**changes):
    return mode_recursion([5, 3], **{**STEPS, **changes})


def code(name="etf", n_classes=4, n_per_class=3):
    return cross_entropy_code(name, n_classes, n_per_class, **RIDGES)


def first_order(perturbation=FEATURES, frame=((1.0, 0.0), (0.0, 1.0)), labels=(0, 0, 1, 1), **changes):
    return proximity_first_order(perturbation, frame, labels, **{**CENTRE, **changes})


def factors(**changes):
    return proximity_factors(**{**CENTRE, **changes})


def metrics(features=FEATURES, labels=LABELS, classifier=((1.0, 0.0), (0.0, 2.0))):
    return neural_collapse_metrics(features, labels, classifier)


ROWS = [
    ("n_samples", lambda: effective_ridge([5, 3], n_samples=4, **RIDGES)),
    ("n_samples", lambda: minority_collapse_size(0.5, **RIDGES)),
    ("n_layers", lambda: collapse_thresholds(0)),
    ("n_layers", lambda: collapse_thresholds(1.5)),
    ("n_layers", lambda: collapse_fit(0.1, n_layers=0)),
    ("n_layers", lambda: etf_class_limit(0)),
    ("n_layers", lambda: recursion(n_layers=NAN)),
    ("effective_ridge", lambda: collapse_fit([0.1, 0.0], n_layers=2)),
    ("effective_ridge", lambda: collapse_fit(NAN, n_layers=2)),
    ("branch", lambda: collapse_fit(0.1, n_layers=2, branch="upper")),
    ("width", lambda: geometry(width=0)),
    ("width", lambda: geometry(width=[3, 3])),
    ("width", lambda: geometry(width=[1.5])),
    ("bias_ridge", lambda: geometry(bias=True, bias_ridge=-1.0)),
    ("bias_ridge", lambda: geometry(bias_ridge=0.1)),
    ("bias_ridge", lambda: geometry(bias=True, bias_ridge=0.1)),
    ("class_sizes", lambda: mse_loss_levels([5] * 21, local_minima=False, **RIDGES)),
    ("n_classes", lambda: bias_ridge_transition(1, 4, **RIDGES)),
    ("n_per_class", lambda: bias_ridge_transition(3, 0.5, **RIDGES)),
    ("ridge", lambda: recursion(ridge=0.0)),
    ("learning_rate", lambda: recursion(learning_rate=0.0)),
    ("initial_singular_values", lambda: recursion(initial_singular_values=[1.0, 1.0, 1.0])),
    ("initial_singular_values", lambda: recursion(initial_singular_values=-1.0)),
    ("n_steps", lambda: recursion(n_steps=0)),
    ("code", lambda: code("simplex")),
    ("n_classes", lambda: code("cross_polytope", 5)),
    ("n_classes", lambda: code("hypercube", 6)),
    ("n_classes", lambda: code("polygon", 2)),
    ("n_classes", lambda: code(n_classes=1)),
    ("n_classes", lambda: cross_entropy_etf(2.5, 3, **RIDGES)),
    ("n_per_class", lambda: code(n_per_class=0)),
    ("end_to_end", lambda: mse_dual_bound(np.eye(3), [5, 3], **ONE_LAYER)),
    ("end_to_end", lambda: mse_dual_bound([[NAN, 0], [0, 1]], [5, 3], **ONE_LAYER)),
    ("logits", lambda: cross_entropy_dual_bound(np.eye(3), [5, 3], **ONE_LAYER)),
    ("weight_ridge", lambda: mse_dual_bound(np.eye(2), [5, 3], weight_ridge=0.0, feature_ridge=0.1)),
    ("feature_ridge", lambda: mse_dual_bound(np.eye(2), [5, 3], weight_ridge=0.1, feature_ridge=0.0)),
    ("gram", lambda: frame_distance(np.zeros((2, 2)), np.eye(2))),
    ("reference", lambda: frame_distance(np.eye(2), np.zeros((2, 2)))),
    ("reference", lambda: frame_distance(np.eye(2), np.eye(3))),
    ("features", lambda: metrics(features=np.ones((2, 4)))),
    ("classifier", lambda: metrics(classifier=np.zeros((2, 2)))),
    ("classifier", lambda: metrics(classifier=np.eye(3))),
    ("classifier", lambda: metrics([[1.0, 1, 2, 2], [0, 0, 0, 0]], classifier=[[0.0, 1], [0, 2]])),
    ("labels", lambda: metrics(labels=[0, 0, 0, 0])),
    ("labels", lambda: metrics(labels=[0, 0, 1, 2])),
    ("labels", lambda: central_path_rates(FEATURES, [0, 0, 0, 1], weight_ridge=0.1)),
    ("labels", lambda: central_path_rates(FEATURES, [0, 1], weight_ridge=0.1)),
    ("weight_ridge", lambda: central_path_rates(FEATURES, LABELS, weight_ridge=0.0)),
    ("input_scale", lambda: factors(input_scale=0.0)),
    ("weight_ridge", lambda: factors(weight_ridge=-1.0)),
    ("proximity", lambda: factors(proximity=0.0)),
    ("proximity", lambda: within_class_shrinkage(np.eye(2), proximity=0.0)),
    ("classifier", lambda: within_class_shrinkage([1.0, 2.0], proximity=1.0)),
    ("frame", lambda: first_order(frame=[[1.0, 0.1], [0.0, 1.0]])),
    ("frame", lambda: first_order(frame=np.eye(3)[:, :2])),
    ("labels", lambda: first_order(labels=[0, 1, 1, 1])),
    ("perturbation", lambda: first_order(perturbation=[[NAN] * 4, [0.0] * 4])),
    ("input_scale", lambda: first_order(input_scale=0.0)),
    ("temperature", lambda: scl_loss(FEATURES, LABELS, temperature=0.0)),
    ("temperature", lambda: scl_lower_bound([4, 4], temperature=NAN)),
    ("temperature", lambda: scl_batch_lower_bound(LABELS, None, temperature=-1.0)),
    ("temperature", lambda: scl_step_geometry(2, 2, 4, 4, temperature=0.0)),
    ("nonnegative", lambda: scl_lower_bound([4, 3], nonnegative=False)),
    ("n_majority_classes", lambda: scl_step_geometry(1, 2, 4, 4)),
    ("n_minority_classes", lambda: scl_step_geometry(2, 1, 4, 4)),
    ("majority_size", lambda: scl_step_geometry(2, 2, 1, 4)),
    ("minority_size", lambda: scl_step_geometry(2, 2, 4, 2.5)),
    ("labels", lambda: scl_loss(FEATURES, [0, 0, 1, 2.5])),
    ("labels", lambda: batch_interaction([0, 2, 2, 0], None)),
    ("labels", lambda: batch_interaction([0, -1, 1], None)),
    ("labels", lambda: batch_interaction([1, 1], None)),
    ("batches", lambda: scl_loss(FEATURES, LABELS, batches=[[0, 4]])),
    ("batches", lambda: scl_loss(FEATURES, LABELS, batches=[[0, -1]])),
    ("batches", lambda: scl_loss(FEATURES, LABELS, batches=[])),
    ("batches", lambda: batch_interaction(LABELS, [[0, 1], [2, 2]])),
    ("batches", lambda: batch_interaction(LABELS, [[0, 1], []])),
    ("batches", lambda: batch_interaction(LABELS, [[0, 1.5]])),
    ("batches", lambda: bind_batches([], [0])),
    ("batches", lambda: bind_batches([[0, 0]], [0])),
    ("binding_indices", lambda: bind_batches([[0]], [])),
    ("binding_indices", lambda: bind_batches([[0]], [1, 1])),
]


@pytest.mark.parametrize(("name", "call"), ROWS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(ROWS)])
def test_rows(name, call):
    with pytest.raises(ValueError, match=name):
        call()


def test_messages_name_value_and_range():
    with pytest.raises(ValueError, match=r"temperature = -1.0: expected a number in \(0, inf\)"):
        scl_lower_bound([4, 4], temperature=-1.0)
    with pytest.raises(ValueError, match=r"class_sizes\[1\] = 0.0: expected numbers in \[1, inf\)"):
        effective_ridge([4, 0], **RIDGES)


def test_arrays_of_python_numbers_and_tuples_are_welcome():
    assert effective_ridge((5, 3), weight_ridges=(0.01,), feature_ridge=0.01).dtype == np.float64
    assert mse_geometry((5.5, 3), width=4, **RIDGES).loss > 0
    assert mse_geometry([5, 3], width=np.array([2]), **RIDGES).loss > 0
    assert scl_loss(FEATURES.tolist(), np.array(LABELS, dtype=float), batches=(np.array([0, 1, 2]), (3, 2))) > 0
