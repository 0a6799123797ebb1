"""Which public functions of theory and simulations a claim calls, read from the code of the claim."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any


def numerics(check: Callable[..., Any]) -> dict[str, list[str]]:
    """Return the qualified public names that a claim's function uses, itself or through helpers of its family."""
    found: dict[str, set[str]] = {"theory": set(), "simulations": set()}
    home = check.__module__.partition(".")[0]
    pending, seen = [check], set()
    while pending:
        function = pending.pop()
        if function in seen:
            continue
        seen.add(function)
        for value in _globals(function):
            side = getattr(value, "__module__", "").partition(".")[0]
            if side in found:
                found[side] |= {name} if (name := public_name(value)) else set()
            else:
                pending += [own for own in _functions(value) if own.__module__.partition(".")[0] == home]
    return {side: sorted(names) for side, names in found.items()}


def public_name(value: Any) -> str | None:
    """Return the name under which the package of a family exports an object, or None where it does not."""
    parts = value.__module__.split(".")
    name = getattr(value, "__name__", "")
    family = ".".join(parts[:2])
    module = sys.modules.get(family)
    return f"{family}.{name}" if name in getattr(module, "__all__", ()) and len(parts) > 1 else None


def _functions(value: Any) -> list[Callable[..., Any]]:
    """Return a function, or the methods of a class, of an object's class, or of those of the objects in a tuple."""
    if inspect.isfunction(value):
        return [value]
    if isinstance(value, tuple | list):
        return [method for kind in {type(one) for one in value} for method in _functions(kind)]
    methods = vars(value if inspect.isclass(value) else type(value)).values()
    return [method for method in methods if inspect.isfunction(method)]


def _globals(function: Callable[..., Any]) -> Iterator[Any]:
    scope = function.__globals__
    for code in _codes(function.__code__):
        for name in code.co_names:
            value = scope.get(name)
            if inspect.ismodule(value):  # of a family, imported whole
                exported = set(getattr(value, "__all__", ())) & set(code.co_names)
                yield from (getattr(value, other) for other in sorted(exported))
            elif value is not None:
                yield value


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
