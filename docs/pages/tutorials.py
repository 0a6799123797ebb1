"""Follow a tutorial word for word: write its files, run its code and commands, compare what is printed.

``python -m docs.pages.tutorials docs/judge.md`` does so in the current folder; the tests and the site use the same.
A Python block with a caption is a file, one without is run; a text block is what the block before it prints, with
``...`` for what may differ.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

BLOCK = re.compile(
    r"^```\{code-block\} (?P<language>\w+)\n(?::caption: (?P<caption>\S+)\n)?\n?(?P<code>.*?)^```", re.M | re.S
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def follow(page: Path) -> None:
    """Follow the page in the current folder. Raises AssertionError where something else is printed than it says."""
    scope: dict[str, Any] = {"__name__": "tutorial"}
    printed = ""
    for block in BLOCK.finditer(page.read_text()):
        language, caption, code = block["language"], block["caption"], block["code"]
        if language == "python" and caption:
            Path(caption).write_text(code)
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(code, str(page), "exec"), scope)
            printed = output.getvalue()
        elif language == "bash":
            printed = "".join(_run(line.partition("#")[0]) for line in code.splitlines())
        elif language == "text":
            same = doctest.OutputChecker().check_output(code, printed, FLAGS)
            assert same, f"{page.name} says\n{code}\nbut this is printed:\n{printed}"


def _run(command: str) -> str:
    """Run a command with this environment's programs first in the path; return what it prints, whatever its exit."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=200)
    return done.stdout + done.stderr


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    follow(Path(sys.argv[1]).resolve())
