"""The least nuclear norm of class-weighted logits with margins of at least 1, as a convex program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def least_nuclear_norm(class_sizes: Sequence[float]) -> dict[str, np.ndarray]:
    """Minimise the nuclear norm of Z D^(1/2) over logits Z (K, K), a column for each class."""
    import cvxpy as cp

    n_classes = len(class_sizes)
    logits = cp.Variable((n_classes, n_classes))
    gaps = cp.reshape(cp.diag(logits), (1, n_classes), order="F") - logits
    margins = [gaps + np.eye(n_classes) >= 1]  # nothing is asked of the own logit
    problem = cp.Problem(cp.Minimize(cp.normNuc(logits @ np.diag(np.sqrt(class_sizes)))), margins)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    if problem.status != "optimal":
        raise RuntimeError(f"the program for {class_sizes = } ended as {problem.status}")
    return dict(value=np.array(problem.value), logits=logits.value)
