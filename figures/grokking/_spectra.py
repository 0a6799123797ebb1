"""Spectra of random inputs, and of the tangent kernel that an infinitely wide network has on them."""

from __future__ import annotations

import numpy as np

from simulations.grokking import sample_polynomial_regression


def simulate_spectra(
    *, n_features: int, sample_ratio: float, quadratic_strength: float, n_trials: int, seed: np.random.SeedSequence
) -> dict[str, np.ndarray]:
    """Return averages over the spectra of random inputs, (n_trials,) each.

    With s the eigenvalues of X'X and epsilon^2 as ridge: ``feature_resolvent``, the mean of 1 / (s + ridge);
    ``sample_resolvent``, the same over the eigenvalues of XX'; ``variance_factor``, the mean of s / (s + ridge)^2.
    ``edge`` is the largest stable learning rate with the tangent kernel of an infinitely wide network on these inputs.
    """
    rows, ridge = [], quadratic_strength**2
    for child in seed.spawn(n_trials):
        X = sample_polynomial_regression(round(sample_ratio * n_features), n_features, seed=child).features
        gram = X @ X.T
        samples = np.linalg.eigvalsh(gram)
        features = np.linalg.eigvalsh(X.T @ X)
        top = np.linalg.eigvalsh(gram * (1 + ridge * gram))[-1]
        rows.append((np.mean(1 / (features + ridge)), np.mean(1 / (samples + ridge)),
                     np.mean(features / (features + ridge) ** 2), len(X) / (n_features * top)))  # fmt: skip
    names = ("feature_resolvent", "sample_resolvent", "variance_factor", "edge")
    return dict(zip(names, np.array(rows).T, strict=True))
