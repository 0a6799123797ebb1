"""One task for several claims, over sizes or along a path of ridges, so that they share simulations."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.random_features import simulate_gaussian_rf
from theory.random_features import RFRisk, power_law_task, rf_risk

EIGENVALUES, TARGET = power_law_task(1000, 1.5, 1.5)
TASK: dict[str, Any] = dict(eigenvalues=EIGENVALUES, target_coefficients=TARGET, noise_variance=0.2)
N_SAMPLES = 100
RIDGES = np.geomspace(1e-3, 10, 9)
ALLOWANCE = np.where(RIDGES < 2e-3, 4.0, np.where(RIDGES < 5e-3, 2.5, 1.5)) / N_SAMPLES
PRECISION = np.where(RIDGES < 2e-3, 0.02, np.where(RIDGES < 0.05, 0.01, 0.005))
REASON = (
    "correction of order 1/n; at k/n = 3/4, 9/10 and 11/10 with n = 50, 100, 200 measured at most 3.3/n at ridge "
    "0.001, 2.3/n at 0.003 and 1.3/n from 0.01 on"
)


def simulate_ridge_path(run: Any, counts: dict[int, int]) -> tuple[Any, RFRisk]:
    """Simulate and predict the path at some widths, each with its number of trials."""
    grid = run.grid(quick=dict(n_samples=[N_SAMPLES], n_features=list(counts)))
    trials = run.sample(simulate_gaussian_rf, grid, ridges=RIDGES, n_trials=list(counts.values()), **TASK)
    widths = grid.column("n_features")[:, np.newaxis]
    return trials, rf_risk(n_samples=N_SAMPLES, n_features=widths, ridge=RIDGES, **TASK)


def simulate_sizes(run: Any) -> tuple[Any, RFRisk, np.ndarray, np.ndarray, np.ndarray]:
    """Simulate and predict the task; return trials, prediction, samples and features as columns, and the ridges."""
    ridges = np.array([0.01, 0.1])
    grid = run.grid(
        quick=[dict(n_samples=120, n_features=k) for k in (80, 120, 240)],
        full=[dict(n_samples=n, n_features=k) for n in (150, 300) for k in (2 * n // 3, n, 2 * n)]
        + [dict(n_samples=600, n_features=400)],
    )
    n, k = (grid.column(name)[:, np.newaxis] for name in ("n_samples", "n_features"))
    counts = [run.choose(quick=128, full=128 if size == 600 else 256) for size in n.ravel()]
    trials = run.sample(simulate_gaussian_rf, grid, ridges=ridges, n_trials=counts, **TASK)
    return trials, rf_risk(n_samples=n, n_features=k, ridge=ridges, **TASK), n, k, ridges
