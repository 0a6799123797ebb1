"""Assay tests theorems of machine-learning theory against simulation. Names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.checks import (
        agreement,
        bound,
        certificate,
        curve,
        distribution,
        exponent,
        separation,
        structure,
    )
    from assay.referee import judge, table
    from assay.registry import Paper, claim, figure

__all__ = [
    "Paper",
    "agreement",
    "bound",
    "certificate",
    "claim",
    "curve",
    "distribution",
    "exponent",
    "figure",
    "judge",
    "separation",
    "structure",
    "table",
]
__version__ = "0.1.0"

_HOMES = {"judge": "referee", "table": "referee", "Paper": "registry", "claim": "registry", "figure": "registry"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"assay.{_HOMES.get(name, 'checks')}"), name)
    globals()[name] = value
    return value
