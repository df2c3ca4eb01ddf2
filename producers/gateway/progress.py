"""The progress of each work: share of speech done and segments so far. From the `progress` topic, kept in memory.

Bounded: the works without an event for the longest time are evicted first; their jobs then show no segments until they end.
"""

import threading
from dataclasses import dataclass, field

from cachetools import FIFOCache

from schemas.segment import Segment
from schemas.work import Span, WorkProgressed

WORKS_MAX = 1000
CHUNKS_MAX = 5000  # of one work: more than 40 h of speech


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` of the speech done, 0 to 1; `segments` in the order of the file."""

    share: float = 0.0
    segments: tuple[Segment, ...] = ()


@dataclass(slots=True)
class _Work:
    run: str
    share: float = 0.0
    chunks: dict[Span, tuple[Segment, ...]] = field(default_factory=dict)


class ProgressBook:
    """Safe to call from several threads."""

    def __init__(self, works_max: int = WORKS_MAX) -> None:
        self._works: FIFOCache[str, _Work] = FIFOCache(works_max)  # by their last event
        self._lock = threading.Lock()

    def note(self, event: WorkProgressed) -> None:
        """A repeated chunk replaces the earlier one; a new run of the work starts from zero."""
        with self._lock:
            work = self._works.get(event.work_id)
            if work is None or work.run != event.run:
                work = _Work(event.run)
            work.share = max(work.share, event.share)
            if len(work.chunks) < CHUNKS_MAX or event.span in work.chunks:
                work.chunks[event.span] = event.segments
            self._works[event.work_id] = work

    def of(self, work_id: str) -> Progress:
        with self._lock:
            work = self._works.get(work_id)
            if work is None:
                return Progress()
            chunks = sorted(work.chunks.items())
            return Progress(work.share, tuple(segment for _, segments in chunks for segment in segments))

    def share(self, work_id: str) -> float:
        with self._lock:
            work = self._works.get(work_id)
            return work.share if work else 0.0

    def new(self, work_id: str, seen: set[Span]) -> tuple[Segment, ...]:
        """The segments of the chunks that are not in `seen`, which then holds them too."""
        with self._lock:
            work = self._works.get(work_id)
            fresh = sorted((span, segments) for span, segments in work.chunks.items() if span not in seen) if work else []
        seen.update(span for span, _ in fresh)
        return tuple(segment for _, segments in fresh for segment in segments)

    def forget(self, work_id: str) -> None:
        with self._lock:
            self._works.pop(work_id, None)
