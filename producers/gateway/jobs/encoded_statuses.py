"""Statuses as JSON, kept while nothing in them has changed. For the event loop. Used by `status.py`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from cachetools import LRUCache

ALL_BYTES = 8 * 1024 * 1024
ONE_BYTES = 1024 * 1024  # a longer one is not kept
OVERHEAD_BYTES = 5000  # with the job
# The estimate of a job changes with every other job: so long it may be of before.
FRESH_S = 0.25
J = TypeVar("J")
Key = tuple[UUID, str, bool]


@dataclass(frozen=True, slots=True)
class _Kept(Generic[J]):
    job: J
    version: object
    until_s: float
    body: bytes


class EncodedStatuses(Generic[J]):
    """`version`: of what the status says besides the job itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: LRUCache[Key, _Kept[J]] = LRUCache(ALL_BYTES, getsizeof=lambda kept: len(kept.body) + OVERHEAD_BYTES)

    def get(self, key: Key, job: J, version: object) -> bytes | None:
        """`job`: the same object, which the view gives as long as the job has not changed."""
        kept = self._kept.get(key)
        is_current = kept is not None and kept.job is job and kept.version == version and self._clock() < kept.until_s
        return kept.body if kept is not None and is_current else None

    def keep(self, key: Key, job: J, version: object, body: bytes, *, is_final: bool) -> None:
        if len(body) <= ONE_BYTES:
            until_s = float("inf") if is_final else self._clock() + FRESH_S
            self._kept[key] = _Kept(job, version, until_s, body)
