"""Hierarchical convolutional kernels on patches that are points of the circle.

An input is p angles, one per patch; the kernel has one ReLU layer on every patch and one on the mean over patches. It
sees the whole input through modes of every patch at once, and a single patch through modes of that patch alone, which
have larger eigenvalues: a target that depends on one patch is learnt faster.

Source: Cagnetta, Favero, Wyart, What can be learnt with wide convolutional neural networks? (ICML 2023),
arXiv 2208.01003 (exponents re-derived here, numbering unverified).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.fft import rfftn

from assay.base import array, choice, integer, number, require

__all__ = ["hierarchical_eigenvalues", "hierarchical_kernel", "hierarchical_learning_exponent"]

KINDS = ("rfk", "ntk")


def hierarchical_kernel(angle_differences: Sequence[Any], *, kind: str = "ntk") -> np.ndarray:
    """Return the kernel of two inputs from the differences of their angles, one per patch.

    ``angle_differences`` is a sequence of p arrays in radians that broadcast to the shape of the result. With the
    arc-cosine kernels kappa_1(cos a) = (sin a + cos a (pi - a)) / pi and kappa_0(cos a) = (pi - a) / pi and the mean
    t = mean_i kappa_1(cos d_i) over patches, the kernel of random features ("rfk") is kappa_1(t), the neural tangent
    kernel ("ntk") kappa_1(t) + kappa_0(t) mean_i [kappa_1 + cos d_i kappa_0](cos d_i). At equal inputs they are 1 and
    3. Exact. Raises ``ValueError`` naming the parameter.
    """
    choice("kind", kind, KINDS)
    deficits, tangents = [], []
    for differences in _read_differences(angle_differences):
        turns = np.round(differences / (2.0 * np.pi))
        angles = np.minimum(np.abs(differences - 2.0 * np.pi * turns), np.pi)
        # 1 - kappa_1 without cancellation: it fixes the angle of the next layer, which is its square root.
        deficits.append((2.0 * np.sin(0.5 * angles) ** 2 * (np.pi - angles) + angles - np.sin(angles)) / np.pi)
        if kind == "ntk":
            tangents.append(_first_order(angles) + np.cos(angles) * _zeroth_order(angles))
    angle = 2.0 * np.arcsin(np.sqrt(0.5 * _mean(deficits)))
    if kind == "rfk":
        return _first_order(angle)
    return _first_order(angle) + _zeroth_order(angle) * _mean(tangents)


def hierarchical_eigenvalues(grid_size: int, *, n_patches: int = 2, kind: str = "ntk") -> np.ndarray:
    """Return the eigenvalues of the kernel on a grid of angles 2 pi j / grid_size, shape (grid_size,) * n_patches.

    They are the Fourier coefficients of :func:`hierarchical_kernel` (inputs uniform), aliased by the grid, in the order
    of the fast Fourier transform: the constant mode, the largest, is at [0, ..., 0]. They sum to the kernel at equal
    inputs. With smoothness s = 3/2 (rfk) or 1/2 (ntk) modes of a single patch decay as k^(-2 s - 1), at fixed parity,
    and modes in which all n_patches frequencies grow together as k^(-2 s - n_patches). Negative rounding is set to 0.
    Work and memory O(grid_size^n_patches). Raises ``ValueError`` naming the parameter.
    """
    size = integer("grid_size", grid_size, "[1, inf)")
    patches = integer("n_patches", n_patches, "[1, inf)")
    angles = 2.0 * np.pi / size * np.arange(size // 2 + 1)
    kernel = hierarchical_kernel(np.meshgrid(*[angles] * patches, indexing="ij", sparse=True), kind=kind)
    # Even in each angle, and so are the eigenvalues in each frequency.
    mirror = np.ix_(*[np.minimum(np.arange(size), size - np.arange(size))] * patches)
    eigenvalues = rfftn(kernel[mirror]).real[mirror] / float(size) ** patches
    return np.maximum(eigenvalues, 0.0)


def hierarchical_learning_exponent(
    *, student_smoothness: float, teacher_smoothness: float, patch_dimension: int, input_dimension: int
) -> float:
    """Return beta, where the noiseless loss of ridgeless regression falls as n_samples^-beta.

    The target depends on ``patch_dimension`` = d of the ``input_dimension`` = D angles, with a power that decays as
    k^(-2 t - d), t = ``teacher_smoothness`` > 0; the kernel has smoothness s = ``student_smoothness`` > 0 (3/2 for
    rfk, 1/2 for ntk), eigenvalues k^(-2 s - d) on these d angles and an n-th eigenvalue n^(-1 - 2 s / D). Then
    beta = 2 t (D + 2 s) / (D (d + 2 s)), at most 2 (1 + 2 s / D). For d = D that is the cursed 2 t / D.

    Nature: asymptotic, derived by counting the modes that n samples resolve. Raises ``ValueError`` naming the
    parameter.
    """
    student = number("student_smoothness", student_smoothness, "(0, inf)")
    teacher = number("teacher_smoothness", teacher_smoothness, "(0, inf)")
    whole = integer("input_dimension", input_dimension, "[1, inf)")
    patch = integer("patch_dimension", patch_dimension, f"[1, {whole}]")
    eigenvalue_decay = 1.0 + 2.0 * student / whole
    return min(2.0 * teacher * eigenvalue_decay / (patch + 2.0 * student), 2.0 * eigenvalue_decay)


def _read_differences(angle_differences: Any) -> list[np.ndarray]:
    several = isinstance(angle_differences, Sequence) or np.ndim(angle_differences) > 0
    require(several and len(angle_differences) > 0, "angle_differences", angle_differences, "one array for each patch")
    arrays = [array(f"angle_differences[{patch}]", value) for patch, value in enumerate(angle_differences)]
    shapes = [value.shape for value in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        require(False, "angle_differences", shapes, "arrays of shapes that broadcast")
    return arrays


def _first_order(angles: np.ndarray) -> np.ndarray:
    return (np.sin(angles) + np.cos(angles) * (np.pi - angles)) / np.pi


def _zeroth_order(angles: np.ndarray) -> np.ndarray:
    return (np.pi - angles) / np.pi


def _mean(terms: Sequence[np.ndarray]) -> np.ndarray:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total / len(terms)
