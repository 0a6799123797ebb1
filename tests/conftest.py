"""A toy family with a known truth, and the command line run on it as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from assay.suite import judge_claim

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

TOY = '''
"""A normal mean, and its square."""

import os
import time

import numpy as np

from assay import Paper, agreement, claim, structure

PAPER = Paper("A theorem about nothing", ("First Author",), 2024, arxiv="0000.00000", version=1)
PREFER = os.environ.get("TOY_PREFER", "processes")


def simulate(*, mean, n_trials, seed):
    with open(os.environ["TOY_LOG"], "a") as log:
        log.write(f"{mean} {seed.n_children_spawned} {n_trials}\\n")
    if os.environ.get("TOY_KILL") and _worker() and not os.path.exists(os.environ["TOY_KILL"]):
        if os.environ["TOY_KILL"] != "/nowhere/always":
            open(os.environ["TOY_KILL"], "w").close()
        os.kill(os.getpid(), 9)
    time.sleep(float(os.environ.get("TOY_SLEEP", 0)))
    return np.array([np.random.Generator(np.random.PCG64DXSM(s)).normal(mean, 0.01) for s in seed.spawn(n_trials)])


def _worker():
    return os.getppid() == int(os.environ.get("TOY_PARENT", 0)) or "loky" in " ".join(_command())


def _command():
    with open("/proc/self/cmdline") as file:
        return file.read().split("\\0")


def square(*, mean):
    return float(mean) ** 2


@claim("toy.1", paper=PAPER, label="Theorem 1", nature="exact", statement="The mean is the mean.",
       assumptions="Normal noise.", formula=r"E\\,x = \\mu")
def mean(run):
    grid = run.grid(quick=dict(mean=[1.0, 2.0, 3.0]), full=dict(mean=[1.0, 2.0, 3.0, 4.0]))
    trials = run.sample(simulate, grid, n_trials=run.choose(quick=128, full=192), block=32, prefer=PREFER)
    yield agreement("mean", trials.values, grid.column("mean"), precision=0.02, reason="exact",
                    rivals={"ten per cent more": 1.1 * grid.column("mean")}, at=trials.at())


@claim("toy.2", paper=PAPER, label="Theorem 2", nature="exact", statement="Squares are squares.",
       assumptions="None.")
def squares(run):
    grid = run.grid(quick=dict(mean=[1.0, 2.0]))
    theory = run.compute(square, grid)
    yield structure("square", theory.values - grid.column("mean") ** 2, precision=1e-12, reason="rounding",
                    controls={"one per cent": 0.01}, at=theory.at())
'''


@dataclass
class Bench:
    """A folder with the toy family in it, and the command line run there."""

    folder: Path

    @property
    def log(self) -> list[str]:
        """One line for each simulated task so far."""
        path = self.folder / "log"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    def environment(self, **extra: str) -> dict[str, str]:
        return os.environ | {"TOY_LOG": str(self.folder / "log"), "PYTHONDONTWRITEBYTECODE": "1"} | extra

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "assay", *arguments]

    def run(self, *arguments: str, code: int | None = 0, shell: str = "", **extra: str) -> subprocess.CompletedProcess:
        """Run ``assay`` and check its exit code."""
        command = self.command(*arguments)
        if shell:
            command = ["bash", "-c", f'{shell}; exec "$@"', "bash", *command]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(**extra), capture_output=True, text=True, timeout=100
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def results(self, scale: str = "quick", output: str = "build", family: str = "toy") -> dict[str, str]:
        """The tables and verdicts of a family as text, without the seconds."""
        import json

        folder = self.folder / output / "results" / scale
        tables = {path.name: path.read_text() for path in sorted((folder / "tables").glob(f"{family}.*"))}
        entries = [entry for entry in json.loads((folder / "verdicts.json").read_text()) if entry["family"] == family]
        return tables | {"verdicts": str([{**entry, "seconds": None} for entry in entries])}

    def stored(self, output: str = "build") -> list[Path]:
        return sorted((self.folder / output / "store").rglob("*.npz"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "toy.py").write_text(textwrap.dedent(TOY))
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for a module's tests, so that each claim is simulated once."""
    return tmp_path_factory.mktemp("output")


@pytest.fixture
def failing(output: Path) -> Callable[[str], set[str]]:
    """A function from a claim's id to the names of its checks that do not agree, with the theory as it is patched."""

    def names(claim_id: str) -> set[str]:
        with Engine() as engine:
            judged = judge_claim(select([claim_id])[0], Run("quick", 0, Store(output / "store"), engine))
        assert not judged.problem
        return {verdict.check for verdict in judged.verdicts if verdict.outcome != "agrees"}

    return names
