"""The long run of the paper's loss curves by the recursion of the statistics, with what it learns on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.grokking._networks import random_network, statistics
from simulations.grokking import train_statistics
from theory.grokking import (
    first_order_features,
    lazy_training_path,
    population_kernel_alignment,
    tangent_kernel,
    test_loss_terms,
)


def published_run(
    *, n_samples: int, n_features: int, width: int, target_offset: float, seed: int, output_scale: float,
    quadratic_strength: float, learning_rate: float, n_steps: int, record_steps: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return losses, loss terms, alignment and size of the weights at the recorded steps, (n_records, ...).

    ``uncentred`` is the loss if the terms are taken of the statistics and not of their change; ``lazy_train`` and
    ``lazy_test`` are the losses with the kernel of the start, ``regression`` their test loss after infinite time.
    """
    data, weights = random_network(n_samples=n_samples, n_features=n_features, width=width, seed=seed,
                                   target_offset=target_offset)  # fmt: skip
    start, steps = statistics(weights), np.asarray(record_steps)
    rates = dict(learning_rate=learning_rate, n_steps=n_steps, target_offset=target_offset)
    strength = dict(quadratic_strength=quadratic_strength)
    path = train_statistics(**vars(data), output_scale=output_scale, **strength, **rates, **start,
                            record_steps=steps.tolist())  # fmt: skip
    model = dict(output_scale=output_scale, target_offset=target_offset, **strength)
    initial = {f"initial_{name}": value for name, value in start.items()}
    recorded = list(zip(path.mean_weight, path.second_moment, strict=True))
    terms = [test_loss_terms(*pair, data.direction, **model, **initial) for pair in recorded]
    whole = [test_loss_terms(*pair, data.direction, **model).total for pair in recorded]
    aligned = [population_kernel_alignment(*pair, data.direction, target_offset=target_offset, **strength)
               for pair in recorded]  # fmt: skip
    lazy = lazy_training_path(**vars(data), **strength, **rates, **start)
    return dict(
        train=path.train_loss[steps],
        terms=[(one.variance, one.misalignment, one.linear) for one in terms],
        uncentred=whole,
        alignment=aligned,
        trace=path.trace[steps],
        lazy_train=lazy.train_loss[steps],
        lazy_test=lazy.test_loss[steps],
        regression=_regression_loss(data, start, model),
    )


def _regression_loss(data: Any, start: dict[str, np.ndarray], model: dict[str, Any]) -> float:
    """Return the test loss of regression with the kernel of the start."""
    scale = {name: model[name] for name in ("output_scale", "quadratic_strength")}
    kernel = tangent_kernel(data.features, data.features, *start.values(),
                            quadratic_strength=model["quadratic_strength"])  # fmt: skip
    dual = np.linalg.solve(kernel, data.labels)
    return test_loss_terms(*first_order_features(data.features, dual, **scale, **start), data.direction, **model).total
