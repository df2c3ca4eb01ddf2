"""Jobs that were read from the view's file recently, so that whoever polls a status costs no query.

Used by the view, which drops a job whenever its row has changed.
"""

import threading
from collections.abc import Iterable
from typing import Generic, TypeVar

from cachetools import LRUCache

RECENT_MAX = 1000  # about 4 kB each
J = TypeVar("J")


class RecentJobs(Generic[J]):
    """Safe to call from several threads."""

    def __init__(self) -> None:
        self._jobs: LRUCache[str, J] = LRUCache(RECENT_MAX)
        self._lock = threading.Lock()
        self._changes = 0

    @property
    def changes(self) -> int:
        """Read it before the file, and give it to `keep()`."""
        return self._changes

    def get(self, job_id: str) -> J | None:
        with self._lock:
            return self._jobs.get(job_id)

    def keep(self, job_id: str, job: J, changes: int) -> None:
        """Does nothing if the file has changed since: what was read may be of before."""
        with self._lock:
            if changes == self._changes:
                self._jobs[job_id] = job

    def drop(self, job_ids: Iterable[str]) -> None:
        """After their change is in the file."""
        with self._lock:
            self._changes += 1
            for job_id in job_ids:
                self._jobs.pop(job_id, None)

    def clear(self) -> None:
        with self._lock:
            self._changes += 1
            self._jobs.clear()
