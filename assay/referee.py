"""Asking the referee: a formula of one's own against the stored simulations of a claim, and a claim's table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from assay.suite import table_of
from assay.verdict import Check, Verdict


def judge(
    claim: str,
    predicted: Callable[..., Any],
    *,
    check: str | None = None,
    scale: str = "quick",
    seed: int = 0,
    output: str | Path = "build",
) -> Verdict:
    """Judge a formula of one's own by the evidence, tolerance and levels of a claim's check.

    Parameters
    ----------
    claim, check : the claim's id and the name of one of its checks, by default its first.
    predicted : called once for each point of the check with keywords, as many as it takes: the parameters of the point
        (the columns of ``assay.table(claim)``) and the fixed arguments of the simulation (its spectrum, say). It
        returns the prediction at that point.
    scale, seed, output : which stored simulations to use; what is not stored is simulated first.

    Returns the verdict: ``print`` it, read ``outcome``, ``resolution`` and ``worst``, or call ``plot()``.
    Raises ValueError for an unknown claim or check, or a formula that asks for a parameter that there is not.
    """
    checks = _checks(claim, scale, seed, output)
    names = [known.name for known in checks]
    if check is not None and check not in names:
        raise ValueError(f"check = {check!r}: expected one of {', '.join(names)}")
    chosen = checks[0 if check is None else names.index(check)]
    return chosen.against(_evaluate(predicted, chosen))


def table(claim: str, *, scale: str = "quick", seed: int = 0, output: str | Path = "build") -> Any:
    """Return the points of a claim's checks as a data frame: parameters, predictions, rivals, simulation, errors.

    What is not stored in ``output`` at this scale is simulated first. Raises ValueError for an unknown claim.
    """
    return table_of([check.verdict() for check in _checks(claim, scale, seed, output)])


def _checks(claim: str, scale: str, seed: int, output: str | Path) -> list[Check]:
    chosen = select([claim])
    if len(chosen) != 1:
        raise ValueError(f"claim = {claim!r}: expected one claim, such as {chosen[0].id!r}")
    with Engine() as engine:
        items = chosen[0].check(Run(scale, seed, Store(Path(output) / "store"), engine))
        return [item for item in items if isinstance(item, Check)]


def _evaluate(predicted: Callable[..., Any], check: Check) -> np.ndarray:
    shape = np.shape(check.prediction)
    columns = {name: np.broadcast_to(values, shape).ravel() for name, values in check.at.items()}
    given = dict(getattr(check.at, "given", {}))
    parameters = inspect.signature(predicted).parameters.values()
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    required = {parameter.name for parameter in parameters if parameter.default is parameter.empty
                and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)}  # fmt: skip
    unknown = sorted(required - set(columns) - set(given))
    if unknown:
        raise ValueError(f"predicted asks for {unknown[0]!r}: there are {', '.join([*columns, *given])}")
    wanted = None if takes_all else {parameter.name for parameter in parameters}
    values = []
    for index in range(int(np.prod(shape))):
        point = given | {name: column[index].item() for name, column in columns.items()}
        values.append(predicted(**{name: value for name, value in point.items() if wanted is None or name in wanted}))
    return np.reshape(np.asarray(values, dtype=np.float64), shape)
