"""Results that the processes of one test run share: each is computed once, by whoever needs it first; the others wait for it."""

import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Shared:
    """`folder` is new in every run: a result of other code is never found."""

    folder: Path

    @classmethod
    def of_run(cls, factory: pytest.TempPathFactory) -> "Shared":
        """The processes of pytest-xdist have a folder each, in one of the run."""
        own = factory.getbasetemp()
        folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
        folder.mkdir(exist_ok=True)
        return cls(folder)

    def get(self, key: str, compute: Callable[[], str]) -> str:
        """The result of `compute()` for this key. What it raises is not kept."""
        file = self.folder / hashlib.sha256(key.encode()).hexdigest()
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                partial = file.with_suffix(".partial")
                partial.write_text(compute())
                partial.rename(file)
        return file.read_text()
