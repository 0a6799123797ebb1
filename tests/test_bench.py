"""The store, the replayed run and the engines: the same numbers wherever tasks run, and after every fault."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from assay.store import Store

RUN = ("run", "toy.py", "--no-figures")


def test_equal_results_for_any_workers_and_engine(bench):
    """One worker, two workers, threads: the same tables and verdicts to the byte."""
    bench.run(*RUN, "--workers", "1", "--output", "one")
    bench.run(*RUN, "--workers", "2", "--output", "two", TOY_SLEEP="0.3")
    bench.run(*RUN, "--workers", "2", "--output", "threads", TOY_SLEEP="0.3", TOY_PREFER="threads")
    assert bench.results(output="one") == bench.results(output="two") == bench.results(output="threads")
    assert len(bench.log) == 3 * 12


def test_equal_results_on_a_dask_cluster(bench):
    from dask.distributed import LocalCluster

    bench.run(*RUN, "--workers", "1", "--output", "one")
    os.environ["TOY_LOG"] = str(bench.folder / "log")
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        bench.run(*RUN, "--cluster", cluster.scheduler_address, "--output", "dask", TOY_SLEEP="0.3")
    assert bench.results(output="one") == bench.results(output="dask")


def test_another_seed_gives_other_trials(bench):
    bench.run(*RUN)
    bench.run(*RUN, "--seed", "1", "--output", "other")
    assert bench.results() != bench.results(output="other")
    assert len(bench.log) == 24


def test_full_reuses_quick_and_a_second_run_computes_nothing(bench):
    bench.run(*RUN)
    assert len(bench.log) == 12
    bench.run(*RUN)
    assert len(bench.log) == 12
    bench.run(*RUN, "--scale", "full")
    assert len(bench.log) == 4 * 6, "three old points have two more blocks each, one new point has six"
    bench.run(*RUN, "--fresh")
    assert len(bench.log) == 36


def test_adding_a_family_changes_no_byte_of_another(bench):
    bench.run("run", "toy.py", "--no-figures", "--output", "alone")
    (bench.folder / "other.py").write_text((bench.folder / "toy.py").read_text().replace('"toy.', '"other.'))
    bench.run("run", "toy.py", "other.py", "--no-figures", "--output", "both")
    assert bench.results(output="alone") == bench.results(output="both")
    assert bench.results(output="both", family="other")["verdicts"].count("'claim'") == 2


def test_partial_run_keeps_the_other_verdicts(bench):
    bench.run(*RUN)
    before = bench.results()
    bench.run("run", "toy.2", "--no-figures")
    assert bench.results() == before


def test_editing_claims_or_docstrings_recomputes_nothing_but_code_does(bench, monkeypatch):
    from assay.base import _read, closure_digest, project_file

    def digest() -> str:
        for cached in (closure_digest, _read, project_file):
            cached.cache_clear()
        return closure_digest(bench.folder / "caller.py")

    monkeypatch.syspath_prepend(bench.folder)
    callee, caller = bench.folder / "callee.py", bench.folder / "caller.py"
    callee.write_text('"""Old."""\n\ndef f(x):\n    """Old."""\n    return 2 * x\n')
    caller.write_text("from callee import f\n\ndef g(x):\n    return f(x) + 1\n")
    first = digest()
    callee.write_text('"""New words."""\n# a comment\ndef f(x):\n    """New."""\n    return 2  * x\n')
    assert digest() == first
    callee.write_text("def f(x):\n    return 3 * x\n")
    assert digest() != first


def test_editing_the_code_of_an_argument_recomputes_but_draws_the_same_numbers(bench):
    shape = bench.folder / "shape.py"
    shape.write_text("class Shape:\n    def __call__(self, x):\n        return x\n")
    toy = bench.folder / "toy.py"
    text = toy.read_text().replace("import numpy as np", "import numpy as np\nfrom shape import Shape", 1)
    text = text.replace("*, mean, n_trials, seed", "*, mean, n_trials, seed, shape")
    toy.write_text(text.replace("block=32, ", "block=32, shape=Shape(), "))
    bench.run("run", "toy.py", "--no-figures")
    before = bench.results()
    bench.run("run", "toy.py", "--no-figures")
    assert len(bench.log) == 12
    shape.write_text("class Shape:\n    def __call__(self, x):\n        return 1.0 * x\n")
    bench.run("run", "toy.py", "--no-figures")
    assert len(bench.log) == 24
    assert bench.results() == before


def test_report_replays_and_simulates_nothing(bench):
    bench.run("run", "toy.py")
    before = bench.results()
    index = (bench.folder / "build" / "index.html").read_text()
    bench.run("report")
    assert bench.results() == before and len(bench.log) == 12
    assert (bench.folder / "build" / "index.html").read_text() == index
    bench.stored()[0].unlink()
    done = bench.run("report")
    assert "not run at this scale" in done.stdout and len(bench.log) == 12


# Faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["truncated", "flipped"])
def test_damaged_file_is_named_and_only_its_task_recomputed(bench, fault):
    bench.run(*RUN)
    before, victim = bench.results(), bench.stored()[3]
    content = bytearray(victim.read_bytes())
    if fault == "truncated":
        victim.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
    done = bench.run(*RUN)
    assert victim.name in done.stderr and "damaged" in done.stderr
    assert bench.results() == before
    assert len(bench.log) <= 13 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("flip", range(0, 1200, 97))
def test_every_flipped_byte_is_found_or_harmless(tmp_path, flip):
    store = Store(tmp_path)
    arrays = {"x": np.arange(40.0)}
    store.write("ab", arrays, {"function": "f"})
    path = tmp_path / "ab" / "ab.npz"
    content = bytearray(path.read_bytes())
    content[flip % len(content)] ^= 4
    path.write_bytes(content)
    with contextlib.suppress(UserWarning):
        found = _read_quietly(store, "ab")
        assert found is None or np.array_equal(found["x"], arrays["x"])


def _read_quietly(store: Store, key: str):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return store.read(key)


def test_sigkill_in_the_middle_then_resume(bench):
    bench.run(*RUN, "--output", "whole")
    bench.folder.joinpath("log").unlink()
    process = subprocess.Popen(
        bench.command(*RUN, "--workers", "1"), cwd=bench.folder, env=bench.environment(TOY_SLEEP="0.3"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _wait_until(lambda: len(bench.log) >= 5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished, started = len(bench.stored()), len(bench.log)
    assert 4 <= finished < 12 and not (bench.folder / "build" / "results").exists()
    bench.run(*RUN)
    assert bench.results() == bench.results(output="whole")
    assert len(bench.log) == started + 12 - finished


def test_ctrl_c_exits_130_and_leaves_no_orphans(bench):
    process = subprocess.Popen(
        bench.command(*RUN, "--workers", "2"), cwd=bench.folder, env=bench.environment(TOY_SLEEP="1"),
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _wait_until(lambda: len(bench.log) >= 4)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "assay: interrupted; finished tasks are stored, run again to go on"
    _wait_until(lambda: not _processes_with(str(bench.folder / "log")))


def test_killed_worker_is_retried_once_with_the_same_numbers(bench):
    bench.run(*RUN, "--workers", "1", "--output", "one")
    bench.run(*RUN, "--workers", "2", "--output", "two", TOY_SLEEP="0.3", TOY_KILL=str(bench.folder / "killed"))
    assert (bench.folder / "killed").exists()
    assert bench.results(output="one") == bench.results(output="two")


def test_worker_killed_every_time_fails_and_names_the_task(bench):
    done = bench.run(*RUN, "--workers", "2", code=1, TOY_SLEEP="0.3", TOY_KILL="/nowhere/always")
    assert "a worker was killed twice at" in done.stdout and "'mean':" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_full_disk_is_one_line_and_leaves_no_half_file(bench):
    """A limit of 1 KiB on the size of a file makes the store's writes fail half-way, as a full disk does."""
    done = bench.run(*RUN, "--workers", "1", code=2, shell="trap '' XFSZ; ulimit -f 1")
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("assay: cannot write build/store/")
    assert not bench.stored() and not list((bench.folder / "build").rglob("*.part"))


