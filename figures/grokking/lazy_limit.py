"""The lazy limit on given data, the rate at which it is reached, and the first features that a network grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.grokking import lazy_drawings
from figures.grokking._lazy_networks import TRAINING, lazy_start, train_at_scale
from figures.grokking._networks import SETTING
from figures.grokking.papers import LAZY_TO_RICH
from theory.grokking import first_order_features, lazy_training_path, tangent_kernel

lazy_figure = figure("grokking.lazy", lazy_drawings.draw_lazy)

WIDTHS = np.array(["25", "infinite"])
GAPS = np.array(["train loss", "test loss", "second moment", "its remainder", "remainder of the mean"])
LOSSES = np.array(["train_loss", "test_loss"])
STEPS = np.array([1, 5, 20])
STRENGTH = dict(quadratic_strength=TRAINING["quadratic_strength"])


@claim(
    "grokking.4",
    paper=LAZY_TO_RICH,
    label="linearised dynamics (numbering unverified), with the law of the first features",
    nature="asymptotic",
    status="beyond",
    evidence="numerical",
    statement="For a large output scale a network of any width trains as the regression with the kernel of its start, "
    "up to 1/alpha. Its first features are 1/alpha times a spectral estimator whose weights are the dual coefficients "
    "of that regression, up to 1/alpha^2.",
    assumptions="Given data, centred output, fixed quadratic strength, a learning rate below the edge of stability. "
    "The limit is the paper's, the law of the features ours.",
    formula=r"f_t - f_0\to K_0(\cdot,X)\,a_t,\qquad a_t = K_0^{-1}\left[I - (I - \frac{2\eta d}{n}K_0)^t\right]y"
    "\n"
    r"\alpha\,\delta M\to X^\top a\,\bar w_0^\top + \bar w_0\,a^\top X + \varepsilon(HM_0 + M_0H),\qquad "
    r"H = X^\top\mathrm{diag}(a)X"
    "\n"
    r"\alpha\,\delta\bar w\to X^\top a + \varepsilon X^\top(a\odot X\bar w_0),\qquad "
    r"\frac{\alpha^2}{N}\sum_i|\delta w_i|^2\to a^\top K_0a",
    normalisations=SETTING,
    figure=lazy_figure,
)
def lazy_networks(run: Any) -> Iterator[Any]:
    scales = run.choose(quick=2.0 ** np.arange(9, 12), full=2.0 ** np.arange(9, 14))
    grid = run.grid(quick=dict(output_scale=scales.tolist()))
    networks = [run.compute(train_at_scale, grid, infinite_width=wide) for wide in (False, True)]
    limits = [_Limit(wide) for wide in (False, True)]
    gaps = np.stack([limit.gaps(one, scales) for limit, one in zip(limits, networks, strict=True)], axis=-1)
    slopes = np.array([-1.0, -1.0, -1.0, -2.0, -2.0])[:, np.newaxis]
    yield exponent(
        "rates",
        scales,
        gaps,
        slopes,
        estimator="exact",
        precision=run.choose(quick=0.01, full=0.005),
        reason="next order in 1/alpha, alpha from 512 on",
        rivals={
            "square root of the scale": slopes / 2,
            "losses at second order": np.minimum(slopes, [[-2.0], [-2.0], [-1.0], [-2.0], [-2.0]]),
            "features not exact at first order": np.full_like(slopes, -1.0),
        },
        at=dict(gap=GAPS[:, np.newaxis], width=WIDTHS),
    )
    extrapolated = [{name: 2 * x[-1] - x[-2] for name, x in one.fields.items()} for one in networks]
    finest = run.choose(quick=1e-4, full=1e-5)
    left = "extrapolated from the two largest scales: order 1/alpha^2 is left"
    yield agreement(
        "losses",
        [[one[name][STEPS] for name in LOSSES] for one in extrapolated],
        [limit.losses() for limit in limits],
        estimator="exact",
        precision=finest,
        reason=left,
        rivals={
            "no quadratic part": [limit.losses(quadratic_strength=0.0) for limit in limits],
            "half the learning rate": [limit.losses(learning_rate=TRAINING["learning_rate"] / 2) for limit in limits],
            "widths exchanged": [limit.losses() for limit in limits[::-1]],
        },
        at=dict(width=WIDTHS[:, np.newaxis, np.newaxis], loss=LOSSES[:, np.newaxis], step=STEPS),
    )
    grown = [(one["mean_shift"], one["moment_shift"]) for one in extrapolated]
    yield structure(
        "first-features",
        [_distances(pair, limit.features()) for pair, limit in zip(grown, limits, strict=True)],
        precision=finest,
        reason=f"relative to the norm; {left}",
        rivals={
            "labels for dual coefficients": [_distances(pair, limit.features(limit.data.labels))
                                             for pair, limit in zip(grown, limits, strict=True)],
            "features of infinite width": [_distances(pair, limits[1].features()) for pair in grown],
        },
        at=dict(width=WIDTHS[:, np.newaxis], feature=np.array(["mean weight", "second moment"])),
    )  # fmt: skip
    labels = limits[0].data.labels
    power = [labels @ np.linalg.solve(limit.kernel(), labels) for limit in limits]
    yield agreement(
        "displacement",
        [extrapolated[0]["displacement"]],
        power[:1],
        estimator="exact",
        precision=finest,
        reason=left,
        rivals={"kernel of infinite width": power[1:], "squared labels": [labels @ labels]},
        at=dict(width=WIDTHS[:1]),
    )
    for index, name in enumerate(GAPS):
        law = gaps[-1, index] * (scales[:, np.newaxis] / scales[-1]) ** slopes[index]
        yield curve(f"{name} law", law, at=dict(output_scale=scales[:, np.newaxis], width=WIDTHS, gap=name,
                                                trained=gaps[:, index]))  # fmt: skip


class _Limit:
    """The lazy limit of the network of 25 neurons, or of an infinitely wide one, on the same data."""

    def __init__(self, infinite_width: bool) -> None:
        self.data, _, self._start = lazy_start(infinite_width)
        self._path = lazy_training_path(**vars(self.data), **self._start, **TRAINING)

    def losses(self, **changed: float) -> list[np.ndarray]:
        path = lazy_training_path(**vars(self.data), **self._start, **TRAINING | changed) if changed else self._path
        return [path.train_loss[STEPS], path.test_loss[STEPS]]

    def features(self, dual_coefficients: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        dual = self._path.dual_coefficients if dual_coefficients is None else dual_coefficients
        return first_order_features(self.data.features, dual, output_scale=1.0, **STRENGTH, **self._start)

    def kernel(self) -> np.ndarray:
        return tangent_kernel(self.data.features, self.data.features, *self._start.values(), **STRENGTH)

    def gaps(self, networks: Any, scales: np.ndarray) -> np.ndarray:
        """Return what is left of the network beyond its limit, (n_scales, n_gaps)."""
        mean, moment = self.features()
        change, rest, mean_rest = (
            np.linalg.norm(shift.reshape(len(scales), -1), axis=1) / scales
            for shift in (networks.moment_shift, networks.moment_shift - moment, networks.mean_shift - mean)
        )
        train = np.abs(networks.train_loss - self._path.train_loss).max(axis=1)
        test = np.abs(networks.test_loss - self._path.test_loss)[:, -1]
        return np.stack([train, test, change, rest, mean_rest], axis=1)


def _distances(left: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> list[float]:
    return [float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(left, right, strict=True)]
