"""Random features, deep random features and sketched least squares."""

from figures.random_features import eigenframework

__all__ = ["eigenframework"]
