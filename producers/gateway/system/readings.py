"""What the gateway's watch reads every few seconds, in a thread: broker, store, memory, disk, the jobs in the view, dead letters.

Fed by `server.py`; read by `health.py`, which never waits for any of it.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psutil

from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime import memory
from runtime.errors import MurmurError
from runtime.kafka.async_producer import AsyncProducer
from runtime.objects import keys
from runtime.resources import Resources

RULES_EVERY_S = 10.0
STORED_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Space:
    """Of a disk or of memory. None: not known."""

    total_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Those in the view."""

    counts: dict[str, int] = field(default_factory=dict)
    oldest_submitted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`broker`, `store`: why it does not work, None when it does. `at_s`: by the monotonic clock. `process_bytes`: of memory.
    `dead_letters`: those that wait to be replayed or dropped, None: not known. `stored`: what the retention stage published,
    `rules`: what the corrector did, None: nothing."""

    at_s: float
    broker: str | None = None
    store: str | None = None
    store_s: float | None = None
    disk: Space = Space()
    ram: Space = Space()
    process_bytes: int = 0
    jobs: JobFigures = JobFigures()
    dead_letters: int | None = None
    stored: dict[str, Any] | None = None
    rules: dict[str, Any] | None = None

    @property
    def problem(self) -> str | None:
        """Why the gateway can neither accept nor answer."""
        return self.broker or self.store


class Readings:
    """`refresh()` from one thread at a time; `latest` from any."""

    def __init__(
        self, resources: Resources, producer: AsyncProducer, view: View, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._resources = resources
        self._producer = producer
        self._view = view
        self._clock = clock
        self._process = psutil.Process()
        self._jobs = JobFigures()
        self._stored_due_s = 0.0
        self._stored: dict[str, Any] | None = None
        self._rules_due_s = 0.0
        self._rules: dict[str, Any] | None = None
        self.latest: Reading | None = None

    def refresh(self) -> Reading:
        """Blocks, for as long as broker and store do."""
        self._producer.check()
        store, store_s = self._store()
        self.latest = Reading(
            at_s=self._clock(),
            broker=self._producer.unavailable,
            store=store,
            store_s=store_s,
            disk=_disk(self._resources.settings.data_dir),
            ram=Space(int(psutil.virtual_memory().total), memory.available_bytes()),
            process_bytes=int(self._process.memory_info().rss),
            jobs=self._job_figures(),
            dead_letters=self._dead_letters(),
            stored=self._stored_figures() if store is None else self._stored,
            rules=self._correction_rules() if store is None else self._rules,
        )
        return self.latest

    def age_s(self) -> float | None:
        """Of the latest reading. Large: broker or store do not answer."""
        return None if self.latest is None else self._clock() - self.latest.at_s

    def _store(self) -> tuple[str | None, float | None]:
        began_s = self._clock()
        try:
            self._resources.objects.check(self._resources.settings.work_bucket)
        except MurmurError as error:
            return f"the store is unavailable: {error}", None
        return None, self._clock() - began_s

    def _job_figures(self) -> JobFigures:
        if self._view.is_readable:
            with suppress(ViewUnavailable):
                self._jobs = JobFigures(self._view.jobs.counts(), self._view.jobs.oldest_submitted_at())
        return self._jobs

    def _dead_letters(self) -> int | None:
        with suppress(ViewUnavailable):
            return self._view.letters.waiting() if self._view.is_readable else None
        return None

    def _stored_figures(self) -> dict[str, Any] | None:
        if self._clock() >= self._stored_due_s:
            self._stored_due_s = self._clock() + STORED_EVERY_S
            with suppress(MurmurError, ValueError):
                raw = self._resources.objects.get(self._resources.settings.work_bucket, keys.STORED_FIGURES)
                self._stored = orjson.loads(raw)
        return self._stored

    def _correction_rules(self) -> dict[str, Any] | None:
        settings = self._resources.settings
        if settings.corrects and self._clock() >= self._rules_due_s:
            self._rules_due_s = self._clock() + RULES_EVERY_S
            with suppress(MurmurError, ValueError):
                self._rules = orjson.loads(self._resources.objects.get(settings.work_bucket, keys.CORRECTION_RULES))
        return self._rules


def _disk(folder: Path) -> Space:
    """That of the folder, or of the first of its parents that exists."""
    for place in (folder, *folder.absolute().parents):
        if place.is_dir():
            with suppress(OSError):
                usage = shutil.disk_usage(place)
                return Space(usage.total, usage.free)
    return Space()
