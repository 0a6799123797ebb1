"""From claims to files: judge claims, and keep verdicts, tables and the manifest of a scale in the output folder."""

from __future__ import annotations

import json
import math
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.registry import Claim
from assay.run import NotAtThisScale, NotRun, Run
from assay.store import write_atomically
from assay.verdict import Curve, Rejection, Verdict

Record = dict[str, Any]  # an entry of verdicts.json


@dataclass(frozen=True)
class Outcome:
    """What a claim came to at a scale. ``problem`` says why it was not judged, or why it fails as a whole."""

    claim: Claim
    verdicts: tuple[Verdict, ...]
    seconds: float
    problem: str = ""
    curves: tuple[Curve, ...] = ()

    @property
    def passed(self) -> bool:
        """Every check passed, and they prove the declared status."""
        return bool(self.verdicts) and not self.problem and all(verdict.passed for verdict in self.verdicts)

    @property
    def absent(self) -> bool:
        """There was nothing to judge, which is neither green nor red."""
        return not self.verdicts and self.problem.startswith("not ")


def judge_claim(claim: Claim, run: Run) -> Outcome:
    """Call the claim's function and judge what it yields. An error in it is the claim's problem, not the run's."""
    start, verdicts, curves, problem = time.perf_counter(), [], [], ""
    try:
        for item in claim.check(run):
            if isinstance(item, Curve):
                curves.append(item)
            else:
                verdicts.append(item.verdict())
        names = [verdict.check for verdict in verdicts]
        if not names or len(set(names)) < len(names):
            problem = f"expected checks of different names, got {names}"
    except NotAtThisScale:
        problem = "" if verdicts else "not at this scale"
    except NotRun:
        verdicts, problem = [], "not run at this scale"
    except OSError:  # the store: nothing later can be kept either
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error} ({where(error)})"
    problem = problem or claim.unproved(verdicts)
    return Outcome(claim, tuple(verdicts), time.perf_counter() - start, problem, tuple(curves))


def records(outcome: Outcome, scale: str, seed: int) -> list[Record]:
    """Return the entries of verdicts.json for a claim."""
    claim = outcome.claim
    shared = dict(family=claim.family, paper=claim.paper.short(), label=claim.label, nature=claim.nature,
                  status=claim.status, evidence=claim.evidence, statement=claim.statement)  # fmt: skip
    return [
        dict(
            claim=claim.id, check=verdict.check, **shared, kind=verdict.kind, scale=scale, seed=seed, unit=verdict.unit,
            passed=verdict.passed and not outcome.problem, outcome=verdict.outcome,
            deviation=_number(verdict.deviation), allowance=verdict.allowance, precision=verdict.precision,
            tolerance=verdict.tolerance, reason=verdict.reason, resolution=_number(verdict.resolution),
            resolution_unit="relative" if verdict.resolution_is_relative else "absolute",
            n_points=verdict.n_points, n_trials=verdict.n_trials,
            worst=_number(verdict.worst),
            rivals=[dict(name=rival.name, as_published=rival.as_published) | _rejection(rival)
                    for rival in verdict.rivals],
            controls=[dict(name=control.name) | _rejection(control) for control in verdict.controls],
            seconds=outcome.seconds, figure=figure_name(claim),
        )
        for verdict in outcome.verdicts
    ]  # fmt: skip


def save(outcomes: Sequence[Outcome], output: Path, scale: str, seed: int, *, complete: bool, seconds: float) -> None:
    """Write the verdicts, tables and manifest of a scale; a partial run replaces only what it judged."""
    folder = output / "results" / scale
    for outcome in outcomes:
        path = folder / "tables" / f"{outcome.claim.id}.csv"
        if outcome.verdicts:
            write_atomically(path, table_of(outcome.verdicts, outcome.curves).to_csv(index=False, float_format="%.17g"))
        else:
            path.unlink(missing_ok=True)
    judged = {outcome.claim.id for outcome in outcomes}
    kept = [] if complete else [entry for entry in load(output, scale) if entry["claim"] not in judged]
    before = {} if complete else load_manifest(output, scale).get("not_judged", {})
    not_judged = {name: problem for name, problem in before.items() if name not in judged}
    judged_modules = {outcome.claim.check.__module__.partition(".")[0] for outcome in outcomes}
    modules = sorted(judged_modules | set(load_manifest(output, scale).get("modules", [])))
    not_judged |= {outcome.claim.id: outcome.problem for outcome in outcomes if not outcome.verdicts}
    kept += [entry for outcome in outcomes for entry in records(outcome, scale, seed)]
    kept.sort(key=lambda entry: (entry["family"], int(entry["claim"].rpartition(".")[2])))
    write_atomically(folder / "verdicts.json", _json(kept))
    write_atomically(
        folder / "manifest.json", _json(manifest(seed, seconds) | dict(modules=modules, not_judged=not_judged))
    )


def load(output: Path, scale: str) -> list[Record]:
    """Return the entries of verdicts.json at a scale, or none where it was never run."""
    path = output / "results" / scale / "verdicts.json"
    return json.loads(path.read_text()) if path.exists() else []


def load_manifest(output: Path, scale: str) -> Record:
    """Return the manifest of a scale, or an empty one where it was never run."""
    path = output / "results" / scale / "manifest.json"
    return json.loads(path.read_text()) if path.exists() else {}


def table_of(verdicts: Sequence[Verdict], curves: Sequence[Curve] = ()) -> Any:
    """Return the points of a claim's checks and curves as one tidy data frame."""
    import pandas as pd

    frames = [pd.DataFrame({"check": verdict.check, **verdict.rows}) for verdict in verdicts]
    frames += [pd.DataFrame({"check": curve.name, **curve.rows()}) for curve in curves]
    table = pd.concat(frames, ignore_index=True)
    measured = ["simulated", "standard_error", "n_trials", "tolerance"]
    rivals = {rival.name for verdict in verdicts for rival in verdict.rivals}
    last = ["predicted", *[name for name in table if name in rivals], *measured]
    return table[[name for name in table if name not in last] + last]


def manifest(seed: int, seconds: float) -> Record:
    """Return what one needs to know to repeat a run."""
    import numba
    import scipy

    packages = dict(numpy=np.__version__, scipy=scipy.__version__, numba=numba.__version__)
    here = Path(__file__).parent
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return dict(versions=dict(python=sys.version.split()[0], **packages), processor=_processor(), seed=seed,
                commit=git.stdout.strip() if git.returncode == 0 else None, wall_time=seconds)  # fmt: skip


def figure_name(claim: Claim) -> str:
    """Return the name of the figure that shows a claim."""
    return claim.figure.name if claim.figure else claim.id


def rejected(entry: Record) -> str:
    """Return how many of a check's rivals and controls were rejected, as ``2 of 3``."""
    candidates = [*entry["rivals"], *entry["controls"]]
    return f"{sum(one['rejected'] for one in candidates)} of {len(candidates)}"


def _rejection(rejection: Rejection) -> Record:
    return dict(rejected=rejection.rejected, margin=_number(rejection.margin))


def _number(value: Any) -> Any:
    """Return a value as JSON can hold it: an infinite or undefined number is null."""
    if isinstance(value, dict):
        return {name: _number(one) for name, one in value.items()}
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def where(error: BaseException) -> str:
    """Return the last file and line outside installed packages that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "no line"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
