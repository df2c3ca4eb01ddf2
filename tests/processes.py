"""Commands of murmur as processes: run to their end, or started, watched by their output, signalled and killed.

Their environment has no `MURMUR_…` but what the test gives, and their folder no `.env` of the checkout. Services, and members of
a cluster, which have to be found again or end with pytest, are `scripts/services/process.py`'s.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from murmur import stages
from tests import forked
from tests.waiting import DEADLINE_S

ROOT = Path(__file__).parents[1]
MAIN = ["-c", "from murmur.cli import main; main()"]  # `murmur` for the interpreter of the tests
ALL_STAGES = sorted(stages.of("directory"))


def whole_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The whole one of a process: `given` is all of it that is murmur's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MURMUR_")}
    return {**inherited, **given, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


class Process:
    """A running command of the tests' interpreter; its output is appended to a file beside the test's data."""

    def __init__(self, arguments: list[str], given: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=log.parent,
                env=whole_environment(given),
                stdin=subprocess.PIPE,  # its end is what ends a stage without a parent
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def printed(self, text: str) -> bool:
        """Whether its output so far has this text. Fails when it has ended without."""
        ended = self._popen.poll() is not None  # read first, so that its last output is not missed
        found = text in self.output()
        assert found or not ended, f"ended with {self._popen.returncode}:\n{self.output()}"
        return found

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and gone. Nothing happens when it has ended."""
        self._popen.kill()
        self._popen.wait(DEADLINE_S)

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        return self.end(signal.SIGINT)

    def end(self, number: signal.Signals) -> int:
        """A signal; its exit code."""
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit code."""
        return self._popen.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kills it unless it has ended."""
        self.kill()
        assert self._popen.stdin is not None
        self._popen.stdin.close()


def _murmur() -> None:
    from murmur.cli import main

    main()


@dataclass(frozen=True)
class Murmur:
    """The command as a person runs it, in the folder `cwd`. `environment` is all that is set of murmur's."""

    cwd: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """To its end, in a process forked from one that has imported what commands need: that takes longer than most commands.
        A failing test may show what it prints: bytes that are not UTF-8 are escaped, since pytest's workers send no surrogates.
        """
        command = ["murmur", *map(str, arguments)]
        ended = forked.run(_murmur, command, self.cwd, whole_environment(self.environment))
        output, errors = (text.decode(errors="backslashreplace") for text in (ended.stdout, ended.stderr))
        return subprocess.CompletedProcess(command, ended.returncode, output, errors)

    def raw(self, *arguments: str) -> bytes:
        """Standard output as it is; fails when the command does."""
        command, env = [sys.executable, *MAIN, *arguments], whole_environment(self.environment)
        return subprocess.run(command, cwd=self.cwd, env=env, capture_output=True, check=True, timeout=DEADLINE_S).stdout

    def start(self, *arguments: str | Path, log: str = "run.log") -> Process:
        """`log`: the name of a file in `cwd`."""
        return Process([*MAIN, *map(str, arguments)], self.environment, self.cwd / log)


def run(*command: str | Path, cwd: Path, given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Any program, to its end."""
    words, env = [*map(str, command)], whole_environment(given)
    return subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, errors="backslashreplace", timeout=DEADLINE_S, check=False
    )


def only_line(text: str) -> str:
    """The one line that a command printed; fails when it printed more, or a traceback."""
    (line,) = text.strip().splitlines()
    return line


def on_directory(bootstrap: str, folder: Path) -> dict[str, str]:
    """The environment of all stages on any broker, with a folder as store: its buckets are there, and its port is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    given = {
        "MURMUR_KAFKA_BOOTSTRAP": bootstrap,
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(folder / "store"),
        "MURMUR_DATA_DIR": str(folder / "data"),
        "MURMUR_GATEWAY_PORT": str(port),
        "MURMUR_MODEL": "demo",
        "MURMUR_SETTLE_S": "0.1",
    }
    assert Murmur(folder, given)("buckets", "apply").returncode == 0
    return given


def children(parent: int) -> dict[str, int]:
    """The stages of a `murmur run` and their process ids (Linux). A zombie has no command line, and so is none."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if ppid == parent and "murmur.cli.child" in words:
            found[words[words.index("murmur.cli.child") + 1]] = int(process.name)
    return found


def alive(pid: int) -> bool:
    """Not for a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
