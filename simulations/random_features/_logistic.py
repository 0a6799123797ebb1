"""Ridge-penalised logistic regression by Newton's method."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

__all__ = ["fit_logistic"]

_MAX_STEPS = 100


def fit_logistic(features: np.ndarray, labels: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Minimise ``sum_i log(1 + exp(-y_i f_i w)) + ridge |w|^2 / 2``; return w, (k,), and the mean loss without penalty.

    features: (n, k). labels: (n,), each 1 or -1. Raises ``RuntimeError`` when Newton's method does not converge.
    """
    if features.shape[0] < features.shape[1]:
        # The minimiser lies in the span of the samples: n coordinates instead of k.
        basis, triangle = np.linalg.qr(features.T)
        readout, loss = fit_logistic(triangle.T, labels, ridge)
        return basis @ readout, loss
    signed = labels[:, None] * features
    readout, margins = np.zeros(features.shape[1]), np.zeros(len(labels))
    objective = _objective(margins, readout, ridge)
    for _ in range(_MAX_STEPS):
        share = expit(-margins)
        gradient = ridge * readout - signed.T @ share
        weighted = np.sqrt(share * (1.0 - share))[:, None] * signed
        hessian = weighted.T @ weighted
        hessian[np.diag_indices_from(hessian)] += ridge
        step = cho_solve(cho_factor(hessian, lower=True, check_finite=False), -gradient, check_finite=False)
        decrement = -float(gradient @ step)
        # Newton converges quadratically: a full step from here leaves an error of rounding.
        if decrement <= 1e-14 * objective:
            return readout + step, float(np.mean(np.logaddexp(0.0, -(signed @ (readout + step)))))
        margin_step, length = signed @ step, 1.0
        while (
            trial := _objective(margins + length * margin_step, readout + length * step, ridge)
        ) > objective - 1e-4 * length * decrement:
            length /= 2.0
        readout, margins, objective = readout + length * step, margins + length * margin_step, trial
    raise RuntimeError(f"logistic regression did not converge in {_MAX_STEPS} Newton steps (ridge = {ridge})")


def _objective(margins: np.ndarray, readout: np.ndarray, ridge: float) -> float:
    return float(np.logaddexp(0.0, -margins).sum() + 0.5 * ridge * (readout @ readout))
