"""What lies in the topics and nobody has settled yet: how much speech waits for the transcribers, since when the oldest waits.

Fed by `requests`, `decodes` and `chunks.*` and by what the groups that read them have committed; feeds the `queue` figures.
No state of its own: it begins at the committed offsets, so it is right again after every restart.

What it cannot see: audio that is not decoded yet has no length, so it is not in the queued seconds, only its age is. A
group commits up to its first unsettled record, so what it has settled behind that one still counts; chunks of a cancelled
job count until the transcriber has skipped them.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime.errors import Retry, UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition, Received
from runtime.kafka.per_topic import group_of
from runtime.logs import get_logger
from schemas.jobs import JobRequested
from schemas.record import Lane
from schemas.stats import QueueFigures
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, REQUESTS, Topic
from schemas.work import ChunkReady

log = get_logger(__name__)
READERS: Mapping[Topic, str] = {
    REQUESTS: "coordinator",
    DECODES: "slicer",
    CHUNKS_INTERACTIVE: group_of("transcriber", CHUNKS_INTERACTIVE),
    CHUNKS_BULK: group_of("transcriber", CHUNKS_BULK),
}
LANES: Mapping[str, Lane] = {CHUNKS_INTERACTIVE.name: "interactive", CHUNKS_BULK.name: "bulk"}
POLL_S = 0.2
ASK_S = 2.0
AGAIN_S = 1.0
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
            self.speech_s = 0.0  # no rests of rounding

    @property
    def since_s(self) -> float | None:
        return self._records[0][1] if self._records else None


class Waiting:
    """`run()` in a thread of its own, until `stop()`. `figures`: None until it has caught up."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._stopping = threading.Event()
        self.figures: QueueFigures | None = None

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """A broker that is away, or topics that are missing, are waited for."""
        while not self._stopping.is_set():
            try:
                self._watch()
            except (Retry, UsageError) as error:
                log.warning("backlog.unknown", error=error, wait_s=AGAIN_S)
                self.figures = None
                self._stopping.wait(AGAIN_S)

    def _watch(self) -> None:
        offsets = self._committed()
        follower = Follower(self._kafka, tuple(READERS), offsets)
        try:
            places = self._kafka.offsets.partitions(READERS, REQUEST_S)
            self._follow(follower, {place: Unsettled(offsets.get(place, 0)) for place in places})
        finally:
            follower.close()

    def _follow(self, follower: Follower, unsettled: Mapping[Partition, Unsettled]) -> None:
        ends = self._kafka.offsets.ends(READERS, REQUEST_S)
        ask_s = 0.0
        while not self._stopping.is_set():
            for record in follower.poll(POLL_S):
                _add(unsettled[record.partition], record)
            if time.monotonic() >= ask_s:
                ask_s = time.monotonic() + ASK_S
                for place, offset in self._committed().items():
                    unsettled[place].settle(offset)
            if self.figures is not None or follower.reached(ends):
                self.figures = figures(unsettled)

    def _committed(self) -> dict[Partition, int]:
        """What was never committed is left out: all of it waits."""
        offsets: dict[Partition, int] = {}
        for topic, group in READERS.items():
            offsets |= self._kafka.offsets.committed(group, (topic,), REQUEST_S)
        return offsets


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
    waiting = [records.since_s for place, records in unsettled.items() if place.topic not in LANES]
    since = min((since_s for since_s in waiting if since_s is not None), default=None)
    return QueueFigures(
        queued_audio_s={lane: round(seconds, 3) for lane, seconds in queued.items()},
        oldest_waiting_since=datetime.fromtimestamp(since, UTC) if since is not None else None,
    )
