"""What the cache of finished works holds: what the coordinators remember, and the transcripts in the store.

Fed by the changelog of the coordinators' table, and by counting objects in the background; read by `cache.py` and `health.py`.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import orjson

from runtime.errors import MurmurError
from runtime.kafka.messages import Received
from runtime.objects import ObjectStore
from runtime.objects.keys import TRANSCRIPTS

KEY_HEX = 16  # of a work's id: enough to count by, and a quarter of its memory
RECOUNT_S = 2.0
COST_SHARE = 0.02  # of the time may be spent on counting objects
OLD_S = 600.0  # a store may delete objects by their age


class CacheBook:
    """What the coordinators remember, from the changelog of their table. `note()` in one thread, the rest from any."""

    def __init__(self) -> None:
        self._finished_s: dict[int, float] = {}
        self._lock = threading.Lock()
        self.changes = 0

    def note(self, record: Received) -> None:
        with self._lock:
            self.changes += 1
            key = _number(record.key)
            if key is None:  # the time of the last clearing
                return
            self._finished_s.pop(key, None)
            if record.value is not None:
                self._finished_s[key] = _finished_s(record.value)

    def size(self, cleared_at: datetime | None) -> int:
        """Works that may answer a submission."""
        with self._lock:
            if cleared_at is None:
                return len(self._finished_s)
            cleared_s = cleared_at.timestamp()
            return sum(finished_s > cleared_s for finished_s in self._finished_s.values())


@dataclass(frozen=True, slots=True)
class Stored:
    """Transcripts in the store that were written later than `since`."""

    since: datetime | None
    count: int
    size_bytes: int


class StoredTranscripts:
    """Counts the transcripts in the store, in the thread that calls `refresh()` again and again: after a change, and so that it
    takes a small share of the time."""

    def __init__(self, objects: ObjectStore, bucket: str, book: CacheBook, clock: Callable[[], float] = time.monotonic) -> None:
        self._objects = objects
        self._bucket = bucket
        self._book = book
        self._clock = clock
        self._changes = -1
        self._due_s = 0.0
        self._old_s = 0.0
        self.latest: Stored | None = None

    def refresh(self, cleared_at: datetime | None) -> None:
        """Blocks while the store lists them. One that is unavailable is asked again later."""
        now_s, changes = self._clock(), self._book.changes
        is_same = self.latest is not None and self.latest.since == cleared_at and changes == self._changes
        if now_s < self._due_s or (is_same and now_s < self._old_s):
            return
        with suppress(MurmurError):
            self.latest, self._changes = self._counted(cleared_at), changes
        took_s = self._clock() - now_s
        self._due_s, self._old_s = now_s + max(RECOUNT_S, took_s / COST_SHARE), now_s + OLD_S

    def count(self, cleared_at: datetime | None) -> int | None:
        """As counted last; None: not yet, or not since the cache was cleared."""
        latest = self.latest
        return latest.count if latest is not None and latest.since == cleared_at else None

    def _counted(self, cleared_at: datetime | None) -> Stored:
        count, size_bytes = 0, 0
        for info in self._objects.list(self._bucket, TRANSCRIPTS):
            if cleared_at is None or info.modified_at > cleared_at:
                count, size_bytes = count + 1, size_bytes + info.size_bytes
        return Stored(cleared_at, count, size_bytes)


def _number(key: bytes | None) -> int | None:
    """None: not a work's id."""
    try:
        return int((key or b"")[:KEY_HEX], 16)
    except ValueError:
        return None


def _finished_s(value: bytes) -> float:
    return datetime.fromisoformat(orjson.loads(value)["finished_at"]).timestamp()
