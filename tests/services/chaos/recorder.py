"""What happened in a fault run, in order: requests and responses of clients, records of the topics, and the faults.

Fed by the load, the witness and the nemesis from their threads; the checker judges the history afterwards.
"""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """`at_s`: seconds since the run began."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Accepted(Entry):
    """A gateway answered 202."""

    job_id: str
    content: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Refused(Entry):
    """A gateway did not accept. `status` 0: the connection broke; the job may be there all the same."""

    content: str
    gateway: str
    status: int
    took_s: float
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Seen(Entry):
    """A gateway's answer to a question for an accepted job. `status` 0: no answer."""

    job_id: str
    gateway: str
    status: int
    state: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Requested(Entry):
    """A record on `requests`. `audio_id`: the SHA-256 that murmur has for the file."""

    job_id: str
    content: str
    audio_id: str = ""


@dataclass(frozen=True, slots=True)
class JobState(Entry):
    """A record on `jobs`, as a reader of committed records sees it."""

    job_id: str
    content: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered(Entry):
    """A record on `transcripts`."""

    job_id: str
    content: str
    text: str


@dataclass(frozen=True, slots=True)
class Inferred(Entry):
    """A chunk's text on `chunk-results`. `inference_s` identifies an inference: a result that is sent again has the
    same."""

    chunk: str
    inference_s: float


@dataclass(frozen=True, slots=True)
class Buried(Entry):
    """A dead letter: which record, and why."""

    record: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fault(Entry):
    """A fault began or ended."""

    what: str


History = Sequence[Entry]


class Recorder:
    """From any thread. `entries` are in the order of their recording."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def fault(self, what: str) -> None:
        self.add(Fault(self.now_s(), what))

    @property
    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def write(self, file: Path) -> None:
        """JSON lines, for a person who wants to know what happened."""
        lines = (json.dumps({"kind": type(entry).__name__, **asdict(entry)}) for entry in self.entries)
        file.write_text("\n".join(lines) + "\n")
