"""Numerics around the exact transform: linear programs, mixtures, and values for its figure."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from theory.h_consistency import h_consistency_bound, h_consistency_transform, tight_bound, tight_transform


def least_regrets_by_programs(*, tau: float, n_classes: int, betas: list[float]) -> np.ndarray:
    """Return the least regrets at every beta for tau >= 2: the least over sizes m of the pool of the predicted class.

    The variables are the largest probability P and those of the other classes but the predicted one, whose own is
    P - beta; the regret times tau - 1 is P - m^(1 - tau) times the probability of the pool.
    """
    n_others = n_classes - 2
    least = []
    for beta in betas:
        values = [beta]  # the predicted class alone
        for size in range(2, n_classes + 1):
            share = size ** (1.0 - tau)
            others_in_pool = np.arange(n_others) < size - 2
            found = linprog(
                np.concatenate([[1.0 - 2.0 * share], -share * others_in_pool]),
                A_ub=np.hstack([-np.ones((n_others, 1)), np.eye(n_others)]) if n_others else None,
                b_ub=np.zeros(n_others) if n_others else None,
                A_eq=[[2.0, *np.ones(n_others)]],
                b_eq=[1.0 + beta],
                bounds=[(beta, 1.0)] + [(0.0, 1.0)] * n_others,
            )
            if found.status != 0:
                raise RuntimeError(f"linear program at beta = {beta}, m = {size}: {found.message}")
            values.append(found.fun + share * beta)
        least.append(min(values) / (tau - 1.0))
    return np.array(least)


def best_mixture(regrets: np.ndarray, betas: np.ndarray, mean_regret: float) -> float:
    """Return the largest mean beta that a mixture of two points reaches at a mean regret."""
    low, high = regrets <= mean_regret, regrets > mean_regret
    weight = (mean_regret - regrets[low]) / (regrets[high][:, np.newaxis] - regrets[low])
    return float((betas[low] + weight * (betas[high][:, np.newaxis] - betas[low])).max())


def three_class_ratios(tau: np.ndarray, beta: float) -> np.ndarray:
    """Return the regret of p = (beta, 0, 1 - beta), all scores tied, over the two-class transform."""
    power = 1.0 / (2.0 - tau)
    best = (beta**power + (1.0 - beta) ** power) ** (2.0 - tau)
    return (
        (best - 3.0 ** (1.0 - tau))
        / (tau - 1.0)
        / [h_consistency_transform(beta, tau=one, n_classes=2) for one in tau.tolist()]
    )


def bounds_against_classes(*, tau: float, classes: list[int], surrogate_regret: float) -> dict[str, np.ndarray]:
    """Return both bounds on the zero-one regret at every number of classes."""
    both = dict(exact=tight_bound, published=h_consistency_bound)
    return {
        name: np.array([form(surrogate_regret, tau=tau, n_classes=n) for n in classes]) for name, form in both.items()
    }


def ratios_to_two_classes(*, n_classes: int, taus: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Return the exact over the two-class transform, (n_taus, n_betas)."""
    return np.array(
        [
            tight_transform(betas, tau=tau, n_classes=n_classes) / h_consistency_transform(betas, tau=tau, n_classes=2)
            for tau in taus.tolist()
        ]
    )
