"""The measures of neural collapse: their definitions, what they cannot see, and their values on trained models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, fields
from typing import Any

import numpy as np

from assay import agreement, claim, structure
from figures.neural_collapse._training import train, unequal_ridges
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from theory.neural_collapse import NeuralCollapseMetrics, frame_distance, neural_collapse_metrics

NAMES = [field.name for field in fields(NeuralCollapseMetrics)]


@claim(
    "neural_collapse.13",
    paper=DEEP_LINEAR_COLLAPSE,
    label="metrics of the experiments (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="Variability within classes and distances from the simplex and the orthonormal frame measure collapse: "
    "they do not change under rotations, scales and orders, and vanish at the predicted frames. An orthonormal "
    "frame is at a closed distance from the simplex frame, which centred class means do not see: centring makes one of "
    "the other.",
    assumptions="Every class has a sample, class means are not all equal, the classifier is not zero.",
    formula=r"\mathrm{NC1} = \frac{1}{K}\,\mathrm{tr}\,\Sigma_W \Sigma_B^{+},\qquad "
    r"d(A, B) = \| A/\|A\|_F - B/\|B\|_F \|_F"
    "\n"
    r"d(I, P) = \sqrt{2 - 2\sqrt{(K-1)/K}}",
    normalisations="Within-class covariance: sum over samples over N. Between-class covariance: sum over the K class "
    "means around the mean of all samples, over K. P: projector orthogonal to the ones. Pseudo-inverse cut at 1e-10.",
)
def metrics_of_collapse(run: Any) -> Iterator[Any]:
    yield _definitions(run)
    yield _constant(run)
    yield _invariances(run)
    yield _trained(run)


def _instances(run: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return random features, labels and classifiers; fewer features than classes, or samples than features, too."""
    generator = np.random.default_rng(run.seed)
    instances = []
    for _ in range(run.choose(quick=10, full=40)):
        n_classes, dimension = int(generator.integers(2, 8)), int(generator.integers(2, 20))
        sizes = generator.integers(1, 9, n_classes) + np.eye(n_classes, dtype=int)[0]  # some variability within classes
        labels = np.repeat(np.arange(n_classes), sizes)
        generator.shuffle(labels)
        means = 2 * generator.standard_normal((dimension, n_classes)) + 1
        features = means[:, labels] + generator.standard_normal((dimension, len(labels)))
        instances.append((features, labels, generator.standard_normal((n_classes, dimension))))
    return instances


def _definitions(run: Any) -> Any:
    instances = _instances(run)
    ours = np.array([astuple(neural_collapse_metrics(*instance)) for instance in instances])

    def deviations(**wrong: bool) -> np.ndarray:
        return (np.array([_dense(*instance, **wrong) for instance in instances]) - ours) / (1 + ours)

    return structure(
        "definitions",
        deviations(),
        precision=1e-10,
        reason="in units of 1 plus the metric: rounding of dense matrices whose condition is at most 1e5",
        rivals={
            "between-class covariance weighted by class size": deviations(weighted=True),
            "means not centred": deviations(centred=False),
            "mean of the class means": deviations(global_mean=False),
            "Grams not normalised": deviations(normalised=False),
        },
        at=dict(instance=np.arange(len(instances))[:, np.newaxis], metric=NAMES),
    )


def _dense(features: np.ndarray, labels: np.ndarray, classifier: np.ndarray, *, weighted: bool = False,
           centred: bool = True, global_mean: bool = True, normalised: bool = True) -> list[float]:  # fmt: skip
    """Return the metrics from their definitions, a sample and a class at a time, or in one wrong way."""
    n_classes, (dimension, n_samples) = len(classifier), features.shape
    means = [features[:, labels == k].mean(axis=1) for k in range(n_classes)]
    middle = features.mean(axis=1) if global_mean else np.mean(means, axis=0)
    middle = middle if centred else np.zeros(dimension)
    within, between = np.zeros((dimension, dimension)), np.zeros((dimension, dimension))
    for column, label in zip(features.T, labels, strict=True):
        within += np.outer(column - means[label], column - means[label]) / n_samples
    for k, mean in enumerate(means):
        weight = np.sum(labels == k) / n_samples if weighted else 1 / n_classes
        between += weight * np.outer(mean - middle, mean - middle)
    plain = np.column_stack(means)
    moved = plain - middle[:, np.newaxis]
    simplex, orthonormal = np.eye(n_classes) - 1 / n_classes, np.eye(n_classes)

    def apart(gram: np.ndarray, frame: np.ndarray) -> float:
        size = np.sqrt(np.trace(gram.T @ gram)) if normalised else np.sqrt(np.trace(frame))
        return float(np.sqrt(np.sum((gram / size - frame / np.sqrt(np.trace(frame))) ** 2)))

    gram = classifier @ classifier.T
    return [
        float(np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / n_classes),
        float(np.trace(within) / np.trace(between)),
        apart(gram, simplex), apart(gram, orthonormal),
        apart(moved.T @ moved, simplex), apart(plain.T @ plain, orthonormal),
        apart(classifier @ moved, simplex), apart(classifier @ plain, orthonormal),
    ]  # fmt: skip


