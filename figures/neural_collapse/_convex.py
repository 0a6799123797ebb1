"""The training problems of one layer as convex programs, for a conic solver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def nuclear_norm_optimum(
    *, kind: str, class_sizes: Sequence[float], weight_ridge: float, feature_ridge: float
) -> dict[str, np.ndarray]:
    """Return the least "squared" or "cross-entropy" loss plus c times the nuclear norm of the end-to-end matrix."""
    import cvxpy as cp

    sizes, n_classes = np.array(class_sizes), len(class_sizes)
    matrix = cp.Variable((n_classes, n_classes))  # a column for each class
    penalty = np.sqrt(weight_ridge * feature_ridge) * cp.normNuc(matrix @ np.diag(np.sqrt(sizes)))
    if kind == "squared":
        loss = 0.5 * cp.sum_squares((matrix - np.eye(n_classes)) @ np.diag(np.sqrt(sizes))) / sizes.sum()
    else:
        loss = (sizes / sizes.sum()) @ (cp.log_sum_exp(matrix, axis=0) - cp.diag(matrix))
    problem = cp.Problem(cp.Minimize(loss + penalty))
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    if problem.status != cp.OPTIMAL:
        raise RuntimeError(f"the conic solver ends with status {problem.status}")
    return dict(value=np.array(problem.value))
