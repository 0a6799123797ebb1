"""The command line: what it prints, and that a user's mistake is one line and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "toy.py", "--workers", "0"], "--workers"),
        (["run", "toy.py", "--workers", "-3"], "--workers"),
        (["run", "toy.py", "--seed", "x"], "--seed"),
        (["run", "toy.py", "--seed", "-1"], "--seed"),
        (["run", "toy.py", "--scale", "huge"], "--scale"),
        (["run", "toy.py", "--cluster", "tcp://127.0.0.1:9"], "cannot reach --cluster tcp://127.0.0.1:9"),
        (["run", "toy.py", "--cluster", "nonsense"], "cannot reach --cluster nonsense"),
        (["run", "random_feature.2"], "did you mean random_features.2?"),
        (["run", "random_features.222"], "did you mean random_features.2"),
        (["run", "nothing.py"], "unknown claim 'nothing.py'"),
        (["show", "random_features"], "name one, such as random_features.1"),
        (["show", "../etc"], "unknown claim"),
        (["report", "--output", "empty"], "nothing was run into empty"),
        (["new", "Not a name"], "family = 'Not a name'"),
        (["lst"], "No such command 'lst'"),
        (["run", "broken.py"], "cannot import a claim: NameError: name 'undefined' is not defined (broken.py:1)"),
        (["run", "syntax.py"], "cannot import a claim: SyntaxError"),
    ],
)
def test_usage_error_is_one_line_and_exit_code_2(bench, arguments, words):
    (bench.folder / "broken.py").write_text("undefined\n")
    (bench.folder / "syntax.py").write_text("def (:\n")
    done = bench.run(*arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("assay: ")
    assert done.stdout == ""


def test_a_failing_claim_prints_the_worst_point_and_how_to_run_it_again(bench):
    text = (bench.folder / "toy.py").read_text()
    text = text.replace('grid.column("mean"), precision', '3 + 0 * grid.column("mean"), precision')
    (bench.folder / "toy.py").write_text(text)
    done = bench.run("run", "toy.py", "--no-figures", code=1)
    worst = next(line for line in done.stdout.splitlines() if "worst point of 3:" in line)
    point = eval(worst.split(": ", 1)[1])
    assert point["parameters"] == {"mean": 1.0} and point["predicted"] == 3.0
    assert "again: assay run toy.1 --scale quick --seed 0" in done.stdout
    assert "1 of 2 claims passed, 1 failed" in done.stdout


def test_a_surviving_rival_fails_the_run(bench):
    text = (bench.folder / "toy.py").read_text().replace('1.1 * grid.column("mean")', '1.0001 * grid.column("mean")')
    (bench.folder / "toy.py").write_text(text)
    done = bench.run("run", "toy.py", "--no-figures", code=1)
    assert "'ten per cent more' survives" in done.stdout


def test_an_error_in_a_claim_is_its_own_failure(bench):
    text = (bench.folder / "toy.py").read_text().replace("return float(mean) ** 2", "return float(mean) ** 2 / 0")
    (bench.folder / "toy.py").write_text(text)
    done = bench.run("run", "toy.py", "--no-figures", code=1)
    assert "toy.2" in done.stdout and "ZeroDivisionError" in done.stdout and "(toy.py:" in done.stdout
    assert "1 of 2 claims passed" in done.stdout and "Traceback" not in done.stdout + done.stderr
    assert "ZeroDivisionError" in (bench.folder / "build" / "paper_checks.md").read_text()


def test_failed_selects_what_did_not_pass(bench):
    original = (bench.folder / "toy.py").read_text()
    (bench.folder / "toy.py").write_text(original.replace("return float(mean) ** 2", "return float(mean) ** 3"))
    bench.run("run", "toy.py", "--no-figures", code=1)
    (bench.folder / "toy.py").write_text(original)
    done = bench.run("run", "toy.py", "--failed", "--no-figures")
    assert "toy.2" in done.stdout and "toy.1" not in done.stdout and "1 of 1 claims passed" in done.stdout
    assert "no claim to run" in bench.run("run", "toy.py", "--failed").stdout


def test_changed_compares_with_the_recorded_digest(bench):
    bench.run("run", "toy.py", "--no-figures")
    page = (bench.folder / "build" / "paper_checks.md").read_text()
    assert "toy.1" in bench.run("run", "toy.py", "--changed", "--no-figures").stdout
    (bench.folder / "paper_checks.md").write_text(page)
    assert "no claim to run" in bench.run("run", "toy.py", "--changed").stdout
    with (bench.folder / "toy.py").open("a") as file:
        file.write("\nNEW = 1\n")
    assert "toy.1" in bench.run("run", "toy.py", "--changed", "--no-figures").stdout


def test_not_at_this_scale_is_counted_and_not_green(bench):
    text = (bench.folder / "toy.py").read_text().replace("quick=dict(mean=[1.0, 2.0]))", "full=dict(mean=[1.0, 2.0]))")
    (bench.folder / "toy.py").write_text(text)
    done = bench.run("run", "toy.py", "--no-figures")
    assert "1 of 2 claims passed, 0 failed, 1 not judged" in done.stdout
    assert "not at this scale" in (bench.folder / "build" / "index.html").read_text()


def test_show_tells_statement_verdict_and_citation(bench):
    bench.run("run", "toy.py", "--no-figures")
    shown = bench.run("show", "toy.1").stdout
    words = (
        "The mean is the mean.",
        "Normal noise.",
        "Ex = μ",
        "Last verdicts, scale quick",
        "mean   agrees",
        "1 of 1",
        "assay run toy.1",
        'assay.judge("toy.1", my_formula)',
        "@article{author2024theorem",
    )
    assert [one for one in words if one not in shown] == []


def test_list_is_light_and_complete():
    listed, loaded = _loaded_by(["list", "--json"], ("cvxpy", "dask", "matplotlib", "pandas", "sympy"))
    assert loaded == "[]"
    ids = [claim["id"] for claim in json.loads(listed)]
    assert ids == sorted(ids, key=lambda one: (one.rpartition(".")[0], int(one.rpartition(".")[2])))
    assert "random_features.1" in ids


def test_help_imports_nothing_of_the_families():
    printed, loaded = _loaded_by(["--help"], ("numba", "numpy", "scipy", "theory"))
    assert loaded == "[]" and "Commands:" in printed


def _loaded_by(arguments, modules):
    """Return what a command prints, and which of the modules it imported."""
    code = f"""
