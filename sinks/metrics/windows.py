"""Counts jobs in windows that slide by buckets: the last minute in steps of 5 s, the hour of 5 min, the day of 2 h. Pure.

Fed by the Faust app with one JobChanged after the other; its entries are the values of the app's table. An entry has all
windows of one kind of job: a fixed number of buckets, so its size is bounded without a clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import add
from typing import NamedTuple

import orjson

from runtime.lanes import lane_for
from schemas.jobs import JobChanged, State
from schemas.record import Lane
from schemas.stats import JobTotals, WindowName


class Window(NamedTuple):
    """Covers the last `size_s - step_s` to `size_s` seconds: the oldest bucket is dropped as a whole."""

    name: WindowName
    size_s: int
    step_s: int


WINDOWS = (Window("minute", 60, 5), Window("hour", 3600, 300), Window("day", 86_400, 7200))


class Kind(NamedTuple):
    """The dimensions by which jobs are counted. `partition`: of `jobs`, so that two processes never write the same table key."""

    partition: int
    state: State
    lane: Lane | None
    model: str
    owner: str

    def labels(self) -> dict[str, str | None]:
        """As JobSeries names them."""
        return {"state": self.state, "lane": self.lane, "model": self.model, "owner": self.owner}

    def encode(self) -> bytes:
        return orjson.dumps(list(self))

    @classmethod
    def decode(cls, key: bytes) -> "Kind":
        return cls(*orjson.loads(key))


@dataclass(frozen=True, slots=True)
class Totals:
    """The fields of JobTotals, in its order."""

    jobs: int = 0
    audio_s: float = 0.0
    waited: int = 0
    wait_s: float = 0.0
    worked_audio_s: float = 0.0
    worked_s: float = 0.0
    cache_hits: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*map(add, self.row(), other.row()))

    def row(self) -> tuple[float, ...]:
        """As it is encoded; `dataclasses.astuple` makes deep copies and takes a hundred times as long."""
        return (self.jobs, self.audio_s, self.waited, self.wait_s, self.worked_audio_s, self.worked_s, self.cache_hits)

    def published(self) -> JobTotals:
        return JobTotals(**{name: round(getattr(self, name), 3) for name in JobTotals.model_fields})


@dataclass(slots=True)
class Entry:
    """`offset`: of the last record that was counted; a record that is delivered again is recognised by it."""

    offset: int = -1
    buckets: dict[str, dict[int, Totals]] = field(default_factory=dict)  # window -> start of the bucket -> totals

    def count(self, totals: Totals, at_s: float, offset: int) -> bool:
        """False when the record was counted before. A record older than a window is left out of that window."""
        if offset <= self.offset:
            return False
        self.offset = offset
        for window in WINDOWS:
            buckets = self.buckets.setdefault(window.name, {})
            start = _bucket(at_s, window)
            buckets[start] = buckets.get(start, Totals()) + totals
            newest = max(buckets)
            for old in [start for start in buckets if start <= newest - window.size_s]:
                del buckets[old]
        return True

    def total(self, window: Window, now_s: float) -> Totals:
        """What is in the window that ends now; all zero when nothing is."""
        first = _bucket(now_s, window) - window.size_s
        inside = [totals for start, totals in self.buckets.get(window.name, {}).items() if start > first]
        return Totals(*map(sum, zip(*(totals.row() for totals in inside), strict=True)))

    def is_expired(self, now_s: float) -> bool:
        """Nothing of it is in any window any more."""
        return not any(self.total(window, now_s).jobs for window in WINDOWS)

    def encode(self) -> bytes:
        buckets = {name: {str(start): totals.row() for start, totals in of.items()} for name, of in self.buckets.items()}
        return orjson.dumps({"offset": self.offset, **buckets})

    @classmethod
    def decode(cls, value: bytes | None) -> "Entry":
        """None: nothing was counted yet."""
        if value is None:
            return cls()
        data = orjson.loads(value)
        offset = data.pop("offset")
        return cls(offset, {name: {int(start): Totals(*row) for start, row in of.items()} for name, of in data.items()})


def _bucket(at_s: float, window: Window) -> int:
    return int(at_s // window.step_s) * window.step_s


def kind_of(job: JobChanged, partition: int, interactive_max_s: float) -> Kind:
    """A job that asked for no lane has the one that its length leads to."""
    stated_s = job.job.audio.duration_s if job.job.audio is not None else None
    length_s = job.duration_s if job.duration_s is not None else stated_s
    lane = job.job.lane or (lane_for(length_s, interactive_max_s) if length_s is not None else None)
    return Kind(partition, job.state, lane, job.model.name, job.job.owner)


def measured(job: JobChanged) -> Totals:
    """What one record adds. Times come from the clocks of several machines, so a negative duration counts as 0."""
    audio_s = job.result.duration_s if job.result is not None else 0.0
    worked = job.state == "SUCCESS" and not job.cached and job.started_at is not None
    return Totals(
        jobs=1,
        audio_s=audio_s,
        waited=int(job.started_at is not None),
        wait_s=_between(job.job.submitted_at, job.started_at),
        worked_audio_s=audio_s if worked else 0.0,
        worked_s=_between(job.started_at, job.changed_at) if worked else 0.0,
        cache_hits=int(job.cached),
    )


def _between(begin: datetime | None, end: datetime | None) -> float:
    return max(0.0, (end - begin).total_seconds()) if begin and end else 0.0


def added_up(entries: Mapping[Kind, Entry], now_s: float) -> Iterator[tuple[Window, Kind, Totals]]:
    """Every window of every entry that has any jobs."""
    for kind, entry in entries.items():
        for window in WINDOWS:
            totals = entry.total(window, now_s)
            if totals.jobs:
                yield window, kind, totals
