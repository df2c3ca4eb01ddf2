"""What the jobs of one partition add up to, in the last minute, hour and day. Pure.

Fed by the Faust app with one record after the other; read by the stage every few seconds. The newest record of a job is its
state: it replaces what an earlier one has added.
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import add, sub
from typing import NamedTuple

from schemas.jobs import TERMINAL, JobChanged, State
from schemas.record import Lane
from schemas.stats import JobTotals, WindowName

DAY_S = 86_400
WINDOWS: tuple[tuple[WindowName, int], ...] = (("minute", 60), ("hour", 3600), ("day", DAY_S))
UNFINISHED_S = 7 * DAY_S  # a job that has not ended after that long is removed


class Kind(NamedTuple):
    """By what jobs are counted. `lane`: the one that was chosen for the chunks, whatever the job asked for."""

    state: State
    lane: Lane | None
    model: str
    owner: str


class Totals(NamedTuple):
    """The fields of JobTotals, with times in whole milliseconds: what was added can be subtracted without a rest."""

    jobs: int = 0
    audio_ms: int = 0
    waited: int = 0
    wait_ms: int = 0
    worked_audio_ms: int = 0
    worked_ms: int = 0
    cache_hits: int = 0

    def plus(self, other: "Totals") -> "Totals":
        return Totals(*map(add, self, other))

    def minus(self, other: "Totals") -> "Totals":
        return Totals(*map(sub, self, other))

    def published(self) -> JobTotals:
        return JobTotals(
            jobs=self.jobs,
            audio_s=self.audio_ms / 1000,
            waited=self.waited,
            wait_s=self.wait_ms / 1000,
            worked_audio_s=self.worked_audio_ms / 1000,
            worked_s=self.worked_ms / 1000,
            cache_hits=self.cache_hits,
        )


class Counted(NamedTuple):
    """What the newest record of a job adds to every window that it is in."""

    at_s: float
    kind: Kind
    totals: Totals


def counted(job: JobChanged) -> Counted:
    """Times come from the clocks of several machines, so a negative duration counts as 0."""
    audio_ms = round(1000 * job.result.duration_s) if job.result is not None else 0
    worked = job.state == "SUCCESS" and not job.cached and job.started_at is not None
    totals = Totals(
        jobs=1,
        audio_ms=audio_ms,
        waited=int(job.started_at is not None),
        wait_ms=_between_ms(job.job.submitted_at, job.started_at),
        worked_audio_ms=audio_ms if worked else 0,
        worked_ms=_between_ms(job.started_at, job.changed_at) if worked else 0,
        cache_hits=int(job.cached),
    )
    return Counted(job.changed_at.timestamp(), Kind(job.state, job.lane, job.model.name, job.job.owner), totals)


def _between_ms(begin: datetime | None, end: datetime | None) -> int:
    return max(0, round(1000 * (end - begin).total_seconds())) if begin and end else 0


class Window:
    """The jobs whose newest record is not older than `size_s`, in the order in which they were added."""

    def __init__(self, name: WindowName, size_s: int) -> None:
        self.name = name
        self.totals: dict[Kind, Totals] = {}
        self._size_s = size_s
        self._jobs: OrderedDict[bytes, Counted] = OrderedDict()

    def add(self, key: bytes, job: Counted, now_s: float) -> None:
        if job.at_s > now_s - self._size_s:
            self._jobs[key] = job
            self.totals[job.kind] = self.totals.get(job.kind, Totals()).plus(job.totals)

    def remove(self, key: bytes) -> None:
        job = self._jobs.pop(key, None)
        if job is None:
            return
        left = self.totals[job.kind].minus(job.totals)
        if left.jobs:
            self.totals[job.kind] = left
        else:
            del self.totals[job.kind]

    def slide(self, now_s: float) -> None:
        """A job whose clock was behind leaves with the one that was added before it."""
        while self._jobs and next(iter(self._jobs.values())).at_s <= now_s - self._size_s:
            self.remove(next(iter(self._jobs)))


class PartitionJobs:
    """Of a job that ended more than a day ago nothing is kept. `next_offset`: of the record that is to be counted next."""

    def __init__(self, next_offset: int = 0) -> None:
        self.next_offset = next_offset
        self._windows = [Window(name, size_s) for name, size_s in WINDOWS]
        self._kinds: dict[Kind, Kind] = {}  # one object for each kind, however many jobs are of it
        self._started: dict[bytes, float] = {}  # when the jobs that have not ended were submitted

    def count(self, key: bytes, job: JobChanged | None, offset: int, now_s: float) -> None:
        """`job`: None if the record is a tombstone, which removes a job that has not ended; one that has ended did so none the
        less. A record that is delivered again is not counted again."""
        if offset < self.next_offset:
            return
        self.next_offset = offset + 1
        unfinished = self._started.pop(key, None) is not None
        if job is not None or unfinished:
            for window in self._windows:
                window.remove(key)
        if job is None:
            return
        new = counted(job)
        new = new._replace(kind=self._kinds.setdefault(new.kind, new.kind))
        for window in self._windows:
            window.add(key, new, now_s)
        if job.state not in TERMINAL:
            self._started[key] = job.job.submitted_at.timestamp()

    def slide(self, now_s: float) -> None:
        """Removes what is in no window any more, and jobs whose end was never published."""
        for window in self._windows:
            window.slide(now_s)
        for key in [key for key, submitted_s in self._started.items() if now_s - submitted_s > UNFINISHED_S]:
            del self._started[key]

    def totals(self) -> Iterator[tuple[WindowName, Kind, Totals]]:
        """Of all windows that have any jobs."""
        for window in self._windows:
            for kind, totals in window.totals.items():
                yield window.name, kind, totals

    @property
    def started(self) -> int:
        return len(self._started)

    @property
    def oldest_submitted_at(self) -> datetime | None:
        """Of the jobs that have started and not ended."""
        return datetime.fromtimestamp(min(self._started.values()), UTC) if self._started else None
