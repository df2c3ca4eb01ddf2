"""The progress of each work: share of speech done and segments so far. From the `progress` topic, kept in memory.

Bounded: the works without an event for the longest time are evicted first; their jobs then show no segments until they end.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter

from cachetools import FIFOCache

from producers.gateway.jobs.ordered_segments import Following, OrderedSegments, Position
from runtime.progress import Pace
from schemas.segment import Segment
from schemas.work import Span, WorkProgressed

WORKS_MAX = 1000
CHUNKS_MAX = 5000  # of one work: more than 40 h of speech
LATE_S = 1.0  # between the end of a work and the time of its last event, which the same coordinator writes
READ_WITHIN_S = 60.0  # two topics, of what was written to them in one transaction


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` of the speech done, 0 to 1; None: something is done, and how much there is in all is not known yet. `left_s`:
    seconds until the end at the speed so far; None while that is not known. `version` is another one after every change."""

    share: float | None = 0.0
    left_s: float | None = None
    version: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class ChunkLanguage:
    """What is spoken in a chunk."""

    language: str
    probability: float


@dataclass(slots=True)
class _Work:
    """`ordered` has the segments of the first `in_order` chunks, and `ends` how many there are up to the end of each.
    `in_doubt`: numbers of chunks that may be transcribed again."""

    pace: Pace
    events: int = 0
    chunks: dict[Span, tuple[Segment, ...]] = field(default_factory=dict)
    spans: dict[int, Span] = field(default_factory=dict)
    in_order: int = 0
    ordered: OrderedSegments = field(default_factory=OrderedSegments)
    ends: list[int] = field(default_factory=list)
    in_doubt: set[int] = field(default_factory=set)
    languages: dict[Span, ChunkLanguage] = field(default_factory=dict)

    def note(self, event: WorkProgressed, at_s: float) -> None:
        self.events += 1
        self.pace.note(event, at_s)
        if len(self.chunks) >= CHUNKS_MAX and event.span not in self.chunks:
            return
        is_other = self.chunks.get(event.span, event.segments) != event.segments
        self.chunks[event.span] = event.segments
        if event.language is not None:
            self.languages[event.span] = ChunkLanguage(event.language, event.language_probability or 0.0)
        if event.index is None:  # of an earlier version: its place is not known
            return
        self.spans[event.index] = event.span
        (self.in_doubt.add if event.may_change else self.in_doubt.discard)(event.index)
        if is_other and event.index < self.in_order:
            self.in_order, self.ordered, self.ends = 0, OrderedSegments(), []
        while (span := self.spans.get(self.in_order)) is not None:
            self.ordered.extend(self.chunks[span])
            self.ends.append(len(self.ordered))
            self.in_order += 1

    def following(self, position: Position, *, final: bool) -> Following:
        chunks = min(self.in_order, min(self.in_doubt, default=self.in_order)) if final else self.in_order
        return self.ordered.following(position, complete=False, until=self.ends[chunks - 1] if chunks else 0)

    @property
    def progress(self) -> Progress:
        share = self.pace.share if self.pace.share or not self.chunks else None
        return Progress(share, self.pace.left_s, (self.pace.run, self.events))


class ProgressBook:
    """Safe to call from several threads."""

    def __init__(self, works_max: int = WORKS_MAX) -> None:
        self._works: FIFOCache[str, _Work] = FIFOCache(works_max)  # by their last event
        self._ended_s: OrderedDict[str, float] = OrderedDict()  # those that ended last
        self._lock = threading.Lock()

    def note(self, event: WorkProgressed, at_s: float = 0.0) -> None:
        """A repeated chunk replaces the earlier one; a new run of the work starts from zero. `at_s`: when it was written. Does
        nothing for a run that has ended: topics are read in any order."""
        with self._lock:
            if at_s <= self._ended_s.get(event.work_id, -inf) + LATE_S:
                return
            work = self._works.get(event.work_id)
            if work is None or work.pace.run != event.run:
                work = _Work(Pace.since(event, at_s))
            work.note(event, at_s)
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

    def following(self, work_id: str, position: Position, *, final: bool = False) -> Following:
        """The segments after `position` that are in order. `final`: only those before the first chunk that may be transcribed
        again."""
        with self._lock:
            work = self._works.get(work_id)
            return work.following(position, final=final) if work else Following((), position)

    def languages(self, work_id: str) -> tuple[ChunkLanguage, ...]:
        """Of the chunks so far in which somebody speaks, in order of time."""
        with self._lock:
            work = self._works.get(work_id)
            return tuple(found for _, found in sorted(work.languages.items(), key=itemgetter(0))) if work else ()

    def ended(self, work_id: str, at_s: float) -> None:
        """Forgets the work, of which there is a transcript now, or a failure."""
        with self._lock:
            self._works.pop(work_id, None)
            self._ended_s.pop(work_id, None)
            while self._ended_s and next(iter(self._ended_s.values())) < at_s - READ_WITHIN_S:
                self._ended_s.popitem(last=False)
            self._ended_s[work_id] = at_s
