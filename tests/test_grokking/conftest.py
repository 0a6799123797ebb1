"""Data without random numbers, on which the reference values were computed."""

import numpy as np
import pytest


@pytest.fixture
def cosine_data():
    """A function from (n_samples, n_features, target_offset) to features, labels and direction."""

    def build(n_samples, n_features, target_offset):
        i, j = np.arange(1, n_samples + 1)[:, None], np.arange(1, n_features + 1)
        phases = np.sqrt(2) * i * j + 0.3 * np.sqrt(3) * i**2 + 0.7 * j**2
        features = np.sqrt(2 / n_features) * np.cos(phases)
        direction = np.sin(j)
        direction *= np.sqrt(n_features / (direction @ direction))
        return features, 0.5 * ((features @ direction) ** 2 - target_offset), direction

    return build


@pytest.fixture
def cosine_weights():
    """A function from (width, n_features) to the weights of a narrow network."""

    def build(width, n_features):
        return np.sqrt(2) * np.cos(np.sqrt(5) * np.arange(1, width + 1)[:, None] * np.arange(1, n_features + 1) + 1)

    return build
