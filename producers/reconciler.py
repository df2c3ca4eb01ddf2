"""Creates the jobs of objects whose events were lost: compares the uploads bucket with `requests`, announces what is missing.

An object is announced once, and only after intake has consumed `uploads` up to its end before the bucket was listed.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from producers.announcer import Announcer
from producers.incoming import is_meant, open_state
from producers.known import read_drops
from runtime.errors import Retry, UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition
from runtime.logs import get_logger
from runtime.objects import ObjectInfo, ObjectStore
from runtime.objects.directory import DirectoryStore
from runtime.outage import Outage
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from schemas.record import ObjectRef
from schemas.topics import REQUESTS, UPLOADS

log = get_logger(__name__)
TURN_S = 0.5  # how often it checks intake's position, and whether store and broker are available
ANSWER_S = 5.0
GRACE = timedelta(
    seconds=10
)  # an event may be this much later than its object without being lost: MinIO polls its queue every 3 s
STARTING = "the first listing is not done"
RECHECKS_AFTER_OUTAGE = (
    2  # after an outage: stores also lose the events of the first objects after it, which are too young at first
)


def build(resources: Resources) -> Stage:
    """Raises UsageError when the lookback exceeds the time for which jobs are remembered."""
    return Reconciler(resources, timedelta(seconds=resources.settings.reconcile_lookback_s))


def reconcile_once(resources: Resources, lookback: timedelta) -> int:
    """One round with any lookback; returns the number of announced objects. Waits for intake. For `murmur reconcile --since`."""
    return Reconciler(resources, lookback, bounded=False).once()


class Ledger:
    """Which listed objects have no job yet. Pure: time is an argument."""

    def __init__(self, lookback: timedelta, grace: timedelta) -> None:
        self._lookback = lookback
        self._grace = grace
        self._known: dict[int, datetime] = {}  # by version of an object: requested or announced

    def requested(self, audio: ObjectRef, at: datetime) -> None:
        """There is a job for this version of the object."""
        self._known[_version(audio.bucket, audio.key, audio.etag)] = at

    def announced(self, info: ObjectInfo, at: datetime) -> None:
        self._known[_version(info.bucket, info.key, info.etag)] = at

    def missing(self, listing: Iterable[ObjectInfo], now: datetime) -> list[ObjectInfo]:
        """Neither requested nor announced; older than the grace period and within the lookback."""
        youngest, oldest = now - self._grace, now - self._lookback
        return [
            info
            for info in listing
            if oldest <= info.modified_at <= youngest and _version(info.bucket, info.key, info.etag) not in self._known
        ]

    def forget(self, now: datetime) -> None:
        """Drops entries older than the lookback and a day, for clocks that disagree."""
        oldest = now - self._lookback - timedelta(days=1)
        self._known = {version: at for version, at in self._known.items() if at >= oldest}


def _version(bucket: str, key: str, etag: str | None) -> int:
    """A number for a version of an object, since there may be millions. By eTag: a listing has no version ids."""
    return hash((bucket, key, etag))


@dataclass(frozen=True, slots=True)
class Round:
    """The objects that were missing in a listing, and the end offsets of `uploads` before it."""

    ends: Mapping[Partition, int]
    missing: list[ObjectInfo]


class Reconciler:
    """A stage. A round is due at every interval; at the start, and when store or broker are back, immediately and twice more."""

    name = "reconciler"

    def __init__(self, resources: Resources, lookback: timedelta, *, bounded: bool = True) -> None:
        settings = resources.settings
        if bounded and lookback >= timedelta(seconds=settings.job_memory_s):
            raise UsageError("MURMUR_RECONCILE_LOOKBACK_S must be less than MURMUR_JOB_MEMORY_S, or old jobs would run again")
        self._settings: Settings = settings
        self._kafka: Kafka = resources.kafka
        self._objects: ObjectStore = resources.objects
        self._interval_s = settings.reconcile_interval_s
        grace = min(GRACE, timedelta(seconds=self._interval_s / 2))  # so that two intervals are enough for every object
        self._grace_s = grace.total_seconds()
        self._ledger = Ledger(lookback, grace)
        for drop in resources.earlier_drops:
            self._ledger.requested(drop, datetime.now(UTC))
        self._is_whole = _whole_file(resources.objects)
        self._stopping = threading.Event()
        self._round: Round | None = None
        self._due_s = 0.0
        self._recheck_until_s = 0.0  # objects whose events may have been lost reach the grace period by then
        self._outage = Outage(self.name)
        self._has_listed = False

    def run(self) -> None:
        self._open()
        try:
            while not self._stopping.is_set():
                self._turn(time.monotonic())
                self._stopping.wait(TURN_S)
        finally:
            self._close()

    def once(self) -> int:
        self._open()
        try:
            self._round = self._begin()
            while (announced := self._finish()) is None:
                self._stopping.wait(TURN_S)
            return announced
        finally:
            self._close()

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        return self._outage.reason or (None if self._has_listed else STARTING)

    def _open(self) -> None:
        self._requests = Follower(self._kafka, [REQUESTS])
        self._broker_outages = self._kafka.offsets.outages()

    def _close(self) -> None:
        self._requests.close()

    def _turn(self, now_s: float) -> None:
        try:
            self._objects.check(self._settings.uploads_bucket)
            if self._broker_was_away() or self.not_ready() is not None:  # then events may have been lost
                self._round, self._due_s = None, now_s
                self._recheck_until_s = now_s + RECHECKS_AFTER_OUTAGE * self._grace_s
            if self._round is None and now_s >= self._due_s:
                self._round = self._begin()
                self._due_s = now_s + (self._grace_s if now_s < self._recheck_until_s else self._interval_s)
                if self._round.missing:
                    log.debug("jobs.awaited", objects=len(self._round.missing))
            self._has_listed = True
            self._outage.ended()
            if self._round is not None and self._finish() is not None:
                self._round = None
        except Retry as error:
            self._outage.started(error)

    def _broker_was_away(self) -> bool:
        """Since the last call."""
        before, self._broker_outages = self._broker_outages, self._kafka.offsets.outages()
        return self._broker_outages > before

    def _begin(self) -> Round:
        ends = self._kafka.offsets.nonempty_ends((UPLOADS,), ANSWER_S)
        self._catch_up()
        now = datetime.now(UTC)
        self._ledger.forget(now)
        listing = self._objects.list(self._settings.uploads_bucket)
        return Round(ends, [info for info in self._ledger.missing(listing, now) if self._is_whole(info)])

    def _finish(self) -> int | None:
        """Announces what is still missing, once intake has reached the ends; None before."""
        assert self._round is not None
        if not self._round.missing:
            return 0
        if not self._kafka.offsets.has_read("intake", self._round.ends, ANSWER_S):
            return None
        self._catch_up()
        now = datetime.now(UTC)
        missing = self._ledger.missing(self._round.missing, now)
        if self._stopping.is_set() or (missing and not self._announce(missing, now)):
            return None
        for info in missing:
            log.info("event.missed", file=info.key, modified_at=info.modified_at.isoformat(timespec="seconds"))
            self._ledger.announced(info, now)
        return len(missing)

    def _announce(self, missing: list[ObjectInfo], now: datetime) -> bool:
        """With a producer of its own: rounds with missing objects are rare, and a failed producer is not reused."""
        return Announcer(self._kafka, self.name).announce(missing, now, self._stopping)

    def _catch_up(self) -> None:
        """Reads `requests` up to its current end."""
        for drop, at in read_drops(self._requests, self._stopping):
            self._ledger.requested(drop, at)


def _whole_file(objects: ObjectStore) -> Callable[[ObjectInfo], bool]:
    """A folder may contain files that are still being written; an S3 object is complete when it is listed."""
    if not isinstance(objects, DirectoryStore):
        return lambda info: True
    store = objects

    def is_whole(info: ObjectInfo) -> bool:
        return is_meant(info.key) and info.size_bytes > 0 and open_state(store, info) in ("closed", "unknown")

    return is_whole
