"""The command line. It imports nothing heavy before a command needs it."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from assay.engine import Engine
    from assay.registry import Claim
    from assay.suite import Outcome

INTERRUPTED = 130
OUTPUT = click.option(
    "--output", default="build", type=click.Path(path_type=Path), help="Folder of everything generated."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="theorem-assay", prog_name="assay")
def cli() -> None:
    """Test theorems of machine-learning theory against simulation."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_command(as_json: bool) -> None:
    """List the claims: id, paper, nature, status, statement."""
    claims = _select(())
    if as_json:
        fields = ("id", "family", "label", "nature", "status", "evidence", "statement")
        rows = [{name: getattr(claim, name) for name in fields} | {"paper": claim.paper.short()} for claim in claims]
        click.echo(json.dumps(rows, indent=1))
        return
    width = max((len(claim.id) for claim in claims), default=0)
    for claim in claims:
        click.echo(
            f"{claim.id:<{width}}  {claim.paper.arxiv}  {claim.nature:<14}  {claim.status:<9}  {claim.statement}"
        )


@cli.command()
@click.argument("claim")
@OUTPUT
def show(claim: str, output: Path) -> None:
    """Show a claim as its page does: statement, formula, last verdicts, how to run, judge and cite it."""
    import shutil

    from assay.console import describe
    from assay.run import SCALES
    from assay.suite import load

    chosen = _select((claim,))
    if len(chosen) != 1:
        raise click.UsageError(f"{claim!r} has {len(chosen)} claims: name one, such as {chosen[0].id}")
    (one,) = chosen
    entries = [entry for scale in SCALES for entry in load(output, scale) if entry["claim"] == one.id]
    click.echo(describe(one, entries, width=min(shutil.get_terminal_size().columns, 120)))


