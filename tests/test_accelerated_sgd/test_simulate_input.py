"""What the one-pass simulators refuse."""

from typing import NamedTuple

import numpy as np
import pytest

from simulations.accelerated_sgd import simulate_risk_curve, simulate_tail_average_risk


class Scheme(NamedTuple):
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float


GOOD = dict(
    eigenvalues=[1.0, 0.5], initial_error=[1.0, 1.0], scheme=Scheme(0.1, 0.5, 0.15), noise_variance=0.1, batch_size=1,
    n_trials=1, seed=1,
)  # fmt: skip
BAD = [
    ("eigenvalues", []), ("eigenvalues", [[1.0, 0.5]]), ("eigenvalues", [1.0, 0.0]), ("eigenvalues", [1.0, np.nan]),
    ("eigenvalues", [np.inf, 1.0]), ("initial_error", [1.0]), ("initial_error", [1.0, np.nan]),
    ("scheme", 0.1), ("scheme.learning_rate", Scheme(-0.1, 0.5, 0.15)), ("scheme.momentum", Scheme(0.1, 1.0, 0.15)),
    ("scheme.momentum", Scheme(0.1, -0.1, 0.15)), ("scheme.lookahead_learning_rate", Scheme(0.1, 0.5, 0.05)),
    ("scheme.lookahead_learning_rate", Scheme(0.1, 0.5, np.nan)), ("noise_variance", -0.1), ("noise_variance", np.inf),
    ("batch_size", 0), ("batch_size", 1.5), ("n_trials", 0), ("seed", -1), ("feature_law", "cauchy"),
    ("sampler", "fast"), ("radial_spread", 1.0), ("radial_spread", -0.1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*BAD, ("record_steps", []), ("record_steps", [3, 3]),
                                             ("record_steps", [-1]), ("record_steps", [0.5])])  # fmt: skip
def test_risk_curve_refuses(name, value):
    arguments = GOOD | dict(record_steps=[1, 2]) | {name.split(".")[0]: value}
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        simulate_risk_curve(**arguments)


@pytest.mark.parametrize(("name", "value"), [*BAD, ("record_lengths", [0, 1]), ("record_lengths", [3, 2]),
                                             ("burn_in", -1), ("burn_in", 0.5)])  # fmt: skip
def test_tail_average_refuses(name, value):
    arguments = GOOD | dict(burn_in=2, record_lengths=[1, 2]) | {name.split(".")[0]: value}
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        simulate_tail_average_risk(**arguments)


@pytest.mark.parametrize("sampler", ["exact_law", "normal_gradient"])
@pytest.mark.parametrize("features", [dict(feature_law="uniform"), dict(radial_spread=0.1)])
def test_samplers_for_gaussian_features_refuse_others(sampler, features):
    with pytest.raises(ValueError, match="sampler"):
        simulate_risk_curve(**GOOD, record_steps=[1], sampler=sampler, **features)


@pytest.mark.parametrize("sampler", ["exact_law", "direct"])
def test_a_run_that_overflows_is_refused(sampler):
    arguments = GOOD | dict(scheme=Scheme(30.0, 0.0, 30.0), sampler=sampler)
    assert np.all(simulate_risk_curve(**arguments, record_steps=[20]) > 1.0)
    with pytest.raises(ValueError, match=r"scheme.*diverges"):
        simulate_risk_curve(**arguments, record_steps=[2000])
    with pytest.raises(ValueError, match=r"scheme.*diverges"):
        simulate_tail_average_risk(**arguments, burn_in=2000, record_lengths=[1])
