"""The rounds of the retention stage: each reads what has happened since the last, searches the store, publishes what it found.

Fed by `requests`, `jobs` and the changelog of the cache, which it reads outside of any group, only during a round; it writes
nothing to Kafka. Any number of replicas may run.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from runtime import metrics
from runtime.errors import Retry
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition
from runtime.logs import get_logger
from runtime.objects import keys
from runtime.outage import Outage
from runtime.resources import Resources, Stage
from runtime.retention import KindName, job_bytes
from runtime.settings import Settings
from schemas.cache import CacheEntry
from schemas.jobs import JobChanged, JobRequested
from schemas.topics import CACHE_CHANGELOG, JOBS, REQUESTS
from sinks.retention.ledger import Ledger
from sinks.retention.listing import Amount
from sinks.retention.sweeper import Figures, Round

log = get_logger(__name__)
TOPICS = (REQUESTS, JOBS, CACHE_CHANGELOG)
FIRST_S = 60.0  # after the start, which has other things to do
PAUSE_S = 0.005  # between two steps: a sweep leaves the store and the processor to others
POLL_S = 0.2
RETRY_S = 10.0


def ledger_path(settings: Settings) -> Path:
    return settings.data_dir / "retention" / "ledger.sqlite3"


def build(resources: Resources) -> Stage:
    return Retention(resources, ledger_path(resources.settings))


def fill(
    settings: Settings,
    known: Iterable[JobChanged] = (),
    unfinished: Iterable[JobRequested] = (),
    cached: Iterable[tuple[str, CacheEntry]] = (),
) -> None:
    """Makes the ledger of an embedded broker, which starts empty: its topics do not have the jobs and the cache of the last
    run. If it cannot be written there is none, and the stage removes nothing."""
    ledger = Ledger(ledger_path(settings), settings.work_bucket)
    try:
        ledger.open()
        _fill(ledger, known, unfinished, cached)
    except (OSError, sqlite3.Error) as error:
        log.warning("retention.off", error=f"nothing is removed until the next start: {error}")
        ledger.remove()
    finally:
        ledger.close()


def _fill(
    ledger: Ledger,
    known: Iterable[JobChanged],
    unfinished: Iterable[JobRequested],
    cached: Iterable[tuple[str, CacheEntry]],
) -> None:
    now_s = time.time()
    ledger.sql.execute("BEGIN")
    for changed in known:
        ledger.changed(changed, job_bytes(changed))
    for requested in unfinished:
        ledger.requested(requested, now_s)
    for work_id, entry in cached:
        ledger.cached(work_id, (entry.used_at or entry.finished_at).timestamp())
    ledger.sql.execute("COMMIT")


def sweep_once(resources: Resources, folder: Path, *, is_dry: bool) -> Mapping[KindName, Figures]:
    """One round, for `murmur clean`. `folder`: for a file that may be large. Blocks; raises Retry."""
    retention = Retention(resources, folder / "ledger.sqlite3")
    retention.open()
    try:
        return retention.round(is_dry=is_dry, pause_s=0.0)
    finally:
        retention.close()


class Stopped(Exception):
    """The stage is to end."""


class Retention:
    """A stage."""

    name = "retention"

    def __init__(self, resources: Resources, path: Path) -> None:
        self._kafka = resources.kafka
        self._objects = resources.objects
        self._settings = resources.settings
        self._is_embedded = resources.local_state is not None
        self._ledger = Ledger(path, resources.settings.work_bucket)
        self._positions: Mapping[Partition, int] = {}
        self._stopping = threading.Event()
        self._outage = Outage(self.name)

    def run(self) -> None:
        wait_s = min(FIRST_S, self._settings.retention_interval_s)
        try:
            while not self._stopping.wait(wait_s):
                try:
                    wait_s = self._settings.retention_interval_s
                    if self.open():
                        self._publish(self.round())
                    self._outage.ended()
                except Retry as error:
                    self._outage.started(error)
                    wait_s = RETRY_S
                except sqlite3.Error as error:  # a full disk
                    self._outage.started(error)
                    wait_s = RETRY_S
                    self._positions = {}  # what was read may not have been written: all is read again
                    self.close()
                except Stopped:
                    return
        finally:
            self.close()

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        return self._outage.reason

    def open(self) -> bool:
        """Idempotent. Whether it is known what is in use."""
        if self._ledger.is_open:
            return True
        if self._is_embedded and not self._ledger.exists:
            return False
        self._ledger.open(fresh=not self._is_embedded)
        return True

    def close(self) -> None:
        """Idempotent."""
        self._ledger.close()

    def round(self, *, is_dry: bool = False, pause_s: float = PAUSE_S) -> Mapping[KindName, Figures]:
        """Blocks. Raises Retry while broker or store are unavailable, UsageError when a topic is missing."""
        began_s = time.monotonic()
        follower = Follower(self._kafka, TOPICS, self._positions or "beginning")
        try:
            each = Round(self._objects, self._settings, self._ledger, lambda: self._catch_up(follower), is_dry=is_dry)
            for _ in each.steps():
                if self._stopping.wait(pause_s):
                    raise Stopped
        finally:
            self._positions = follower.positions()
            follower.close()
        if files := sum(found.removed_files for found in each.figures.values()):
            removed_bytes = sum(found.removed_bytes for found in each.figures.values())
            log.info("store.swept", objects=files, size_bytes=removed_bytes, processing_s=time.monotonic() - began_s)
        if left := each.figures["versions"].left_files:
            log.warning("versions.kept", objects=left)
        return each.figures

    def _catch_up(self, follower: Follower) -> None:
        follower.open()
        ends = follower.end_offsets()
        while not follower.reached(ends):
            self._ledger.apply(follower.poll(POLL_S))
            if self._stopping.is_set():
                raise Stopped

    def _publish(self, figures: Mapping[KindName, Figures]) -> None:
        """To this process's metrics, and to all gateways."""
        for name, found in figures.items():
            metrics.STORED_FILES.labels(name).set(found.stored.files)
            metrics.STORED_BYTES.labels(name).set(found.stored.size_bytes)
            metrics.STORED_OLDEST.labels(name).set(found.stored.oldest_s or 0.0)
        document = {"at": datetime.now(UTC), "kinds": {name: _document(found.stored) for name, found in figures.items()}}
        self._objects.put(
            self._settings.work_bucket, keys.STORED_FIGURES, orjson.dumps(document), content_type="application/json"
        )


def _document(stored: Amount) -> dict[str, object]:
    oldest_at = None if stored.oldest_s is None else datetime.fromtimestamp(stored.oldest_s, UTC)
    return {"files": stored.files, "bytes": stored.size_bytes, "oldest_at": oldest_at}
