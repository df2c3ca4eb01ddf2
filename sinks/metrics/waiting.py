"""The backlog: how much speech waits for the transcribers, and since when the oldest record waits.

Fed by `requests`, `decodes` and `chunks.*` and by the offsets that their consumer groups have committed; feeds the `queue`
figures. It has no state: it starts at the committed offsets, so it is correct again after every restart.

Its limits: audio that is not decoded yet has no length, so only its age counts, not its seconds. A group commits up to its
first unsettled record, so records that it has settled after that one still count; chunks of a cancelled job count until the
transcriber has skipped them.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Partition, Received
from runtime.kafka.per_topic import group_of
from schemas.jobs import JobRequested
from schemas.record import Lane
from schemas.stats import QueueFigures
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, REQUESTS, Topic
from schemas.work import ChunkReady
from sinks.metrics import lag
from sinks.metrics.lag import Lag

READERS: Mapping[Topic, str] = {
    REQUESTS: "coordinator",
    DECODES: "slicer",
    CHUNKS_INTERACTIVE: group_of("transcriber", CHUNKS_INTERACTIVE),
    CHUNKS_BULK: group_of("transcriber", CHUNKS_BULK),
}
LANES: Mapping[str, Lane] = {CHUNKS_INTERACTIVE.name: "interactive", CHUNKS_BULK.name: "bulk"}
COMMITTED_EVERY_S = 2.0
REQUEST_S = 5.0


@dataclass(slots=True)
class Unsettled:
    """The records of one partition from the committed offset on, oldest first. Pure."""

    settled: int = 0
    speech_s: float = 0.0
    _records: deque[tuple[int, float, float]] = field(default_factory=deque)  # offset, since when, speech

    def add(self, offset: int, since_s: float, speech_s: float) -> None:
        if offset >= self.settled:
            self._records.append((offset, since_s, speech_s))
            self.speech_s += speech_s

    def settle(self, offset: int) -> None:
        """`offset`: the first that is not settled."""
        self.settled = max(self.settled, offset)
        while self._records and self._records[0][0] < self.settled:
            self.speech_s -= self._records.popleft()[2]
        if not self._records:
            self.speech_s = 0.0  # no rounding errors left

    @property
    def since_s(self) -> float | None:
        return self._records[0][1] if self._records else None


class Waiting:
    """`start()` and `stop()` its thread. `figures`: None until it has caught up, and while the broker is unavailable.
    `lag`: of all consumer groups, as it was last read."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._thread = FollowerThread("metrics-waiting", kafka, tuple(READERS), self._take, self._begin)
        self._unsettled: dict[Partition, Unsettled] = {}
        self._ends: Mapping[Partition, int] = {}
        self._committed_due_s = 0.0
        self._figures: QueueFigures | None = None
        self._lag_due_s = 0.0
        self.lag: Lag = {}

    @property
    def figures(self) -> QueueFigures | None:
        return None if self._thread.unavailable else self._figures

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread: UsageError when a topic is missing."""
        self._thread.check()

    def stop(self, wait_s: float | None = None) -> None:
        self._thread.stop(wait_s)

    def _begin(self) -> Start:
        offsets = self._committed()
        self._figures = None
        self._ends = self._kafka.offsets.ends(READERS, REQUEST_S)
        self._unsettled = {place: Unsettled(offsets.get(place, 0)) for place in self._ends}
        return offsets

    def _take(self, follower: Follower, records: list[Received]) -> None:
        for record in records:
            _add(self._unsettled[record.partition], record)
        is_waiting = any(unsettled.since_s is not None for unsettled in self._unsettled.values())
        if is_waiting and time.monotonic() >= self._committed_due_s:
            self._committed_due_s = time.monotonic() + COMMITTED_EVERY_S
            for place, offset in self._committed().items():
                self._unsettled[place].settle(offset)
        if time.monotonic() >= self._lag_due_s:
            self._lag_due_s = time.monotonic() + lag.EVERY_S
            self.lag = lag.consumer_lag(self._kafka.offsets, REQUEST_S)
        if self._figures is not None or follower.reached(self._ends):
            self._figures = figures(self._unsettled)

    def _committed(self) -> dict[Partition, int]:
        """Without partitions that have no commit: all of their records wait."""
        committed = self._kafka.offsets.committed_by({group: (topic,) for topic, group in READERS.items()}, REQUEST_S)
        return {place: offset for places in committed.values() for place, offset in places.items()}


def _add(unsettled: Unsettled, record: Received) -> None:
    since_s = record.timestamp_ms / 1000
    if isinstance(record.event, JobRequested):
        since_s = record.event.job.submitted_at.timestamp()
    unsettled.add(record.offset, since_s, record.event.speech_s if isinstance(record.event, ChunkReady) else 0.0)


def figures(unsettled: Mapping[Partition, Unsettled]) -> QueueFigures:
    queued = dict.fromkeys(LANES.values(), 0.0)
    for place, records in unsettled.items():
        if place.topic in LANES:
            queued[LANES[place.topic]] += records.speech_s
    since = min((records.since_s for records in unsettled.values() if records.since_s is not None), default=None)
    return QueueFigures(
        queued_audio_s={lane: round(seconds, 3) for lane, seconds in queued.items()},
        oldest_waiting_since=datetime.fromtimestamp(since, UTC) if since is not None else None,
    )
