"""``python -m docs.pages``: write the sources of the site from the registry, the results and the notebooks.

Reads ``<output>/results``, ``<output>/notebooks`` and ``<output>/bench``, and writes ``<output>/pages``. Claims that
were never run are run at scale ``quick`` first.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from assay.drawing import draw_figures
from assay.registry import Claim
from assay.run import SCALES
from assay.store import write_atomically
from assay.suite import load
from docs.pages.errata import errata_page
from docs.pages.families import family_page
from docs.pages.front import filled
from docs.pages.gallery import gallery_page
from docs.pages.pictures import draw_pictures
from docs.pages.reference import reference_pages
from docs.pages.results import Judged, by_family, by_figure, drawn_figures, judged_claims
from docs.pages.speed import speed_page

DOCS = Path(__file__).parents[1]
PLOT_OBJECT = re.compile(r"[\[(]*(<matplotlib|Text\(|<[\w.]+ at 0x)")
TUTORIALS = ("judge", "own_theorem")


def write_sources(output: Path) -> list[str]:
    """Write every page below ``output / "pages"``; return what went wrong with the figures."""
    pages = output / "pages"
    claims = judged_claims(output)
    families = by_family(claims)
    drawings = pages / "extra" / "figures"
    problems = _draw(claims, output, drawings)
    figures = drawn_figures(claims, drawings)
    notebooks = _notebooks(output / "notebooks", pages / "notebooks")

    texts = {f"{path.stem}.md": path.read_text() for path in DOCS.glob("*.md")}
    texts["index.md"] = filled(texts["index.md"], families, figures, notebooks, output)
    texts |= {
        f"families/{family}.md": family_page(family, members, figures, family in notebooks)
        for family, members in families.items()
    }
    texts |= {f"reference/{name}.rst": text for name, text in reference_pages()}
    texts |= {"gallery.md": gallery_page(figures), "errata.md": errata_page(claims, output),
              "speed.md": speed_page(output / "bench")}  # fmt: skip
    for old in (*pages.glob("*.md"), *(pages / "families").glob("*"), *(pages / "reference").glob("*")):
        if str(old.relative_to(pages)) not in texts:
            old.unlink()
    for name, text in texts.items():
        if not (pages / name).exists() or (pages / name).read_text() != text:  # so that Sphinx reads only what changed
            write_atomically(pages / name, text)
    (pages / "pictures").mkdir(exist_ok=True)
    draw_pictures(pages / "pictures")
    for name in TUTORIALS:
        _follow(DOCS / f"{name}.md", pages / name)
    return problems


def _draw(claims: Sequence[Judged], output: Path, folder: Path) -> list[str]:
    """Draw each figure from the tables of the largest scale that all of its claims have; return what went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, list[Claim]] = {}
    for members in by_figure(claims).values():
        for scale in reversed(SCALES):
            tables = output / "results" / scale / "tables"
            if all((tables / f"{one.claim.id}.csv").exists() for one in members):
                drawn.setdefault(scale, []).extend(one.claim for one in members)
                break
    return [problem for scale, shown in drawn.items()
            for problem in draw_figures(shown, load(output, scale), output, scale, bare=folder)]  # fmt: skip


def _notebooks(source: Path, folder: Path) -> list[str]:
    """Bring over the executed notebooks; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(path.stem for path in source.glob("*.ipynb"))
    for old in folder.glob("*.ipynb"):
        if old.stem not in found:
            old.unlink()
    for name in found:
        text = _without_reprs((source / f"{name}.ipynb").read_text())
        if not (folder / f"{name}.ipynb").exists() or (folder / f"{name}.ipynb").read_text() != text:
            write_atomically(folder / f"{name}.ipynb", text)
    return found


def _without_reprs(notebook: str) -> str:
    """Return a notebook without the outputs that name an object of matplotlib and its address: the plot follows."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [one for one in cell["outputs"] if one["output_type"] != "execute_result"
                               or not PLOT_OBJECT.match("".join(one["data"].get("text/plain", "")))]  # fmt: skip
    return json.dumps(content, indent=1)


def _follow(tutorial: Path, folder: Path) -> None:
    """Follow a tutorial in a folder of its own, for its pictures, unless that was done with this very text."""
    stamp = folder / ".followed"
    if stamp.exists() and stamp.read_text() == tutorial.read_text():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(DOCS.parent), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-m", "docs.pages.tutorials", str(tutorial)]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    stamp.write_text(tutorial.read_text())


def main() -> None:
    """Run what was never run, then write the pages."""
    parser = argparse.ArgumentParser(prog="python -m docs.pages", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build"), help="folder of everything generated")
    output = parser.parse_args().output.resolve()
    missing = [one.claim.id for one in judged_claims(output) if one.problem == "not run"]
    if missing:
        print(f"{len(missing)} claims were never run: running them at scale quick")
        command = [sys.executable, "-m", "assay", "run", *missing, "--output", str(output), "--no-figures"]
        if subprocess.run(command).returncode not in (0, 1):  # a claim that fails is shown as one
            sys.exit("the run did not finish")
    for problem in write_sources(output):
        print(problem)


if __name__ == "__main__":
    main()
