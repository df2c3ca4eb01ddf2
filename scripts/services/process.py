"""One service as a process: started in a session of its own, known by pid and start time, ended by pid, its log kept.

Fed by `kafka.py`, `minio.py` and `versitygw.py`, which say what to run and how to see that it answers.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scripts.services import cache
from scripts.services.cache import ServiceError

LIMIT_S = 120.0  # at a load of 8 a broker was ready after 11 s
POLITE_S = 5.0
POLL_S = 0.05
KEPT = ("ports.json", "log")
_children: dict[int, subprocess.Popen[bytes]] = {}  # by process id; they outlive the objects that started them


@dataclass(frozen=True, slots=True)
class _Known:
    """The contents of pid.json. `started` is None when it ended at once."""

    pid: int
    started: str | None
    proven: bool = False


class ServiceProcess:
    """`folder` holds all there is to know: pid.json, log, and what the service itself keeps.

    `leashed`: the service ends with the process that started it (Linux; call `start()` from its main thread).
    """

    def __init__(self, name: str, folder: Path, leashed: bool = False) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "log"
        self._leashed = leashed
        self._pid_file = folder / "pid.json"

    def start(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Runs it. A living one of the same folder is ended first; a new log begins."""
        self.end()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            child = subprocess.Popen(
                [str(part) for part in argv],
                cwd=self.folder,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent if self._leashed and sys.platform == "linux" else None,
            )
        _children[child.pid] = child
        self._remember(_Known(child.pid, start_time(child.pid)))

    @property
    def pid(self) -> int | None:
        """Its process id while it runs. Another process that has the same id since is not mistaken for it."""
        known = self._known()
        if known is not None and known.pid in _children and _children[known.pid].poll() is not None:
            del _children[known.pid]  # a dead child is a zombie until its starter asks
        if known is None or known.started is None or start_time(known.pid) != known.started:
            return None
        return known.pid

    @property
    def proven(self) -> bool:
        """It runs, and has been proven once since its start."""
        known = self._known()
        return self.pid is not None and known is not None and known.proven

    def mark_proven(self) -> None:
        known = self._known()
        if known is not None:
            self._remember(replace(known, proven=True))

    def wait_until(self, check: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
        """Repeats `check` until its value is true. Raises ServiceError with the last log lines if it ends or after the timeout.

        `check` raises OSError or ServiceError for "not yet".
        """
        last = until_true(check, limit_s, lambda: self.pid is not None)
        if last is not None:
            raise self.failed("ended by itself" if self.pid is None else f"{what}: not within {limit_s:.0f} s ({last})")

    def failed(self, why: str) -> ServiceError:
        return ServiceError(f"{self.name}: {why}\n{cache.tail(self.log)}")

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, which is so on return; SIGCONT thaws it, SIGKILL is a power cut."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, number)
        if number == signal.SIGSTOP:
            until_true(lambda: stopped(pid))

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self.gone_within(POLITE_S)

    def end(self) -> None:
        """SIGTERM, and SIGKILL for one that stays (or is frozen). Idempotent, finished on return."""
        self.signal(signal.SIGTERM)
        if not self.gone_within(POLITE_S):
            self.kill()
        if self.pid is not None:
            raise self.failed("does not end, not even by SIGKILL")
        self._pid_file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Ends it and deletes what it kept, but for its ports and its last words."""
        self.end()
        for path in self.folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in KEPT:
                path.unlink()

    def gone_within(self, limit_s: float) -> bool:
        """Waits for its end; whether it came."""
        return until_true(lambda: self.pid is None, limit_s) is None

    def _known(self) -> "_Known | None":
        try:
            return _Known(**json.loads(self._pid_file.read_text()))
        except FileNotFoundError:
            return None

    def _remember(self, known: "_Known") -> None:
        fresh = self._pid_file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(known)))
        fresh.rename(self._pid_file)


def until_true(check: Callable[[], object], limit_s: float = LIMIT_S, alive: Callable[[], bool] = lambda: True) -> object:
    """Repeats `check`; None once its value is true, else why not: the time is up, or nothing is alive that could answer.

    `check` raises OSError or ServiceError for "not yet".
    """
    until_s, last = time.monotonic() + limit_s, "no answer"
    while time.monotonic() < until_s and alive():
        try:
            if check():
                return None
        except (OSError, ServiceError) as error:
            last = str(error)
        time.sleep(POLL_S)
    return last


def stopped(pid: int) -> bool:
    """Each of its threads stops by itself, on a busy machine some time after the signal. True where this cannot be seen."""
    try:
        threads = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):  # one has ended meanwhile
        return False
    return all(state in "TZX" for state in threads)


def start_time(pid: int) -> str | None:
    """What distinguishes a process from a later one with the same id. None: it has ended, or is a zombie."""
    if not Path("/proc/self/stat").exists():
        return _start_time_by_ps(pid)
    place = Path(f"/proc/{pid}")
    try:
        after_name = (place / "stat").read_text().rpartition(")")[2].split()
        # The first thread of a killed JVM is a zombie while others still hold its ports.
        dead = after_name[0] in "ZX" and len(list((place / "task").iterdir())) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if dead else after_name[19]  # field 22 of the line; the name, field 2, may hold spaces


def _start_time_by_ps(pid: int) -> str | None:
    """macOS."""
    ps = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = ps.stdout.strip().partition(" ")
    return started.strip() if state and not state.startswith("Z") else None


def _die_with_parent() -> None:
    """Runs in the child: PR_SET_PDEATHSIG = 1."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