def _constant(run: Any) -> Any:
    """Orthonormal and simplex frames as vectors in random bases: their Grams, and their distance."""
    counts = np.array(run.choose(quick=(2, 3, 10), full=(2, 3, 4, 5, 10, 30, 100, 300)))
    generator = np.random.default_rng(run.seed)
    found = []
    for count in counts:
        first, second = (np.linalg.qr(generator.standard_normal((count + 2, count)))[0] for _ in range(2))
        corners = second - second.mean(axis=1, keepdims=True)
        found.append(frame_distance(first.T @ first, 7 * corners.T @ corners))
    return agreement(
        "distance-of-frames",
        found,
        np.sqrt(2 - 2 * np.sqrt((counts - 1) / counts)),
        estimator="exact",
        precision=1e-12,
        reason="rounding over the distance, at least 0.05",
        rivals={
            "without the inner root": np.sqrt(2 / counts),
            "leading order for many classes": 1 / np.sqrt(counts),
        },
        at=dict(n_classes=counts),
    )


def _invariances(run: Any) -> Any:
    generator = np.random.default_rng((run.seed, 1))
    moves = {
        "rotated": [],
        "scaled": [],
        "samples in another order": [],
        "classes renamed": [],
        "every sample twice": [],
    }
    sheared = []
    instances = _instances(run)
    for features, labels, classifier in instances:
        before = np.array(astuple(neural_collapse_metrics(features, labels, classifier)))
        rotation = np.linalg.qr(generator.standard_normal((len(features),) * 2))[0]
        order, names = generator.permutation(len(labels)), generator.permutation(len(classifier))
        images = [
            (rotation @ features, labels, classifier @ rotation.T),
            (100 * features, labels, classifier / 1000),
            (features[:, order], labels[order], classifier),
            (features, names[labels], classifier[np.argsort(names)]),
            (np.tile(features, 2), np.tile(labels, 2), classifier),
        ]
        for name, image in zip(moves, images, strict=True):
            moves[name].append((np.array(astuple(neural_collapse_metrics(*image))) - before) / (1 + before))
        stretched = np.linspace(1, 1 + 1e-6, len(features))[:, np.newaxis] * features
        sheared.append(
            (np.array(astuple(neural_collapse_metrics(stretched, labels, classifier))) - before) / (1 + before)
        )
    return structure(
        "invariances",
        list(moves.values()),
        precision=1e-10,
        reason="in units of 1 plus the metric: rounding over between-class covariances whose condition is at most 1e5",
        controls={"axes stretched by up to 1e-6": [sheared] * len(moves)},
        at=dict(move=np.array(list(moves))[:, np.newaxis, np.newaxis], metric=NAMES),
    )


def _trained(run: Any) -> Any:
    """Heads trained on balanced classes: orthonormal frames without a bias, simplex frames with a free one."""
    shapes = run.choose(quick=((4, 1),), full=((3, 1), (4, 2), (6, 1), (5, 3)))
    problems = [dict(class_sizes=(10.0,) * count, width=count + 2, bias=bias) | unequal_ridges(depth, 1e-3)
                for count, depth in shapes for bias in (False, True)]  # fmt: skip
    trained = train(run, problems, n_trials=8)
    rows, wanted = [], []
    for problem, gram, product in zip(
        problems, trained.each("class_mean_gram"), trained.each("end_to_end"), strict=True
    ):
        count = len(problem["class_sizes"])
        values, vectors = np.linalg.eigh(gram)
        kept = values > 1e-8 * values[-1]
        features = np.sqrt(values[kept])[:, np.newaxis] * vectors[:, kept].T  # some vectors with the trained Gram
        measured = neural_collapse_metrics(features, np.arange(count), product @ np.linalg.pinv(features))
        rows.append(astuple(measured))
        apart = float(np.sqrt(2 - 2 * np.sqrt((count - 1) / count)))
        # A simplex frame is apart from all "of" targets; an orthonormal one, once centred, only by its weights.
        wanted.append([0, 0, 0, apart, 0, apart, 0, apart] if problem["bias"] else [0, 0, apart, 0, 0, 0, 0, 0])
    swapped = np.array(wanted).reshape(-1, 2, len(NAMES))[:, ::-1].reshape(-1, len(NAMES))
    return agreement(
        "trained-frames",
        rows,
        wanted,
        estimator="exact",
        unit="absolute",
        precision=1e-10,
        reason="training ends at rounding error, amplified by the flatness of the minimum",
        rivals={"bias and no bias exchanged": swapped},
        at=dict(
            n_classes=np.array([len(problem["class_sizes"]) for problem in problems])[:, np.newaxis],
            n_layers=np.array([len(problem["weight_ridges"]) for problem in problems])[:, np.newaxis],
            bias=np.array([problem["bias"] for problem in problems])[:, np.newaxis],
            metric=NAMES,
        ),
    )
