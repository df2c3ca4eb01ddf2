"""Functions that run in processes of their own, forked from a server that has imported what they need.

As multiprocessing's fork server does it: it has no threads and no clients, so nothing of a test is inherited.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest

from tests.waiting import DEADLINE_S

Ended = CompletedProcess[bytes]
ROOT = Path(__file__).parents[1]
IMPORTED = ("murmur.cli.gateway", "runtime.kafka.topics", "runtime.objects.buckets", "runtime.resources", "tests.processes")


@cache
def _server() -> ForkServerContext:
    """Started when it is first needed; it ends with this process."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    return context


def run(function: Callable[[], None], arguments: list[str], cwd: Path, environment: Mapping[str, str]) -> Ended:
    """As the main function of a program. Blocks until its end; fails when that takes too long."""
    with TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = _server().Process(target=_run, args=(function, arguments, cwd, dict(environment), (output, errors)))
        process.start()
        process.join(DEADLINE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{arguments} has not ended after {DEADLINE_S:.0f} s")
        return Ended(arguments, process.exitcode, output.read_bytes(), errors.read_bytes())


def _run(
    function: Callable[[], None], arguments: list[str], cwd: Path, environment: dict[str, str], outputs: tuple[Path, Path]
) -> None:
    for number, path in enumerate(outputs, 1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    function()