def test_read_only_output_is_one_line(bench):
    (bench.folder / "file").write_text("")
    for output in ("/proc/assay", "file/build"):
        done = bench.run(*RUN, "--output", output, code=2)
        assert done.stderr.startswith(f"assay: cannot write to --output {output}")
        assert len(done.stderr.splitlines()) == 1


# Kernels --------------------------------------------------------------------------------------------------------------

CALLEE = "import assay.base\nfrom numba import njit\n\n@njit(cache=True)\ndef f(x):\n    return {factor} * x\n"
CALLER = """
import assay.base
from numba import njit
from callee import f

@njit(cache=True)
def g(x):
    return f(x) + 0.5

@njit(cache=True)
def alone(x):
    return x

if __name__ == "__main__":
    print(g(10.0), alone(1.0), sum(g.stats.cache_hits.values()), sum(f.stats.cache_hits.values()))
"""


def _kernel(folder: Path) -> list[str]:
    import sys

    done = subprocess.run([sys.executable, "-c", "import runpy; runpy.run_module('caller', run_name='__main__')"],
                          cwd=folder, capture_output=True, text=True, check=True)  # fmt: skip
    return [*done.stdout.split(), done.stderr]


def test_edited_callee_in_another_module_leaves_no_stale_kernel(tmp_path):
    (tmp_path / "callee.py").write_text(CALLEE.format(factor=2.0))
    (tmp_path / "caller.py").write_text(CALLER)
    assert _kernel(tmp_path)[:3] == ["20.5", "1.0", "0"]
    assert _kernel(tmp_path)[:3] == ["20.5", "1.0", "1"], "the second run loads the compiled kernel"
    (tmp_path / "callee.py").write_text(CALLEE.format(factor=3.0))
    assert _kernel(tmp_path)[:3] == ["30.5", "1.0", "0"]
    os.utime(tmp_path / "callee.py")
    assert _kernel(tmp_path)[:3] == ["30.5", "1.0", "1"], "touching a file recompiles nothing"


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("fault", ["garbled", "truncated"])
def test_garbled_kernel_cache_is_wiped_and_recompiled(tmp_path, suffix, fault):
    (tmp_path / "callee.py").write_text(CALLEE.format(factor=2.0))
    (tmp_path / "caller.py").write_text(CALLER)
    _kernel(tmp_path)
    for path in (tmp_path / "__pycache__").glob(f"caller.g*.{suffix}"):
        path.write_bytes(b"garbage" * 20 if fault == "garbled" else path.read_bytes()[:50])
    value, _, hits, _, warning = _kernel(tmp_path)
    assert value == "20.5" and hits == "0" and "recompiling" in warning
    assert _kernel(tmp_path)[2] == "1"


def _wait_until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _processes_with(token: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if token in path.read_text(errors="replace") and int(path.parts[2]) != os.getpid():
                found.append(path.parts[2])
    return found
