"""Stored work: one checked file per task, written so that a crash never leaves half of one under its name."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


class Store:
    """A folder of ``<key>.npz`` files, each holding the arrays of one task, its description and a checksum."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> Arrays | None:
        """Return the arrays of a task, or None where it is not stored; a damaged file is named and removed."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            checksum, task = str(arrays.pop("_checksum")), str(arrays.pop("_task"))
            if checksum == _checksum(arrays, task):
                return arrays
        except FileNotFoundError:
            return None
        except Exception as error:  # zipfile, zlib and numpy raise what they like on garbled bytes
            reason = f"{type(error).__name__}: {error}"
        else:
            reason = "its checksum does not match"
        warnings.warn(f"stored task {path} is damaged ({reason}): it will be computed again", stacklevel=2)
        path.unlink(missing_ok=True)
        return None

    def write(self, key: str, arrays: Arrays, task: Mapping[str, object]) -> None:
        """Store the arrays of a task under its key. Raises OSError where the folder cannot be written."""
        described = json.dumps(task, default=repr)
        buffer = io.BytesIO()
        named: dict[str, Any] = dict(
            arrays, _task=np.array(described), _checksum=np.array(_checksum(arrays, described))
        )
        np.savez(buffer, **named)
        write_atomically(self._path(key), buffer.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file beside its place and move it there, so that its name never holds part of it."""
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(f"cannot write {path}: {error.strerror}") from error
        raise


def _checksum(arrays: Arrays, task: str) -> str:
    digest = hashlib.sha256(task.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
