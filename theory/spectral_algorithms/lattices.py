"""Training points that form a lattice in the torus: the kernel matrix is circulant and modes alias, as on the circle.

For a rank-1 lattice x_j = 2 pi j g / n + u (generator g in Z^p, u uniform on the torus) a mode exp(i l.x) falls into
the residue class l.g modulo n, and the loss is that of the Circle model with sums over these classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, integer, number, require
from theory.spectral_algorithms import _aliasing
from theory.spectral_algorithms._modes import require_finite_sum

__all__ = ["aliased_loss", "lattice_residues"]


def aliased_loss(
    profile: Any, n_samples: int, *, eigenvalues: Any, target_power: Any, residue_classes: Any, noise_variance: float
) -> float:
    """Return the loss of a spectral algorithm on a lattice of ``n_samples`` points, averaged over its shift.

    ``eigenvalues`` >= 0, squared target coefficients ``target_power`` >= 0 and ``residue_classes`` in
    0 .. n_samples - 1, all (P,), one entry per mode; every class has a mode. ``profile`` is a ``Profile`` or a function
    from eigenvalues to h, ``noise_variance`` >= 0. Classes whose eigenvalues are all 0 stay unlearnt. Nature: exact for
    any finite set of modes. Work O(P). Raises ``ValueError`` naming the parameter.
    """
    n = integer("n_samples", n_samples, "[1, inf)")
    values = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    require(bool(values.any()), "eigenvalues", "array of zeros", "at least one positive eigenvalue")
    power = array("target_power", target_power, "[0, inf)", shape=values.shape)
    require_finite_sum("eigenvalues", values)
    require_finite_sum("target_power", power)
    classes = _read_classes(residue_classes, len(values), n)
    noise = number("noise_variance", noise_variance, "[0, inf)") / n
    return float(np.sum(_aliasing.loss(profile, _aliasing.alias(values, power, classes, n), noise)))


def lattice_residues(grid_size: int, n_samples: int, *, generator: Any) -> np.ndarray:
    """Return (sum_i g_i k_i) modulo ``n_samples`` for all frequencies of a grid, an integer array (grid_size,) * p.

    The frequencies k_i = 0, 1, ..., -2, -1 are in the order of the fast Fourier transform, as in
    ``hierarchical_eigenvalues``; ``generator`` g has p integers. Exact. Raises ``ValueError`` naming the parameter.
    """
    size = integer("grid_size", grid_size, "[1, inf)")
    n = integer("n_samples", n_samples, "[1, 2147483647]")  # products of residues fit into 64 bits
    require(np.ndim(generator) == 1 and len(generator) > 0, "generator", generator, "a sequence of integers")
    frequencies = (np.arange(size) + size // 2) % size - size // 2
    residues = np.zeros((size,) * len(generator), dtype=np.int64)
    for axis, entry in enumerate(generator):
        step = integer(f"generator[{axis}]", entry) % n
        shape = [size if other == axis else 1 for other in range(len(generator))]
        residues += (step * (frequencies % n) % n).reshape(shape)
    return residues % n


def _read_classes(residue_classes: Any, n_modes: int, n: int) -> np.ndarray:
    classes = np.asarray(residue_classes)
    require(np.issubdtype(classes.dtype, np.integer), "residue_classes", classes.dtype, "an array of integers")
    require(
        classes.shape == (n_modes,),
        "residue_classes",
        f"array of shape {classes.shape}",
        f"an array of shape ({n_modes},)",
    )
    inside = (classes >= 0) & (classes < n)
    if not inside.all():
        first = int(np.argmin(inside))
        require(False, f"residue_classes[{first}]", int(classes[first]), f"an integer in [0, {n - 1}]")
    classes = classes.astype(np.int64)
    empty = np.flatnonzero(np.bincount(classes, minlength=n) == 0)
    rule = f"a mode in each class 0 .. {n - 1}; {len(empty)} are empty"
    require(not len(empty), "residue_classes", f"array of shape {classes.shape}", rule)
    return classes
