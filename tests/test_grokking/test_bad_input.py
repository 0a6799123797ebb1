"""Bad input: every public function names the parameter."""

import math

import numpy as np
import pytest

from theory.grokking import (
    first_order_features,
    grokking_gap,
    lazy_highdim_limit,
    lazy_highdim_path,
    lazy_training_path,
    logit_gap_flow,
    max_learning_rate,
    orthogonal_gradient,
    population_kernel_alignment,
    population_path,
    softmax_collapse_gap,
    softmax_collapse_time,
    softmax_underflow_gap,
    stablemax,
    stablemax_collapse_gap,
    stablemax_cross_entropy,
    stablemax_cross_entropy_gradient,
    statistics_recursion,
    tangent_kernel,
)
from theory.grokking import test_loss_terms as loss_terms

NAN, INF = math.nan, math.inf
FEATURES = np.arange(12.0).reshape(4, 3) / 12
SKEW = np.eye(3) + 1e-9 * np.eye(3, k=1)
ARGUMENTS = {
    statistics_recursion: dict(features=FEATURES, labels=np.ones(4), output_scale=1.0, quadratic_strength=0.5,
                               learning_rate=0.1, n_steps=2, mean_weight=np.zeros(3), second_moment=np.eye(3)),
    lazy_training_path: dict(features=FEATURES, labels=np.ones(4), direction=np.ones(3), quadratic_strength=0.5,
                             learning_rate=0.1, n_steps=2, target_offset=0.0, mean_weight=np.zeros(3),
                             second_moment=np.eye(3)),
    first_order_features: dict(features=FEATURES, dual_coefficients=np.ones(4), output_scale=1.0,
                               quadratic_strength=0.5, mean_weight=np.zeros(3), second_moment=np.eye(3)),
    loss_terms: dict(mean_weight=np.zeros(3), second_moment=np.eye(3), direction=np.ones(3), output_scale=1.0,
                     quadratic_strength=0.5, target_offset=0.0, initial_mean_weight=np.zeros(3),
                     initial_second_moment=np.eye(3)),
    tangent_kernel: dict(features_left=FEATURES, features_right=FEATURES, mean_weight=np.zeros(3),
                         second_moment=np.eye(3), quadratic_strength=0.5),
    population_kernel_alignment: dict(mean_weight=np.zeros(3), second_moment=np.eye(3), direction=np.ones(3),
                                      quadratic_strength=0.5, target_offset=0.0),
    lazy_highdim_limit: dict(sample_ratio=2.0, quadratic_strength=0.5, target_offset=0.0),
    lazy_highdim_path: dict(sample_ratio=2.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=2, target_offset=0.0,
                            n_nodes=40),
    max_learning_rate: dict(sample_ratio=2.0, quadratic_strength=0.5),
    population_path: dict(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=2,
                          initial_alignment=0.5, target_offset=0.0),
    grokking_gap: dict(train_loss=[1.0, 0.1], test_loss=[1.0, 0.1], train_threshold=0.5, test_threshold=0.5),
    logit_gap_flow: dict(time=[1.0], speed=1.0, initial_gap=0.0),
    softmax_collapse_time: dict(dtype="float32", speed=1.0, initial_gap=0.0),
    softmax_collapse_gap: dict(dtype="float32", n_classes=2, order="max_first"),
    softmax_underflow_gap: dict(dtype="float32"),
    stablemax_collapse_gap: dict(dtype="float32", layout="symmetric"),
    stablemax: dict(logits=[[0.0, 1.0]], axis=-1),
    stablemax_cross_entropy: dict(logits=[[0.0, 1.0]], labels=[0]),
    stablemax_cross_entropy_gradient: dict(logits=[[0.0, 1.0]], labels=[0]),
    orthogonal_gradient: dict(gradient=[1.0, 0.0], weights=[1.0, 1.0], rescale=True),
}  # fmt: skip

POSITIVE = [0.0, -1.0, NAN, INF, "no"]
COUNT = [-1, 1.5, NAN, INF, None]
VECTOR = [np.zeros(2), np.zeros((3, 1)), 0.0, [0.0, NAN, 0.0], [0.0, INF, 0.0]]
MATRIX = [np.eye(2), np.ones(3), SKEW, NAN * np.eye(3), INF * np.ones((3, 3))]
DTYPE = ["float128", "bfloat16", np.int32, np.complex64, None, "no"]
BAD = {
    "features": [np.ones(3), np.ones((0, 3)), NAN * FEATURES, "no"],
    "features_left": [np.ones(3), np.ones((0, 3)), NAN * FEATURES],
    "features_right": [np.ones((4, 2)), INF * np.ones((4, 3))],
    "labels": [np.ones(5), np.ones((4, 1)), [0.0, NAN, 0.0, 0.0]],
    "dual_coefficients": [np.ones(3), [0.0, NAN, 0.0, 0.0]],
    "direction": VECTOR,
    "mean_weight": VECTOR,
    "second_moment": MATRIX,
    "initial_mean_weight": VECTOR,
    "initial_second_moment": MATRIX,
    "sample_ratio": POSITIVE,
    "output_scale": POSITIVE,
    "learning_rate": POSITIVE,
    "quadratic_strength": [-1e-9, NAN, INF, "no"],
    "initial_alignment": [-1e-9, NAN, INF],
    "target_offset": [NAN, INF],
    "n_steps": COUNT,
    "n_nodes": [0, *COUNT],
    "train_threshold": POSITIVE,
    "test_threshold": POSITIVE,
    "train_loss": [[], [[1.0, 0.1]], [1.0, NAN]],
    "test_loss": [[1.0], [1.0, 0.1, 0.1], [1.0, NAN]],
    "time": [-1.0, NAN, INF, [1.0, -1.0]],
    "speed": POSITIVE,
    "initial_gap": [NAN, INF],
    "dtype": DTYPE,
    "n_classes": [1, 0, 2.5, NAN],
    "order": ["random", None],
    "layout": ["one-sided", None],
}
CASES = [(f, name, value) for f, good in ARGUMENTS.items() for name in good for value in BAD.get(name, [])]


