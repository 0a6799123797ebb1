"""What the simulators of this family check at the door, and how their trials share streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, number, require
from simulations._streams import spawn_streams

__all__ = ["Scheme", "checked_eigenvalues", "checked_records", "checked_scheme", "finite", "run_blocks"]

STREAM_BLOCK = 64  # trials to a stream: a short trial takes microseconds, a stream and a call to a kernel take thirty


class Scheme(Protocol):
    """Any object that holds the three numbers of a momentum scheme."""

    @property
    def learning_rate(self) -> float: ...

    @property
    def momentum(self) -> float: ...

    @property
    def lookahead_learning_rate(self) -> float: ...


def checked_scheme(scheme: Scheme) -> tuple[float, float, float]:
    """Return (learning_rate, momentum, lookahead_learning_rate) of a scheme whose mean dynamics can converge."""
    names = ("learning_rate", "momentum", "lookahead_learning_rate")
    require(all(hasattr(scheme, name) for name in names), "scheme", scheme, f"an object with {', '.join(names)}")
    learning_rate = number("scheme.learning_rate", scheme.learning_rate, "[0, inf)")
    momentum = number("scheme.momentum", scheme.momentum, "[0, 1)")
    ahead = number("scheme.lookahead_learning_rate", scheme.lookahead_learning_rate, "(0, inf)")
    rule = f"more than momentum times learning_rate, {momentum * learning_rate}"
    require(ahead > momentum * learning_rate, "scheme.lookahead_learning_rate", ahead, rule)
    return learning_rate, momentum, ahead


def checked_eigenvalues(eigenvalues: ArrayLike) -> np.ndarray:
    """Return the eigenvalues of the feature covariance, (d,), all positive."""
    return array("eigenvalues", eigenvalues, "(0, inf)", shape=(None,))


def checked_records(name: str, records: ArrayLike, first: int) -> np.ndarray:
    """Return strictly increasing whole numbers, the least of them at least ``first``, as int64."""
    values = array(name, records, f"[{first}, {2**53}]", shape=(None,))
    rule = "strictly increasing whole numbers"
    require(bool(np.all(values == np.floor(values)) and np.all(np.diff(values) > 0)), name, records, rule)
    return values.astype(np.int64)


def finite(samples: np.ndarray, name: str, value: Any) -> np.ndarray:
    """Return the samples of a run; raise ``ValueError`` naming what made the run leave the finite range."""
    require(bool(np.isfinite(samples).all()), name, value, "a run that stays finite; this one diverges")
    return samples


def run_blocks(
    kernel: Callable[..., None], samples: np.ndarray, seed: int | np.random.SeedSequence, *arguments: Any
) -> np.ndarray:
    """Fill ``samples``, (n_trials, ...), by calls ``kernel(rng, *arguments, block)``, one stream for each block.

    A kernel draws its trials one after the other, so that a trial does not depend on how many follow it.
    """
    for block, rng in enumerate(spawn_streams(seed, len(samples), block=STREAM_BLOCK)):
        kernel(rng, *arguments, samples[block * STREAM_BLOCK : (block + 1) * STREAM_BLOCK])
    return samples
