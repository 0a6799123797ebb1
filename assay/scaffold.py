"""``assay new``: the files of a new family, filled with a small theorem that passes its own checks."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template

from assay.base import require

TEMPLATES = Path(__file__).parent / "templates"
# In a clone each file goes to its level; anywhere else they make one package.
CLONE = {
    "theory": "theory/{0}.py",
    "simulation": "simulations/{0}.py",
    "family": "figures/{0}/__init__.py",
    "claims": "figures/{0}/claims.py",
    "drawings": "figures/{0}/drawings.py",
    "test": "tests/test_{0}.py",
    "notebook": "notebooks/{0}.py",
    "benchmark": "benchmarks/bench_{0}.py",
}
PACKAGE = {
    "theory": "{0}/theory.py",
    "simulation": "{0}/simulation.py",
    "family": "{0}/__init__.py",
    "claims": "{0}/claims.py",
    "drawings": "{0}/drawings.py",
    "test": "{0}/test_{0}.py",
}


def scaffold(family: str, folder: Path) -> list[Path]:
    """Write the files of a new family below ``folder`` and return their paths, relative to it.

    Raises ValueError for a name that is no lower-case identifier and FileExistsError where a file is already there.
    """
    good = family.isidentifier() and family == family.lower() and not keyword.iskeyword(family)
    require(good, "family", family, "a lower-case Python name, such as mean_field")
    in_clone = all((folder / level / "__init__.py").exists() for level in ("theory", "simulations", "figures"))
    names = dict(family=family, theory=f"{family}.theory", simulation=f"{family}.simulation", package=family)
    if in_clone:
        names |= dict(theory=f"theory.{family}", simulation=f"simulations.{family}", package=f"figures.{family}")
    texts = {
        Path(place.format(family)): Template((TEMPLATES / f"{part}.txt").read_text()).substitute(names)
        for part, place in (CLONE if in_clone else PACKAGE).items()
    }
    for path in texts:
        if (folder / path).exists():
            raise FileExistsError(f"{path} is already there: choose another name than {family!r}")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return list(texts)
