"""Many local files through one gateway: some of them sent at a time, all watched together, each written as it ends."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from murmur.cli import notes
from murmur.cli.progress import Reporter
from murmur.gateway_client import ENDED, GatewayClient, Refused
from runtime.backoff import Backoff
from runtime.errors import UsageError

IN_HAND = 16  # enough to keep every worker busy; more would only fill the disk with copies
BAD_REQUEST = 400


class Batch:
    """`wait(seconds)` between two looks may raise what has become of the system, or say True when it was stopped."""

    def __init__(
        self, gateway: GatewayClient, reporter: Reporter, wait: Callable[[float], bool], out: Path | None, formats: list[str]
    ) -> None:
        self._gateway = gateway
        self._tell = reporter
        self._wait = wait
        self._out = out
        self._formats = formats
        self._under_way: dict[str, Path] = {}
        self._noted: set[str] = set()  # what holds for every file is said once

    def run(self, files: list[Path], fields: dict[str, str]) -> int:
        """How many files failed. Blocks until all have ended."""
        waiting, failed, backoff = deque(files), 0, Backoff(0.05, 0.5, factor=1.2)
        while waiting or self._under_way:
            while waiting and len(self._under_way) < IN_HAND:
                failed += not self._send(waiting.popleft(), fields)
            before = len(self._under_way)
            failed += sum(not self._look(task_id, path) for task_id, path in list(self._under_way.items()))
            if len(self._under_way) < before:
                backoff.reset()
            if self._under_way and self._wait(backoff.next_s()):
                return failed + len(waiting) + len(self._under_way)
        return failed

    def _send(self, path: Path, fields: dict[str, str]) -> bool:
        """False: it was refused. Raises UsageError for options that no file could be sent with."""
        try:
            self._under_way[self._gateway.submit(path, fields)["task_id"]] = path
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.status == BAD_REQUEST:
                raise UsageError(str(error)) from error
            self._tell.failed(path, str(error))
            return False
        self._tell.share(path, 0.0)
        return True

    def _look(self, task_id: str, path: Path) -> bool:
        """False: it has failed."""
        status = self._gateway.status(task_id)
        self._tell.share(path, status["progress"]["share"])
        if status["state"] not in ENDED:
            return True
        del self._under_way[task_id]
        if status["state"] != "SUCCESS":
            self._tell.failed(path, _why(status))
            return False
        for line in notes.lines(status):
            if line not in self._noted:
                self._noted.add(line)
                self._tell.note(f"{path}: {line}")
        return self._keep(task_id, path)

    def _keep(self, task_id: str, path: Path) -> bool:
        """False: a result could not be written."""
        try:
            for name in self._formats:
                result = (self._out or path.parent) / f"{path.stem}.{name}"
                write_whole(result, self._gateway.transcript(task_id, name))
                self._tell.written(result)
        except OSError as error:
            self._tell.failed(path, str(error))
            return False
        return True


def write_whole(result: Path, content: bytes) -> None:
    """The file is there whole or not at all, also when the process is interrupted."""
    result.parent.mkdir(parents=True, exist_ok=True)
    partial = result.with_name(f".{result.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(result)
    finally:
        partial.unlink(missing_ok=True)


def _why(status: dict[str, Any]) -> str:
    error = status.get("error") or {"reason": status["state"].lower(), "message": status["message"]}
    return f"{error['message']} ({error['reason']})"
