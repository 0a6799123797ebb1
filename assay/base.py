"""What theory and simulations may share: validation of input and the cache of compiled kernels. No numerics live here.

Importing this module installs :class:`ClosureCacheLocator` as numba's cache locator, so that a kernel compiled with
``@njit(cache=True)`` is recompiled whenever any file it imports has changed, and only then.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.machinery
import operator
import sys
import sysconfig
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numba import config as numba_config
from numba.core import caching

__all__ = ["array", "choice", "closure_digest", "integer", "number", "require"]


# Validation ---------------------------------------------------------------------------------------------------------


def require(condition: bool, name: str, value: Any, rule: str) -> None:
    """Raise ``ValueError`` naming the parameter, its value and the rule it breaks, unless ``condition`` is true."""
    if not condition:
        raise ValueError(f"{name} = {_brief(value)}: expected {rule}")


def number(name: str, value: Any, interval: str = "(-inf, inf)") -> float:
    """Return ``value`` as a float inside ``interval``, written as in mathematics: ``"[0, inf)"``, ``"(0, inf]"``.

    An infinite bound with a square bracket admits infinity; NaN is never admitted.
    Raises ``ValueError`` naming parameter, value and interval.
    """
    rule = f"a number in {interval}"
    try:
        result = float(value)
    except (TypeError, ValueError):
        require(False, name, value, rule)
    require(bool(_inside(result, interval)), name, value, rule)
    return result


def integer(name: str, value: Any, interval: str = "(-inf, inf)") -> int:
    """Return ``value`` as an int inside ``interval``; a float is refused unless it is a whole number."""
    rule = f"an integer in {interval}"
    try:
        result = operator.index(value)
    except TypeError:
        whole = isinstance(value, float | np.floating) and float(value).is_integer()
        require(whole, name, value, rule)
        result = int(value)
    require(bool(_inside(result, interval)), name, value, rule)
    return result


def array(
    name: str, value: Any, interval: str = "(-inf, inf)", *, shape: Sequence[int | None] | None = None
) -> np.ndarray:
    """Return ``value`` as a contiguous float64 array with every entry inside ``interval``.

    ``shape`` fixes the shape; ``None`` in it stands for any length of at least one.
    Raises ``ValueError`` naming parameter, value and rule.
    """
    try:
        result = np.ascontiguousarray(value, dtype=np.float64).reshape(np.shape(value))
    except (TypeError, ValueError):
        require(False, name, value, f"an array of numbers in {interval}")
    if shape is not None:
        wanted = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
        fits = result.ndim == len(shape) and all(
            have > 0 if want is None else have == want for have, want in zip(result.shape, shape, strict=True)
        )
        require(fits, name, f"array of shape {result.shape}", f"an array of shape {wanted}")
    outside = ~_inside(result, interval)
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        where = f"{name}[{', '.join(map(str, index))}]" if index else name
        require(False, where, float(result[index]), f"numbers in {interval}")
    return result


def choice(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """Return ``value`` if it is one of ``allowed``; raise ``ValueError`` listing them otherwise."""
    require(value in allowed, name, value, "one of " + ", ".join(repr(option) for option in allowed))
    return value


def _inside(values: Any, interval: str) -> Any:
    low, high = _bounds(interval)
    above = values >= low if interval[0] == "[" else values > low
    below = values <= high if interval[-1] == "]" else values < high
    return above & below


@functools.cache
def _bounds(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) and value.startswith("array of shape") else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


# Import closure -----------------------------------------------------------------------------------------------------

_INSTALLED = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


@functools.cache
def closure_digest(file: str | Path) -> str:
    """Return a digest of a source file and of every project file it imports, directly or not.

    Docstrings, comments and layout do not count. Project files are those outside the standard library and the installed
    packages; the bench itself (``assay``) is left out, since nothing in it computes a number of theory or simulation.
    """
    pending, seen = [Path(file).resolve()], {}
    while pending:
        path = pending.pop()
        if path not in seen:
            digest, imports = _read(path)
            seen[path] = digest
            pending.extend(imports)
    # Files are named by their module path, not by the folder of the clone.
    parts = sorted((_module_name(path), digest) for path, digest in seen.items())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    tree = ast.parse(path.read_bytes())
    imports: set[Path | None] = {None}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(project_file(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = _absolute(path, node)
            imports.update(project_file(f"{package}.{alias.name}") or project_file(package) for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    found = tuple(sorted(file for file in imports if file not in (path, None)))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), found


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = _module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, node.module] if node.module else package)


def _module_name(path: Path) -> str:
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


@functools.cache
def project_file(module: str) -> Path | None:
    """Return the file of a project module, or None for any other name. The packages above it only re-export."""
    top, *rest = module.split(".")
    if not top or top == "assay" or top in sys.stdlib_module_names:
        return None
    spec = importlib.machinery.PathFinder.find_spec(top)
    if spec is None or spec.origin is None or spec.origin.startswith(_INSTALLED):
        return None
    current = Path(spec.origin).resolve()
    for part in rest:
        package, plain = current.parent / part / "__init__.py", current.parent / f"{part}.py"
        current = package if package.exists() else plain
        if not current.exists():  # a name inside a module, not a module
            return None
    return current


# Kernel cache -------------------------------------------------------------------------------------------------------


class ClosureCacheLocator(caching.InTreeCacheLocator):
    """Stamp a kernel with the digest of its import closure.

    Numba's own stamp covers the file of the kernel alone, so that a caller keeps the machine code of an edited callee
    in another file.
    """

    def get_source_stamp(self) -> str:
        return closure_digest(self._py_file)


class UserClosureCacheLocator(caching.UserWideCacheLocator):
    """The same stamp, for sources in a folder that cannot be written."""

    def get_source_stamp(self) -> str:
        return closure_digest(self._py_file)


def _load_or_recompile(
    self: Any, sig: Any, target_context: Any, _load: Any = caching.FunctionCache.load_overload
) -> Any:
    """Load a compiled kernel; wipe its cache files and let numba recompile where they cannot be read."""
    try:
        return _load(self, sig, target_context)
    except Exception as error:  # numba unpickles what it finds, and a garbled pickle can raise anything
        warnings.warn(f"kernel cache of {self._name} is unreadable ({error!r}): recompiling", stacklevel=2)
        self.flush()
        return None


_LOCATORS = "assay.base.ClosureCacheLocator,assay.base.UserClosureCacheLocator,IPythonCacheLocator"
vars(numba_config)["CACHE_LOCATOR_CLASSES"] = _LOCATORS
caching.FunctionCache.load_overload = _load_or_recompile  # type: ignore[method-assign]
