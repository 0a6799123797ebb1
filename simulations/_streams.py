"""Independent random streams, one for each trial."""

from __future__ import annotations

import numpy as np

from assay.base import integer, require


def spawn_streams(seed: int | np.random.SeedSequence, n_trials: int, *, block: int = 1) -> list[np.random.Generator]:
    """Return one PCG64DXSM generator per trial, or per block of ``block`` trials where a trial costs less than 1 ms.

    ``seed`` is an int or a ``SeedSequence``. Trial ``i`` draws from the same stream whether the trials are run at once
    or in parts: a sequence with ``n_children_spawned = f`` continues at trial ``f``, which must be a multiple of
    ``block``. Raises ``ValueError`` for a negative seed or ``n_trials < 1``.
    """
    n_trials = integer("n_trials", n_trials, "[1, inf)")
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(integer("seed", seed, "[0, inf)"))
    first = seed.n_children_spawned
    require(first % block == 0, "n_children_spawned", first, f"a multiple of the block of {block} trials")
    children = (
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, trial), pool_size=seed.pool_size)
        for trial in range(first, first + n_trials, block)
    )
    return [np.random.Generator(np.random.PCG64DXSM(child)) for child in children]
