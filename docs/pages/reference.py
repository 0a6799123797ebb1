"""The reference: the public names of theory, simulations and the bench, by module, from their docstrings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType

import assay
from docs.pages.markup import rest
from docs.pages.results import humanised

SIDES = {
    "theory": "Predictors: closed forms, fixed points, recursions, symbolic derivations.",
    "simulations": "Simulators: they sample, train and solve, and know nothing of the theory.",
}


def reference_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the reStructuredText of every page."""
    contents = [_heading("Reference", "="), "What theory and simulations export, family by family, and the bench.\n"]
    for side, says in SIDES.items():
        modules = pkgutil.iter_modules(importlib.import_module(side).__path__)
        names = [f"{side}.{module.name}" for module in modules if not module.name.startswith("_")]
        yield from ((name, _package(importlib.import_module(name))) for name in names)
        contents += [_heading(side, "-"), says, _tree(names)]
    yield "assay", _bench()
    contents += [_heading("The bench", "-"), "What claims are made of.", _tree(["assay"])]
    yield "index", "\n".join(contents)


def _tree(names: Sequence[str]) -> str:
    return "\n".join(["", ".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in names), ""])


def _package(package: ModuleType) -> str:
    """Return the page of a family: its modules in order, each with its setting and its public names."""
    parts = _opening(package)
    homes: dict[str, list[str]] = {}
    for name in package.__all__:
        homes.setdefault(getattr(package, name).__module__, []).append(name)
    for module, names in homes.items():
        if module != package.__name__:
            setting = inspect.getdoc(importlib.import_module(module)) or ""
            parts += [_heading(humanised(module.rpartition(".")[2].strip("_")), "-"), rest(setting), ""]
        parts += [_directive(package, name) for name in names]
    return "\n".join(parts)


def _bench() -> str:
    return "\n".join([*_opening(assay), *(_directive(assay, name) for name in assay.__all__)])


def _opening(package: ModuleType) -> list[str]:
    name = package.__name__
    return [_heading(name, "="), rest(inspect.getdoc(package) or ""), "", f".. py:currentmodule:: {name}", ""]


def _directive(package: ModuleType, name: str) -> str:
    value = getattr(package, name)
    kind = "class" if inspect.isclass(value) else "function" if callable(value) else "data"
    return f".. auto{kind}:: {package.__name__}.{name}\n" + "   :members:\n" * (kind == "class")


def _heading(text: str, line: str) -> str:
    text = text.replace("_", r"\_")
    return f"{text}\n{line * len(text)}\n"
