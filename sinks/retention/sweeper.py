"""Removes from the store what has expired: lists, asks the ledger, asks again, deletes. In small steps; safe to repeat.

Nothing is removed that an unfinished job or an entry of the cache names: the list is older than what is known of the jobs, and
what is younger than a margin stays. Who uses something older again writes to it first, or heals its absence (`audio_gone`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime import metrics
from runtime.logs import get_logger
from runtime.objects import ObjectStore
from runtime.retention import KINDS, Kind, KindName, Limits
from runtime.settings import Settings
from schemas.topics import REQUESTS
from sinks.retention import rules, slices, stored
from sinks.retention.ledger import Ledger
from sinks.retention.listing import NOTHING, Amount, Item, Listing, Stored

log = get_logger(__name__)
LISTED_AT_A_TIME = 1000
REFUSED_MAX = 100  # then the others will be, too


@dataclass(slots=True)
class Figures:
    """Of one kind: what is stored, and what was removed in this round, or would be, which a dry round counts as stored, too.
    `left_files`: what was to be removed and could not be."""

    stored: Amount = NOTHING
    removed_files: int = 0
    removed_bytes: int = 0
    left_files: int = 0

    def remove(self, files: int, size_bytes: int) -> None:
        self.removed_files += files
        self.removed_bytes += size_bytes


@dataclass(slots=True)
class Round:
    """One search through the store. `steps()` does the work, as long as the caller goes on; each step takes milliseconds and one
    request to the store. Raises Retry."""

    objects: ObjectStore
    settings: Settings
    ledger: Ledger
    catch_up: Callable[[], None]  # reads the topics up to their present end into the ledger
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    is_dry: bool = False
    figures: dict[KindName, Figures] = field(default_factory=lambda: {kind.name: Figures() for kind in KINDS})

    def steps(self) -> Iterator[None]:
        self.listing.clear()
        yield from self._list()
        yield from slices.split(self.objects, self.settings.work_bucket, self.listing)
        self.catch_up()
        yield from self.ledger.prune(self._now_s - max(self.settings.ended_jobs_s, REQUESTS.retention_ms / 1000))
        for kind in KINDS:
            if kind.name != "jobs":  # which the coordinator deletes
                yield from self._sweep(kind)
            else:
                yield from self._count(kind, self.ledger.job_records())
        yield from self.listing.close()

    def _sweep(self, kind: Kind) -> Iterator[None]:
        limits, found = Limits.of(kind, self.settings), self.figures[kind.name]
        yield from self._count(kind, self.listing.stored(kind.name))
        yield from self._by_age(kind, limits)
        if limits.size_bytes is not None:
            yield from self._by_size(kind, limits, found.stored.size_bytes - limits.size_bytes)
        if found.removed_files and not self.is_dry:
            yield from self._count(kind, self.listing.stored(kind.name))

    @property
    def listing(self) -> Listing:
        return self.ledger.listing

    @property
    def _now_s(self) -> float:
        return self.now().timestamp()

    def _list(self) -> Iterator[None]:
        found: list[Stored] = []
        for each in stored.listed(self.objects, self.settings):
            found.append(each)
            if len(found) >= LISTED_AT_A_TIME:
                self.listing.add(found)
                found.clear()
                yield
        self.listing.add(found)

    def _by_age(self, kind: Kind, limits: Limits) -> Iterator[None]:
        name = ""
        while items := self.listing.items(kind.name, name):
            name = items[-1].name
            candidates = [item for item in items if rules.due(kind.name, item, limits, self._now_s)]
            if candidates:
                self.catch_up()
            for item in candidates:
                again = self.listing.item(kind.name, item.name)
                if again is not None and (reason := rules.due(kind.name, again, limits, self._now_s)) is not None:
                    yield from self._remove(kind, again, reason)
            yield

    def _by_size(self, kind: Kind, limits: Limits, surplus_bytes: int) -> Iterator[None]:
        """What was used longest ago first, until so many bytes are removed."""
        found = self.figures[kind.name]
        if found.removed_bytes >= surplus_bytes:
            return
        self.catch_up()
        yield from self._rank(kind, limits)
        while found.removed_bytes < surplus_bytes and (names := self.listing.least_used()):
            self.catch_up()  # to remove all that came before has taken a while
            for name in names:
                item = self.listing.item(kind.name, name) if found.removed_bytes < surplus_bytes else None
                if item is not None and rules.may_go(kind.name, item, limits, self._now_s):
                    yield from self._remove(kind, item, "size")
            yield
        self.listing.unrank()

    def _rank(self, kind: Kind, limits: Limits) -> Iterator[None]:
        """Those that may go, by their last use."""
        name = ""
        while items := self.listing.items(kind.name, name):
            name, now_s = items[-1].name, self._now_s
            spare = [item for item in items if rules.may_go(kind.name, item, limits, now_s)]
            self.listing.rank((rules.used_s(kind.name, item), item.name) for item in spare)
            yield

    def _count(self, kind: Kind, pages: Iterator[Amount]) -> Iterator[None]:
        found = self.figures[kind.name]
        found.stored = NOTHING
        for amount in pages:
            found.stored = found.stored.plus(amount)
            yield

    def _remove(self, kind: Kind, item: Item, reason: rules.Reason) -> Iterator[None]:
        found = self.figures[kind.name]
        if kind.name == "versions" and found.left_files >= REFUSED_MAX:
            return
        if kind.name == "chunks" and slices.is_indexed(self.objects, self.settings.work_bucket, item.name):
            return
        if not self.is_dry:
            log.debug("stored.removed", object=f"{kind.name} {item.name}", size_bytes=item.size_bytes, reason=reason)
        for each in self.listing.objects(kind.name, item.name):  # the index of a slice before its chunks
            if not (self.is_dry or stored.remove(self.objects, each)):
                found.left_files += 1
                return
            self._removed(each)
            yield

    def _removed(self, each: Stored) -> None:
        """Or it would be."""
        self.listing.removed(each)
        self.figures[each.kind].remove(1, each.size_bytes)
        if not self.is_dry:
            metrics.STORED_REMOVED.labels(each.kind).inc()
            metrics.STORED_REMOVED_BYTES.labels(each.kind).inc(each.size_bytes)
