"""The progress of each work: share of speech done and segments so far. From the `progress` topic, kept in memory.

Bounded: the works without an event for the longest time are evicted first; their jobs then show no segments until they end.
"""

import threading
from dataclasses import dataclass, field

from cachetools import FIFOCache

from producers.gateway.ordered_segments import Following, OrderedSegments, Position
from schemas.segment import Segment
from schemas.work import Span, WorkProgressed

WORKS_MAX = 1000
CHUNKS_MAX = 5000  # of one work: more than 40 h of speech


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` of the speech done, 0 to 1; None: something is done, and how much there is in all is not known yet. `left_s`:
    seconds until the end at the speed so far; None while that is not known. `version` is another one after every change."""

    share: float | None = 0.0
    left_s: float | None = None
    version: tuple[str, int] = ("", 0)


@dataclass(slots=True)
class _Work:
    """`ordered` has the segments of the first `in_order` chunks. `first`, `last`: share and time of the first and last event."""

    run: str
    first: tuple[float, float]
    last: tuple[float, float]
    share: float = 0.0
    events: int = 0
    chunks: dict[Span, tuple[Segment, ...]] = field(default_factory=dict)
    spans: dict[int, Span] = field(default_factory=dict)
    in_order: int = 0
    ordered: OrderedSegments = field(default_factory=OrderedSegments)

    def note(self, event: WorkProgressed) -> None:
        self.events += 1
        self.share = max(self.share, event.share)
        if len(self.chunks) >= CHUNKS_MAX and event.span not in self.chunks:
            return
        is_other = self.chunks.get(event.span, event.segments) != event.segments
        self.chunks[event.span] = event.segments
        if event.index is None:  # of an earlier version: its place is not known
            return
        self.spans[event.index] = event.span
        if is_other and event.index < self.in_order:
            self.in_order, self.ordered = 0, OrderedSegments()
        while (span := self.spans.get(self.in_order)) is not None:
            self.ordered.extend(self.chunks[span])
            self.in_order += 1

    @property
    def left_s(self) -> float | None:
        (share, since_s), (_, until_s) = self.first, self.last
        done, took_s = self.share - share, until_s - since_s
        return took_s * (1 - self.share) / done if done > 0 and took_s > 0 else None

    @property
    def progress(self) -> Progress:
        share = self.share if self.share or not self.chunks else None
        return Progress(share, self.left_s, (self.run, self.events))


class ProgressBook:
    """Safe to call from several threads."""

    def __init__(self, works_max: int = WORKS_MAX) -> None:
        self._works: FIFOCache[str, _Work] = FIFOCache(works_max)  # by their last event
        self._lock = threading.Lock()

    def note(self, event: WorkProgressed, at_s: float = 0.0) -> None:
        """A repeated chunk replaces the earlier one; a new run of the work starts from zero. `at_s`: when it was written."""
        with self._lock:
            work = self._works.get(event.work_id)
            if work is None or work.run != event.run:
                work = _Work(event.run, (event.share, at_s), (event.share, at_s))
            work.note(event)
            work.last = (event.share, at_s)
            self._works[event.work_id] = work

    def of(self, work_id: str) -> Progress:
        with self._lock:
            work = self._works.get(work_id)
            return work.progress if work else Progress()

    def segments(self, work_id: str) -> tuple[Segment, ...]:
        """All so far, sorted by time: some before them may be missing."""
        with self._lock:
            work = self._works.get(work_id)
            chunks = sorted(work.chunks.items()) if work else []
        return tuple(segment for _, segments in chunks for segment in segments)

    def following(self, work_id: str, position: Position) -> Following:
        """The segments after `position` that are in order."""
        with self._lock:
            work = self._works.get(work_id)
            return work.ordered.following(position, complete=False) if work else Following((), position)

    def forget(self, work_id: str) -> None:
        with self._lock:
            self._works.pop(work_id, None)
