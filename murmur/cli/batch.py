"""Many local files through one gateway: a limited number in flight, polled together, each result written when its job ends."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from murmur.cli import notes
from murmur.cli.progress import Reporter
from murmur.gateway_client import ENDED, GatewayClient, Refused
from runtime.backoff import Backoff
from runtime.errors import UsageError

IN_FLIGHT_MAX = 16  # enough to keep every worker busy; more would only fill the disk with copies
BAD_REQUEST = 400


class Batch:
    """`wait(seconds)` between two polls may raise the system's failure; it returns True when the system was stopped."""

    def __init__(
        self, gateway: GatewayClient, reporter: Reporter, wait: Callable[[float], bool], out: Path | None, formats: list[str]
    ) -> None:
        self._gateway = gateway
        self._reporter = reporter
        self._wait = wait
        self._out = out
        self._formats = formats
        self._in_flight: dict[str, Path] = {}
        self._noted: set[str] = set()  # a note that applies to every file is printed once

    def run(self, files: list[Path], fields: dict[str, str]) -> int:
        """How many files failed. Blocks until all have ended."""
        waiting, failed, backoff = deque(files), 0, Backoff(0.05, 0.5, factor=1.2)
        while waiting or self._in_flight:
            while waiting and len(self._in_flight) < IN_FLIGHT_MAX:
                failed += not self._send(waiting.popleft(), fields)
            before = len(self._in_flight)
            failed += sum(not self._poll(task_id, path) for task_id, path in list(self._in_flight.items()))
            if len(self._in_flight) < before:
                backoff.reset()
            if self._in_flight and self._wait(backoff.next_s()):
                return failed + len(waiting) + len(self._in_flight)
        return failed

    def _send(self, path: Path, fields: dict[str, str]) -> bool:
        """False: it was rejected. Raises UsageError for options that would be rejected with any file."""
        try:
            self._in_flight[self._gateway.submit(path, fields)["task_id"]] = path
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.status == BAD_REQUEST:
                raise UsageError(str(error)) from error
            self._reporter.failed(path, str(error))
            return False
        self._reporter.progress(path, 0.0)
        return True

    def _poll(self, task_id: str, path: Path) -> bool:
        """False: it has failed."""
        status = self._gateway.status(task_id)
        self._reporter.progress(path, status["progress"]["share"])
        if status["state"] not in ENDED:
            return True
        del self._in_flight[task_id]
        if status["state"] != "SUCCESS":
            self._reporter.failed(path, _reason(status))
            return False
        for line in notes.lines(status):
            if line not in self._noted:
                self._noted.add(line)
                self._reporter.note(f"{path}: {line}")
        return self._keep(task_id, path)

    def _keep(self, task_id: str, path: Path) -> bool:
        """False: a result could not be written."""
        try:
            for name in self._formats:
                result = (self._out or path.parent) / f"{path.stem}.{name}"
                write_whole(result, self._gateway.transcript(task_id, name))
                self._reporter.written(result)
        except OSError as error:
            self._reporter.failed(path, str(error))
            return False
        return True


def write_whole(result: Path, content: bytes) -> None:
    """Atomic: the file is complete or missing, also when the process is interrupted."""
    result.parent.mkdir(parents=True, exist_ok=True)
    partial = result.with_name(f".{result.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(result)
    finally:
        partial.unlink(missing_ok=True)


def _reason(status: dict[str, Any]) -> str:
    error = status.get("error") or {"reason": status["state"].lower(), "message": status["message"]}
    return f"{error['message']} ({error['reason']})"
