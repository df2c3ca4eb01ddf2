"""The whole system in a process of its own, with an empty cache, from outside."""

import contextlib
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

from benchmarks.overhead.meter import Spent
from benchmarks.setup import Setup

STOP_S = 30.0


class System:
    """A context: started and ready inside of it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._resources = ExitStack()
        self.address = ""

    def spent(self) -> Spent:
        """By the process, until now."""
        print("spent", file=self._input, flush=True)
        return Spent(**json.loads(self._output.readline()))

    def __enter__(self) -> Self:
        data_dir = self._resources.enter_context(tempfile.TemporaryDirectory())
        command = [sys.executable, "-m", "benchmarks.overhead.child", data_dir, self._setup.to_json()]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._resources.callback(child.wait, STOP_S)
        self._input, self._output = _open(child.stdin), _open(child.stdout)
        self._resources.callback(self._end)
        self.address = self._output.readline().strip()
        if not self.address:
            raise RuntimeError(f"the system does not start: {' '.join(command)}")
        return self

    def _end(self) -> None:
        """The end of its input is the child's."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._resources.close()


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
