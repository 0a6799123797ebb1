"""Bad input of the training simulators, and the shortest training."""

import numpy as np
import pytest

from simulations.grokking import (
    sample_initial_statistics,
    sample_polynomial_regression,
    simulate_feature_learning,
    simulate_finite_width_training,
    simulate_infinite_width_training,
    simulate_network_training,
    train_network,
    train_statistics,
)

GOOD = dict(
    n_samples=9, n_features=4, output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=2, n_trials=1,
    seed=0,
)  # fmt: skip


@pytest.mark.parametrize("simulate", [simulate_infinite_width_training, simulate_feature_learning])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0), ("n_features", 1.5), ("n_steps", -1), ("n_trials", 0), ("output_scale", 0.0),
        ("output_scale", np.inf), ("quadratic_strength", -0.1), ("quadratic_strength", np.nan), ("learning_rate", 0.0),
        ("learning_rate", 1e6), ("initial_alignment", -0.1), ("initial_alignment", np.inf), ("target_offset", np.nan),
        ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(simulate, name, value):
    arguments = GOOD | {name: value}
    if value == 1e6:
        arguments["n_steps"] = 50
    with pytest.raises(ValueError, match=name):
        simulate(**arguments)


def test_bad_input_of_networks_and_data():
    data = sample_polynomial_regression(9, 4, seed=0)
    setting = dict(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=2)
    random = dict(n_trials=1, seed=0)
    features, labels, direction = vars(data).values()
    with pytest.raises(ValueError, match="width"):
        simulate_network_training(9, 4, 0, **setting, **random)
    with pytest.raises(ValueError, match="learning_rate"):
        simulate_network_training(9, 4, 3, **setting | dict(learning_rate=1e6, n_steps=50), **random)
    with pytest.raises(ValueError, match="width"):
        simulate_finite_width_training(features, labels, direction, 0, **setting, **random)
    with pytest.raises(ValueError, match="features"):
        train_statistics(features[0], labels, direction, **setting)
    with pytest.raises(ValueError, match="labels"):
        train_statistics(features, labels[:-1], direction, **setting)
    with pytest.raises(ValueError, match="labels"):
        train_statistics(features, labels * np.nan, direction, **setting)
    with pytest.raises(ValueError, match="direction"):
        train_statistics(features, labels, 0 * direction, **setting)
    with pytest.raises(ValueError, match="weights"):
        train_network(features, labels, direction, np.ones((3, 5)), **setting)
    with pytest.raises(ValueError, match="mean_weight"):
        train_statistics(features, labels, direction, mean_weight=np.zeros(3), **setting)
    lopsided = np.eye(4)
    lopsided[0, 1] = 1e-9
    for moment in (lopsided, np.eye(3), -np.eye(4)):
        with pytest.raises(ValueError, match="second_moment"):
            train_statistics(features, labels, direction, second_moment=moment, **setting)
    with pytest.raises(ValueError, match="second_moment"):
        train_statistics(features, labels, direction, mean_weight=2 * np.ones(4), **setting)
    for steps in ([], [3], [1, 1], [-1]):
        with pytest.raises(ValueError, match="record_steps"):
            train_statistics(features, labels, direction, record_steps=steps, **setting)
    with pytest.raises(ValueError, match="n_samples"):
        sample_polynomial_regression(0, 4, seed=0)
    with pytest.raises(ValueError, match="target_offset"):
        sample_polynomial_regression(9, 4, target_offset=np.inf, seed=0)
    with pytest.raises(ValueError, match="width"):
        sample_initial_statistics(4, 0, n_trials=1, seed=0)
    with pytest.raises(ValueError, match="n_features"):
        sample_initial_statistics(0, 4, n_trials=1, seed=0)


def test_no_steps_is_the_start():
    curves = simulate_infinite_width_training(**GOOD | dict(n_steps=0))
    assert curves.train_loss.shape == (1, 1) and curves.test_loss[0, 0] == pytest.approx(0.75)
