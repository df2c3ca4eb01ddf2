"""Stages and whole systems as processes of their own, for tests that kill them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


class Process:
    """A running command of murmur's own interpreter; its output goes to a file beside the test's data."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MURMUR_")}
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=log.parent,  # no .env of the checkout
                env={**inherited, **environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def said(self, text: str) -> bool:
        """Whether its output so far has this text. Fails when it has ended without."""
        found = text in self.log.read_text()
        assert found or self._popen.poll() is None, f"ended with {self._popen.returncode}:\n{self.log.read_text()}"
        return found

    def kill(self) -> None:
        """kill -9, and gone."""
        self._popen.kill()
        self._popen.wait(10)

    def interrupt(self, timeout_s: float) -> int:
        """Ctrl-C; its exit code."""
        return self.end(signal.SIGINT, timeout_s)

    def end(self, number: int, timeout_s: float) -> int:
        """A signal; its exit code."""
        self._popen.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float) -> int:
        """Its exit code."""
        return self._popen.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._popen.poll() is None:
            self.kill()
        if self._popen.stdin is not None:
            self._popen.stdin.close()