def bad_for(function, name, value):
    """The labels above are those of training, not classes; a short direction says that the statistics are too long."""
    if name == "labels" and function in (stablemax_cross_entropy, stablemax_cross_entropy_gradient):
        return False
    return not (name == "direction" and function is loss_terms and np.shape(value) == (2,))


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_good_arguments_are_good(function):
    assert function(**ARGUMENTS[function]) is not None


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}-{i}") for i, case in enumerate(CASES) if bad_for(*case)],
)
def test_bad_argument_is_named(function, name, value):
    with pytest.raises(ValueError, match=name):
        function(**ARGUMENTS[function] | {name: value})


@pytest.mark.parametrize("function", [stablemax_cross_entropy, stablemax_cross_entropy_gradient])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logits", [0.0, 1.0]),
        ("logits", [[0.0, NAN]]),
        ("logits", [[0.0, INF]]),
        ("logits", [[[0.0, 1.0]]]),
        ("logits", np.ones((0, 2))),
        ("labels", [2]),
        ("labels", [-1]),
        ("labels", [0.5]),
        ("labels", [0, 1]),
        ("labels", [NAN]),
    ],
)
def test_cross_entropy(function, name, value):
    with pytest.raises(ValueError, match=name):
        function(**dict(logits=[[0.0, 1.0]], labels=[0]) | {name: value})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("logits", dict(logits=[0.0, NAN])),
        ("logits", dict(logits=1.0)),
        ("logits", dict(logits=[])),
        ("axis", dict(axis=2)),
        ("axis", dict(axis=-3)),
    ],
)
def test_stablemax(name, changes):
    with pytest.raises(ValueError, match=name):
        stablemax(**dict(logits=[[0.0, 1.0]]) | changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("weights", dict(weights=[0.0, 0.0])),
        ("weights", dict(weights=[1.0, NAN])),
        ("weights", dict(weights=[], gradient=[])),
        ("gradient", dict(gradient=[1.0])),
        ("gradient", dict(gradient=[[1.0, 0.0]])),
        ("gradient", dict(gradient=[1.0, INF])),
        ("gradient", dict(gradient=[2.0, 2.0], rescale=True)),
        ("gradient", dict(gradient=[0.0, 0.0], rescale=True)),
    ],
)
def test_orthogonal_gradient(name, changes):
    with pytest.raises(ValueError, match=name):
        orthogonal_gradient(**dict(gradient=[1.0, 0.0], weights=[1.0, 1.0]) | changes)


def test_zero_steps_and_zero_strength_are_legal():
    assert lazy_highdim_path(2.0, quadratic_strength=0.0, learning_rate=0.1, n_steps=0).test_loss.shape == (1,)
    lazy = lazy_training_path(FEATURES, np.ones(4), np.ones(3), quadratic_strength=0.0, learning_rate=0.1, n_steps=0)
    assert lazy.train_loss.shape == lazy.test_loss.shape == (1,) and np.all(lazy.dual_coefficients == 0.0)
    path = population_path(
        output_scale=1.0, quadratic_strength=0.0, learning_rate=0.1, n_steps=0, initial_alignment=0.0
    )
    assert path.loss.shape == (1,)
    with pytest.raises(ValueError, match="quadratic_strength"):
        lazy_highdim_limit(2.0, quadratic_strength=0.0)


def test_strength_without_a_limit_in_range():
    with pytest.raises(ValueError, match="quadratic_strength"):
        lazy_highdim_limit(0.5, quadratic_strength=1e-200)
    with pytest.raises(ValueError, match="quadratic_strength"):
        max_learning_rate(0.5, 1e200)


@pytest.mark.parametrize(("ratio", "strength"), [(3.0, 0.7), (4.0, 2.0), (0.2, 0.0)])
def test_edge_of_the_lazy_path(ratio, strength):
    edge = max_learning_rate(ratio, strength)
    with pytest.raises(ValueError, match="learning_rate"):
        lazy_highdim_path(ratio, quadratic_strength=strength, learning_rate=edge, n_steps=1)
    path = lazy_highdim_path(ratio, quadratic_strength=strength, learning_rate=0.999 * edge, n_steps=50)
    assert np.isfinite(path.test_loss).all()


def test_divergence():
    with pytest.raises(ValueError, match="learning_rate"):
        population_path(
            output_scale=1.0, quadratic_strength=0.5, learning_rate=30.0, n_steps=200, initial_alignment=0.5
        )


def test_kernel_of_no_network():
    """A second moment below w_bar w_bar^T can have a kernel with negative eigenvalues, and losses that grow."""
    with pytest.raises(ValueError, match="learning_rate"):
        lazy_training_path(np.eye(3), np.ones(3), np.ones(3), quadratic_strength=2.0, learning_rate=0.1, n_steps=5000,
                           second_moment=-np.eye(3))  # fmt: skip


def test_time_beyond_the_range_of_floats():
    with pytest.raises(ValueError, match="time"):
        logit_gap_flow(1e300, speed=1e300)
    with pytest.raises(ValueError, match="speed"):
        softmax_collapse_time("float64", speed=1e-300)
