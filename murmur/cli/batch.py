"""Many local files through one gateway: a limited number in flight, polled together, each result written when its job ends."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from murmur.cli import notes
from murmur.cli.progress import Reporter
from murmur.cli.results import Results
from murmur.cli.sources import Source
from murmur.gateway_client import ENDED, GatewayClient, Refused
from runtime.backoff import Backoff
from runtime.errors import UsageError

IN_FLIGHT_MAX = 16  # enough to keep every worker busy; more would only fill the disk with copies
UNPROCESSABLE = 422  # a file that cannot be transcribed
NO_MEDIA = "unsupported"  # a file in a folder that has other files than recordings


class Batch:
    """`wait(seconds)` between two polls may raise the system's failure; it returns True when the system was stopped."""

    def __init__(self, gateway: GatewayClient, reporter: Reporter, wait: Callable[[float], bool], results: Results) -> None:
        self._gateway = gateway
        self._reporter = reporter
        self._wait = wait
        self._results = results
        self._in_flight: dict[str, Source] = {}
        self._noted: set[str] = set()  # a note that applies to every file is printed once

    def run(self, sources: Sequence[Source], fields: dict[str, str]) -> int:
        """How many files failed. Blocks until all have ended."""
        waiting, failed, backoff = deque(sources), 0, Backoff(0.05, 0.5, factor=1.2)
        while waiting or self._in_flight:
            while waiting and len(self._in_flight) < IN_FLIGHT_MAX:
                failed += not self._send(waiting.popleft(), fields)
            before = len(self._in_flight)
            failed += sum(not self._poll(task_id, source) for task_id, source in list(self._in_flight.items()))
            if len(self._in_flight) < before:
                backoff.reset()
            if self._in_flight and self._wait(backoff.next_s()):
                return failed + len(waiting) + len(self._in_flight)
        return failed

    def _send(self, source: Source, fields: dict[str, str]) -> bool:
        """False: it was rejected. Raises UsageError for options that would be rejected with any file."""
        try:
            self._in_flight[self._gateway.submit(source.path, fields)["task_id"]] = source
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.is_misuse:
                raise UsageError(str(error)) from error
            return self._failed(source, _refusal(error))
        self._reporter.progress(source.label, 0.0)
        return True

    def _poll(self, task_id: str, source: Source) -> bool:
        """False: it has failed."""
        status = self._gateway.status(task_id)
        self._reporter.progress(source.label, status["progress"]["share"])
        if status["state"] not in ENDED:
            return True
        del self._in_flight[task_id]
        if status["state"] != "SUCCESS":
            return self._failed(source, _failure(status))
        for line in notes.lines(status):
            if line not in self._noted:
                self._noted.add(line)
                self._reporter.note(f"{source.label}: {line}")
        return self._keep(task_id, source)

    def _failed(self, source: Source, failure: dict[str, str]) -> bool:
        """False, except for a file that is no recording in a folder of recordings."""
        is_other = source.found and failure["reason"] == NO_MEDIA
        reason = f" ({failure['reason']})" if failure["reason"] else ""
        self._reporter.failed(source.label, ("skipped: " if is_other else "") + failure["message"] + reason)
        return is_other

    def _keep(self, task_id: str, source: Source) -> bool:
        """False: a result could not be written."""
        try:
            for name in self._results.formats:
                content = self._gateway.transcript(task_id, name)
                if source.results is None:
                    sys.stdout.buffer.write(content)
                    sys.stdout.flush()
                else:
                    self._reporter.written(self._results.write(source.results, name, content))
        except OSError as error:
            self._reporter.failed(source.label, str(error))
            return False
        return True


def _refusal(error: Refused | OSError) -> dict[str, str]:
    """`reason` only of what is wrong with the audio itself."""
    reason = error.document.get("reason", "") if isinstance(error, Refused) and error.status == UNPROCESSABLE else ""
    return {"message": str(error), "reason": str(reason)}


def _failure(status: dict[str, Any]) -> dict[str, str]:
    return status.get("error") or {"reason": status["state"].lower(), "message": status["message"]}
