"""Imbalanced cross-entropy at vanishing ridges: the label code of least nuclear norm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, certificate, claim, structure
from figures.neural_collapse._nuclear_norm import least_nuclear_norm
from figures.neural_collapse._training import gram_distance
from figures.neural_collapse.papers import IMBALANCE_TROUBLE
from simulations.neural_collapse import simulate_cross_entropy_training
from theory.neural_collapse import frame_distance, seli_geometry

SIZES = ((10, 10, 1, 1), (20, 7, 3), (100, 30, 10, 3, 1), (50, 50, 50, 1, 1, 1))
PARTS = ("logits", "class means", "classifier")


@claim(
    "neural_collapse.12",
    paper=IMBALANCE_TROUBLE,
    label="simplex-encoded-labels interpolation (numbering unverified)",
    nature="exact",
    evidence="certified",
    statement="The least nuclear norm of class-weighted logits with margins of at least one is that of the simplex "
    "code, whatever the class sizes; class means and classifier inherit its singular vectors, and one-layer "
    "cross-entropy tends to this geometry as the ridges vanish.",
    assumptions="One linear layer without bias, free features of dimension at least K, any positive class sizes.",
    formula=r"\min_Z \|Z D^{1/2}\|_\ast\;\;\mathrm{with}\;\; Z_{kk} - Z_{jk} \geq 1:\qquad Z = P,\quad "
    r"P D^{1/2} = U S V^T,\quad \mathrm{value}\;\;\mathrm{tr}\,S"
    "\n"
    r"W W^T \propto U S U^T,\qquad \bar H^T \bar H \propto D^{-1/2} V S V^T D^{-1/2}",
    normalisations="D: diagonal matrix of the class sizes n_k; Z: logits with a column for each class; P: projector "
    "orthogonal to the ones. Matrices are compared after division by their Frobenius norms.",
)
def least_nuclear_norm_labels(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=SIZES[:1], full=SIZES)
    yield from _convex_program(run, sizes)
    yield _dual_point(run)
    yield _two_sizes(run)
    yield _vanishing_ridges(run, run.choose(quick=SIZES[:1], full=SIZES[:2]))


def _convex_program(run: Any, sizes: Any) -> Iterator[Any]:
    """Value and matrices of the program as an interior-point method solves it."""
    solved = [run.compute(least_nuclear_norm, run.grid(quick=[dict(class_sizes=one)])) for one in sizes]
    yield agreement(
        "value",
        [solution.value[0] for solution in solved],
        [seli_geometry(one).nuclear_norm for one in sizes],
        estimator="exact",
        precision=1e-9,
        reason="the interior-point method stops at a relative gap of 1e-10",
        rivals={
            "an orthonormal code": [np.sqrt(one).sum() for one in sizes],
            "balanced classes": [(len(one) - 1) * np.sqrt(np.mean(one)) for one in sizes],
        },
        at=dict(class_sizes=_names(sizes)),
    )
    wanted = [_geometry(one) for one in sizes]
    found = [_from_logits(solution.logits[0], one) for solution, one in zip(solved, sizes, strict=True)]
    yield structure(
        "matrices",
        _distances(found, wanted),
        precision=1e-8,
        reason="the interior-point method stops at a relative gap of 1e-10; matrices are less accurate than the value",
        rivals={
            "simplex frames": _distances(found, [(simplex,) * 3 for simplex, *_ in wanted]),
            "class means weighted as the classifier": _distances(found, [(z, w, w) for z, _, w in wanted]),
        },
        at=dict(class_sizes=_names(sizes)[:, np.newaxis], part=PARTS),
    )


def _names(sizes: Any) -> np.ndarray:
    return np.array(["-".join(f"{n:g}" for n in one) for one in sizes])


def _geometry(sizes: Any) -> tuple[np.ndarray, ...]:
    """Return the predicted logits and Grams of class means and classifier."""
    geometry = seli_geometry(sizes)
    return _simplex(len(sizes)), geometry.class_mean_gram, geometry.classifier_gram


def _from_logits(logits: np.ndarray, sizes: Any) -> tuple[np.ndarray, ...]:
    """Return logits and Grams of the factors of least norm with these logits."""
    left, values, right = np.linalg.svd(logits * np.sqrt(sizes))
    return logits, (right.T * values) @ right / np.sqrt(np.outer(sizes, sizes)), (left * values) @ left.T


def _distances(found: Any, wanted: Any) -> list[list[float]]:
    return [list(map(frame_distance, *pair)) for pair in zip(found, wanted, strict=True)]


def _simplex(n_classes: int) -> np.ndarray:
    return np.eye(n_classes) - 1 / n_classes


def _dual_point(run: Any) -> Any:
    """U V^T D^(1/2) proves the value: it weights margins alone, with multipliers that are not negative.

    Its columns sum to zero and no entry off the diagonal is positive. For logits with margins of at least 1 the inner
    product with it is then at least its trace, and at most the nuclear norm, as U V^T has operator norm 1.
    """
    generator = np.random.default_rng(run.seed)
    counts = generator.integers(2, 13, run.choose(quick=20, full=200))
    spread = generator.choice([1.0, 3.0, 8.0], len(counts))
    sizes = [np.exp(generator.uniform(0, width, count)) for count, width in zip(counts, spread, strict=True)]
    return certificate(
        "dual-point",
        [_residuals(one) for one in sizes],
        precision=1e-12,
        reason="rounding, relative to the root of the largest size and to the value",
        controls={"class sizes on the wrong side": [_residuals(one, wrong=True) for one in sizes]},
        at=dict(n_classes=counts[:, np.newaxis], part=["column sums", "signs", "gap"]),
    )


def _residuals(sizes: np.ndarray, wrong: bool = False) -> list[float]:
    weighted = _simplex(len(sizes)) * np.sqrt(sizes)
    left, _, right = np.linalg.svd(weighted.T if wrong else weighted)
    dual = left[:, :-1] @ right[:-1] * np.sqrt(sizes)
    unit, off = np.sqrt(sizes.max()), ~np.eye(len(sizes), dtype=bool)
    gap = np.trace(dual) / seli_geometry(sizes).nuclear_norm - 1
    return [np.abs(dual.sum(axis=0)).max() / unit, max(dual[off].max() / unit, 0.0), abs(gap)]


def _two_sizes(run: Any) -> Any:
    """Classes of two sizes: three distinct singular values in closed form."""
    grid = [(a, b, n, m) for a in (2, 3, 6) for b in (2, 5) for n, m in ((10, 1), (50, 5), (1000, 3))]
    grid = np.array(run.choose(quick=grid[:6], full=grid))
    k_major, k_minor, major, minor = grid.T
    equal = (k_major - 1) * np.sqrt(major) + (k_minor - 1) * np.sqrt(minor)
    mixed = (k_major * minor + k_minor * major) / (k_major + k_minor)
    return agreement(
        "two-sizes",
        [np.linalg.svd(_simplex(a + b) * np.sqrt([n] * a + [m] * b), compute_uv=False).sum() for a, b, n, m in grid],
        equal + np.sqrt(mixed),
        estimator="exact",
        precision=1e-13,
        reason="rounding of singular values; the last of them is zero",
        rivals={
            "mixed mode at the mean size": equal + np.sqrt((k_major * major + k_minor * minor) / (k_major + k_minor))
        },
        at=dict(n_majority_classes=k_major, n_minority_classes=k_minor, majority_size=major, minority_size=minor),
    )


def _vanishing_ridges(run: Any, sizes: Any) -> Any:
    """Trained matrices in the inverse of their least margin, which vanishes like 1 / log(1 / ridge), extended to 0."""
    ridges = np.geomspace(1e-4, 5e-6, 5)
    grid = run.grid(quick=[dict(class_sizes=one, weight_ridges=(ridge,), feature_ridge=ridge, width=len(one) + 1)
                           for one in sizes for ridge in ridges.tolist()])  # fmt: skip
    runs = run.sample(simulate_cross_entropy_training, grid, n_trials=[1] * len(grid))
    found, smallest = [], []
    for start in range(0, len(grid), len(ridges)):
        logits, grams = ([field[i][0] for i in range(start, start + len(ridges))]
                         for field in (runs.logits, runs.class_mean_gram))  # fmt: skip
        classifiers = [z @ np.linalg.pinv(gram, rcond=1e-8) @ z.T for z, gram in zip(logits, grams, strict=True)]
        off = ~np.eye(len(logits[0]), dtype=bool)
        inverse = [1 / (np.diag(z) - z)[off].min() for z in logits]
        to_zero = np.linalg.inv(np.vander(inverse, increasing=True))[0]  # of the polynomial through all five
        parts = [np.array([one / np.linalg.norm(one) for one in part]) for part in (logits, grams, classifiers)]
        found.append([np.tensordot(to_zero, part, 1) for part in parts])
        smallest.append([part[-1] for part in parts])
    wanted = [_geometry(one) for one in sizes]

    def distances(matrices: Any, references: Any) -> list[list[float]]:
        return [[gram_distance(a, b / np.linalg.norm(b)) for a, b in zip(*pair, strict=True)]
                for pair in zip(matrices, references, strict=True)]  # fmt: skip

    return structure(
        "vanishing-ridges",
        distances(found, wanted),
        precision=1e-3,
        reason="what a polynomial of degree 4 through ridges of 1e-4 to 5e-6 leaves: 6e-4 measured, 0.03 and more at "
        "the smallest ridge",
        rivals={
            "simplex frames": distances(found, [(simplex,) * 3 for simplex, *_ in wanted]),
            "reached at a ridge of 5e-6": distances(smallest, wanted),
        },
        at=dict(class_sizes=_names(sizes)[:, np.newaxis], part=PARTS),
    )
