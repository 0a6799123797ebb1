"""Columns of the tables of deep networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.run import Points


def widths_text(widths: Sequence[int]) -> str:
    """Return widths as a table holds them, "60-80-60": a column has one value a row."""
    return "-".join(map(str, widths))


def points_of(results: Any, **inner: Any) -> Points:
    """Return the parameters of the points: widths as text, input eigenvalues as the ratio of largest to smallest.

    Those of the grid come first, then ``inner``, one parameter that adds an axis.
    """
    columns = {name: [point[name] for point in results.grid] for name in results.grid[0]}
    columns["widths"] = [widths_text(widths) for widths in columns["widths"]]
    if "input_eigenvalues" in columns:
        columns["input_ratio"] = [max(x) / min(x) if x else 1.0 for x in columns.pop("input_eigenvalues")]
    points = Points({name: np.reshape(values, (-1, *[1] * len(inner))) for name, values in columns.items()} | inner)
    points.given = results.arguments
    return points