import sys, assay.cli
try:
    assay.cli.main({arguments})
except SystemExit:
    print([name for name in {modules} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n").rsplit("\n", 1)


def test_doctor_names_versions_cores_and_sizes(bench):
    done = bench.run("doctor")
    for words in ("python 3.", "cores", "numpy ", "openblas", "store: 0 files", "kernel caches:"):
        assert words in done.stdout


def test_verdicts_hold_exactly_the_documented_fields_and_finite_numbers(bench):
    bench.run("run", "toy.py", "--no-figures")
    text = (bench.folder / "build" / "results" / "quick" / "verdicts.json").read_text()
    entry = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in verdicts.json"))[0]
    assert set(entry) == {
        "claim", "check", "family", "paper", "label", "nature", "status", "evidence", "statement", "kind", "scale",
        "seed", "unit", "passed", "outcome", "deviation", "allowance", "precision", "tolerance", "reason",
        "resolution", "resolution_unit", "n_points", "n_trials", "worst", "rivals", "controls", "seconds", "figure",
    }  # fmt: skip
    assert set(entry["worst"]) == {
        "parameters", "predicted", "predicted_standard_error", "simulated", "standard_error",
    }  # fmt: skip
    assert set(entry["rivals"][0]) == {"name", "as_published", "rejected", "margin"}
    header = (bench.folder / "build" / "results" / "quick" / "tables" / "toy.1.csv").read_text().splitlines()[0]
    assert header == "check,mean,predicted,ten per cent more,simulated,standard_error,n_trials,tolerance"