@cli.command()
@click.argument("targets", nargs=-1, metavar="[CLAIM|FAMILY|MODULE|FILE]...")
@click.option("--scale", type=click.Choice(["quick", "full", "large"]), default="quick", show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes; by default one per core.")
@click.option("--cluster", metavar="tcp://HOST:PORT", help="An existing Dask scheduler to run on.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@OUTPUT
@click.option("--no-figures", is_flag=True, help="Draw nothing.")
@click.option("--fresh", is_flag=True, help="Compute stored work again.")
@click.option("--failed", is_flag=True, help="Only the claims that did not pass last time at this scale.")
@click.option("--changed", is_flag=True, help="Only families whose code differs from what paper_checks.md records.")
def run(targets: tuple[str, ...], scale: str, workers: int | None, cluster: str | None, seed: int, output: Path,
        no_figures: bool, fresh: bool, failed: bool, changed: bool) -> None:  # fmt: skip
    """Run claims, all of them by default, and write verdicts, tables, figures and pages."""
    from assay.console import progress
    from assay.run import Run
    from assay.store import Store
    from assay.suite import judge_claim, save

    claims = _select(targets)
    if failed:
        claims = _failed(claims, output, scale)
    if changed:
        claims = _changed(claims)
    if not claims:
        click.echo("no claim to run")
        return
    _check_writable(output)
    start = time.perf_counter()
    with _engine(workers or _cores(), cluster) as engine, progress(len(claims)) as report:
        outcomes = []
        for claim in claims:
            run = Run(scale, seed, Store(output / "store"), engine, fresh=fresh, progress=report.tasks)
            outcomes.append(judge_claim(claim, run))
            report.claim(outcomes[-1], scale, seed)
    save(
        outcomes, output, scale, seed, complete=not (targets or failed or changed), seconds=time.perf_counter() - start
    )
    problems = _write_pages(output, scale, draw=not no_figures)
    _finish(outcomes, output, time.perf_counter() - start, problems)


@cli.command()
@OUTPUT
def report(output: Path) -> None:
    """Rebuild pages and figures from stored work; nothing is simulated."""
    from assay.console import line
    from assay.engine import Engine
    from assay.run import SCALES, Run
    from assay.store import Store
    from assay.suite import judge_claim, load, save

    manifests = {scale: output / "results" / scale / "manifest.json" for scale in SCALES}
    scales = [scale for scale in ("full", "large", "quick") if manifests[scale].exists()]
    if not scales:
        raise click.UsageError(f"nothing was run into {output}: expected {output / 'results'}")
    _check_writable(output)
    start = time.perf_counter()
    outcomes: list[Outcome] = []
    for scale in reversed(scales):
        manifest = json.loads(manifests[scale].read_text())
        _select(manifest["modules"])  # an outsider's theorems are not discovered
        ids = [*manifest["not_judged"], *(entry["claim"] for entry in load(output, scale))]
        families = {name.rpartition(".")[0] for name in ids}
        claims = [claim for claim in _select(()) if claim.family in families]
        store = Store(output / "store")
        with Engine() as engine:
            run = Run(scale, manifest["seed"], store, engine, replay=True)
            outcomes = [judge_claim(claim, run) for claim in claims]
        save(outcomes, output, scale, manifest["seed"], complete=True, seconds=manifest["wall_time"])
    for outcome in outcomes:
        click.echo(line(outcome))
    problems = _write_pages(output, scales[0], draw=True)
    _finish(outcomes, output, time.perf_counter() - start, problems)


@cli.command()
@click.argument("family")
def new(family: str) -> None:
    """Scaffold a theorem of one's own: inside a clone of Assay its family, anywhere else a package."""
    from assay.scaffold import scaffold

    try:
        written = scaffold(family, Path.cwd())
    except (ValueError, FileExistsError) as error:
        raise click.UsageError(str(error)) from None
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"\nNow: assay run {family}")


@cli.command()
@OUTPUT
def doctor(output: Path) -> None:
    """Print versions, cores, BLAS, and the sizes of the store and of the kernel caches."""
    import importlib.metadata
    import platform

    from threadpoolctl import threadpool_info

    from assay.engine import load_blas
    from assay.registry import home

    names = ("theorem-assay", "numpy", "scipy", "numba", "joblib", "matplotlib", "sympy", "cvxpy", "dask")
    click.echo(f"python {platform.python_version()} on {platform.machine()}, {_cores()} cores")
    for name in names:
        try:
            click.echo(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            click.echo(f"{name} not installed")
    load_blas()
    for pool in threadpool_info():
        click.echo(f"{pool['internal_api']} {pool.get('version') or ''} with {pool['num_threads']} threads")
    roots = {home(claim.check.__module__) for claim in _select(())}
    caches = [cache for root in roots for kind in ("theory", "simulations") for cache in (root / kind).rglob("*.nb?")]
    for label, files in (("store", list((output / "store").rglob("*.npz"))), ("kernel caches", caches)):
        click.echo(f"{label}: {len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: 0 all passed, 1 a check did not, 2 a usage error in one line, 130 interrupted."""
    warnings.showwarning = lambda message, *_, **__: click.echo(f"assay: {message}", err=True)
    try:
        code = cli.main(args=arguments, prog_name="assay", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"assay: {error.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("assay: interrupted; finished tasks are stored, run again to go on", err=True)
        code = INTERRUPTED
    except OSError as error:
        click.echo(f"assay: {error}", err=True)
        code = 2
    sys.exit(code or 0)


def _select(targets: Sequence[str]) -> list[Claim]:
    from assay.registry import select
    from assay.suite import where

    try:
        return select(targets)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except Exception as error:
        raise click.UsageError(f"cannot import a claim: {type(error).__name__}: {error} ({where(error)})") from None


def _failed(claims: list[Claim], output: Path, scale: str) -> list[Claim]:
    from assay.suite import load

    passed: dict[str, bool] = {}
    for entry in load(output, scale):
        passed[entry["claim"]] = passed.get(entry["claim"], True) and entry["passed"]
    return [claim for claim in claims if not passed.get(claim.id, True)]


def _changed(claims: list[Claim]) -> list[Claim]:
    from assay.pages import recorded_digests
    from assay.registry import family_digest, home

    changed: list[Claim] = []
    for family in dict.fromkeys(claim.family for claim in claims):
        members = [claim for claim in claims if claim.family == family]
        page = home(members[0].check.__module__) / "paper_checks.md"
        if recorded_digests(page).get(family) != family_digest(members):
            changed += members
    return changed


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe = output / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise click.UsageError(f"cannot write to --output {output}: {error.strerror}") from None


def _engine(workers: int, cluster: str | None) -> Engine:
    from assay.engine import Engine

    try:
        return Engine(workers, cluster)
    except ImportError:
        raise click.UsageError("--cluster needs dask: pip install 'theorem-assay[cluster]'") from None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"cannot reach --cluster {cluster}: {error}") from None


def _write_pages(output: Path, scale: str, *, draw: bool) -> list[str]:
    from assay.drawing import draw_figures
    from assay.pages import write_pages
    from assay.suite import load

    claims = _select(())
    problems = draw_figures(claims, load(output, scale), output, scale) if draw else []
    write_pages(claims, output, scale)
    return problems


def _finish(outcomes: Sequence[Outcome], output: Path, seconds: float, problems: Sequence[str]) -> None:
    passed, absent = (sum(getattr(outcome, kind) for outcome in outcomes) for kind in ("passed", "absent"))
    failed = len(outcomes) - passed - absent
    click.echo(f"{passed} of {len(outcomes)} claims passed, {failed} failed, {absent} not judged, in {seconds:.1f} s; "
               f"see {output / 'index.html'}")  # fmt: skip
    for problem in problems:
        click.echo(problem)
    if failed or problems:
        raise click.exceptions.Exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
