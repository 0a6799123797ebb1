"""The README is executed: its commands, its formula, and an outsider's theorem, inside a clone and outside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_judging_a_formula_as_the_readme_says(tmp_path):
    code = next(block for block in blocks("python") if "assay.judge" in block)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("test-error: disagrees")
    assert (tmp_path / "my_formula.png").stat().st_size > 5000


def test_judge_accepts_the_right_formula_and_reuses_the_store(tmp_path):
    import assay
    from theory.random_features import rf_risk

    threads = {pool["num_threads"] for pool in threadpool_info()}

    def right(eigenvalues, target_coefficients, n_samples, n_features, ridge, noise_variance):
        sizes = dict(n_samples=n_samples, n_features=n_features, ridge=ridge, noise_variance=noise_variance)
        return rf_risk(eigenvalues, target_coefficients, **sizes).test_mse

    verdict = assay.judge("random_features.2", predicted=right, output=tmp_path)
    assert verdict.passed and verdict.resolution < 0.05
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert not assay.judge("random_features.2", predicted=lambda: 1.0, output=tmp_path).passed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == files
    assert {pool["num_threads"] for pool in threadpool_info()} == threads, "the caller's BLAS threads are restored"
    frame = assay.table("random_features.2", output=tmp_path)
    assert {"check", "n_samples", "n_features", "ridge", "predicted", "kernel limit", "simulated"} <= set(frame)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (dict(claim="random_features.99"), "unknown claim"),
        (dict(claim="random_features"), "expected one claim"),
        (dict(check="nonsense"), "expected one of test-error"),
        (dict(predicted=lambda width: 1.0), "asks for 'width'"),
        (dict(scale="huge"), "scale = 'huge'"),
        (dict(seed=-1), "seed = -1"),
    ],
)
def test_judge_names_what_is_wrong(tmp_path, terms, words):
    import assay

    arguments = dict(claim="random_features.2", predicted=lambda: 1.0, output=tmp_path) | terms
    with pytest.raises(ValueError, match=words):
        assay.judge(**arguments)


def commands() -> list[list[str]]:
    """The README's commands for one's own theorem, without their comments."""
    block = next(block for block in blocks("bash") if "assay new" in block)
    return [line.split("#")[0].split() for line in block.splitlines()]


def follow_the_readme(folder: Path) -> str:
    printed = ""
    for _, *arguments in commands():
        done = subprocess.run(
            [sys.executable, "-m", "assay", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed += done.stdout
    return printed


def test_an_outsiders_theorem_as_the_readme_says(tmp_path):
    printed = follow_the_readme(tmp_path)
    assert "1 of 1 claims passed" in printed
    assert (tmp_path / "build" / "figures" / "balls_in_boxes.headline.svg").exists()
    page = (tmp_path / "build" / "index.html").read_text()
    assert "balls_in_boxes.1" in page and "random_features" not in page
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "balls_in_boxes"], cwd=tmp_path, capture_output=True, text=True
    )
    assert tests.returncode == 0, tests.stdout
    again = subprocess.run(
        [sys.executable, "-m", "assay", "new", "balls_in_boxes"], cwd=tmp_path, capture_output=True, text=True
    )
    assert again.returncode == 2 and "is already there" in again.stderr


def test_a_new_family_inside_a_clone(tmp_path):
    """The scaffold passes its checks, its tests, the linter and the layers where it is written."""
    clone = tmp_path / "clone"
    kept = shutil.ignore_patterns(".venv", ".git", "build", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, clone, ignore=kept)
    environment = {"PYTHONPATH": str(clone), "PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin"}

    def run(*command: str) -> subprocess.CompletedProcess:
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    for _, *arguments in commands():
        run(sys.executable, "-m", "assay", *arguments)
    assert "balls_in_boxes.1" in run(sys.executable, "-m", "assay", "list").stdout
    run(sys.executable, "-m", "pytest", "-q", "tests/test_balls_in_boxes.py")
    run(sys.executable, "notebooks/balls_in_boxes.py")
    run(sys.executable, "-m", "benchmarks.bench_balls_in_boxes")
    run("ruff", "check", *(str(path.relative_to(clone)) for path in clone.rglob("*balls_in_boxes*.py")))
    run("ruff", "format", "--check")
    run("lint-imports")


def test_the_readme_names_every_family():
    from assay.registry import select

    named = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted({claim.family for claim in select([])})


def make(*arguments: str) -> str:
    """What make prints, without the flags of a make that runs this very test."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_make_help_describes_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split()
    described = [line.split()[1] for line in make("help").splitlines()]
    assert sorted(described) == sorted(targets)
    named = set(re.findall(r"^make (\w+)|`make (\w+)`", README + CONTRIBUTING, re.MULTILINE))
    assert {one or other for one, other in named} <= {*targets, "help"}


@pytest.mark.parametrize(
    "command", sorted({" ".join(one.split()) for one in re.findall(r"`assay (list|(?:show|run) [^`]+)`", README)})
)
def test_a_command_that_the_readme_names(command, tmp_path):
    command = command.removesuffix(" --scale full")  # minutes; CI runs that scale
    output = [] if command.startswith("list") else ["--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "assay", *command.split(), *output], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and "random_features.2" in done.stdout, done.stderr
    assert ("@article" in done.stdout) == command.startswith("show")


def test_links_lead_somewhere():
    for text in (README, CONTRIBUTING):
        links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if not link.startswith("http")]
        assert all((ROOT / link).exists() for link in links)
        assert links or text is CONTRIBUTING


def test_contributing_names_the_files_of_a_new_family():
    from assay.scaffold import CLONE

    table = re.search(r"^\| file .*?\n\n", CONTRIBUTING, re.MULTILINE | re.DOTALL).group()
    named = re.findall(r"`([\w/]+\.py)`", table)
    written = [path.format("my_family") for path in CLONE.values() if not path.endswith("__init__.py")]
    assert sorted(named) == sorted(written)


def test_contributing_names_functions_that_exist():
    from simulations._streams import spawn_streams

    assert "`simulations._streams.spawn_streams`" in CONTRIBUTING and callable(spawn_streams)
    for path in re.findall(r"`(docs/[\w.]+|requirements[\w-]*\.lock)`", CONTRIBUTING):
        assert (ROOT / path).exists()


def test_the_repository_names_no_machine():
    """No index host, no absolute path, and every top-level folder of the design."""
    names = {path.name for path in ROOT.iterdir()}
    assert {"theory", "simulations", "figures", "assay", "tests", "notebooks", "benchmarks", "docs"} <= names
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256" in lock and "http" not in lock
