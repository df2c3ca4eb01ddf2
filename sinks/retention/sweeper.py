"""Removes from the store what has expired: lists, asks the ledger, asks again, deletes. In small steps; safe to repeat.

Nothing is removed that an unfinished job or an entry of the cache names: the list is older than what is known of the jobs, and
what is younger than a margin stays. Who uses something older again writes to it first, or heals its absence (`audio_gone`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime import metrics
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, keys
from runtime.objects.store import Unfinished
from runtime.retention import KINDS, Kind, KindName, Limits, buckets_of_uploads
from runtime.settings import Settings
from schemas.topics import REQUESTS
from sinks.retention import rules
from sinks.retention.ledger import Item, Ledger, Stored

log = get_logger(__name__)
LISTED_AT_A_TIME = 1000


@dataclass(slots=True)
class Figures:
    """Of one kind: what is stored, and what was removed in this round, or would be."""

    files: int = 0
    size_bytes: int = 0
    oldest_s: float | None = None
    removed_files: int = 0
    removed_bytes: int = 0

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
        self.ledger.begin_listing()
        yield from self._list()
        self.catch_up()
        self.ledger.prune(self._now_s - max(self.settings.ended_jobs_s, REQUESTS.retention_ms / 1000))
        for kind in KINDS:
            limits = Limits.of(kind, self.settings)
            if kind.name == "temporary":
                yield from self._remove_unfinished(limits)
                continue
            yield from self._by_age(kind, limits)
            if limits.size_bytes is not None:
                yield from self._by_size(kind, limits, limits.size_bytes)
            found = self.figures[kind.name]
            found.files, found.size_bytes, found.oldest_s = self.ledger.figures(kind.name)
        yield from self.ledger.end_listing()

    @property
    def _now_s(self) -> float:
        return self.now().timestamp()

    def _list(self) -> Iterator[None]:
        found: list[Stored] = []
        for each in self._listed():
            found.append(each)
            if len(found) >= LISTED_AT_A_TIME:
                self.ledger.add(found)
                found.clear()
                yield
        self.ledger.add(found)

    def _listed(self) -> Iterator[Stored]:
        work, uploads = self.settings.work_bucket, self.settings.uploads_bucket
        for kind in KINDS:
            places = [(work, prefix) for prefix in kind.prefixes]
            if kind.name == "uploads":
                places.append((uploads, keys.DIRECT_UPLOADS))
            for bucket, prefix in places:
                for info in self.objects.list(bucket, prefix):
                    name = _name(kind.name, bucket, info.key.removeprefix(prefix), info.key)
                    yield Stored(kind.name, name, bucket, info.key, info.size_bytes, info.modified_at.timestamp())

    def _by_age(self, kind: Kind, limits: Limits) -> Iterator[None]:
        name = ""
        while items := self.ledger.items(kind.name, name):
            name = items[-1].name
            candidates = [item for item in items if rules.due(kind.name, item, limits, self._now_s)]
            if candidates:
                self.catch_up()
            for item in candidates:
                again = self.ledger.item(kind.name, item.name)
                if again is not None and (reason := rules.due(kind.name, again, limits, self._now_s)) is not None:
                    yield from self._remove(kind, again, reason)
            yield

    def _by_size(self, kind: Kind, limits: Limits, most_bytes: int) -> Iterator[None]:
        """What was used longest ago first, as long as there is too much."""
        surplus = self.ledger.figures(kind.name)[1] - self.figures[kind.name].removed_bytes * self.is_dry - most_bytes
        if surplus <= 0:
            return
        self.catch_up()
        for item in self._by_use(kind):
            again = self.ledger.item(kind.name, item.name)
            if surplus <= 0 or again is None:
                break
            if rules.is_held(kind.name, again, limits, self._now_s) or again.cached_s is not None:
                continue
            surplus -= again.size_bytes
            yield from self._remove(kind, again, "size")

    def _by_use(self, kind: Kind) -> list[Item]:
        found: list[Item] = []
        while items := self.ledger.items(kind.name, found[-1].name if found else ""):
            found += items
        return sorted(found, key=lambda item: rules.used_s(kind.name, item))

    def _remove(self, kind: Kind, item: Item, reason: rules.Reason) -> Iterator[None]:
        if not self.is_dry:
            log.debug("stored.removed", object=f"{kind.name} {item.name}", size_bytes=item.size_bytes, reason=reason)
        for each in self.ledger.objects(kind.name, item.name):  # the index of a slice before its chunks
            if not (self.is_dry or self._delete(each)):
                return
            self.figures[kind.name].remove(1, each.size_bytes)
            yield

    def _delete(self, each: Stored) -> bool:
        """False: it has been written again since it was listed, so it is in use, with all that has its name."""
        try:
            if self.objects.head(each.bucket, each.key).modified_at.timestamp() > each.modified_s:
                return False
        except NotFound:
            pass  # another replica was faster
        self.objects.delete(each.bucket, each.key)
        self.ledger.removed(each)
        metrics.STORED_REMOVED.labels(each.kind).inc()
        metrics.STORED_REMOVED_BYTES.labels(each.kind).inc(each.size_bytes)
        return True

    def _remove_unfinished(self, limits: Limits) -> Iterator[None]:
        found = self.figures["temporary"]
        for bucket in buckets_of_uploads(self.settings):
            for each in self.objects.unfinished(bucket):
                if self._is_abandoned(each, limits):
                    found.remove(1, each.size_bytes)
                else:
                    found.files += 1
                    found.size_bytes += each.size_bytes
                    found.oldest_s = min(found.oldest_s or each.begun_at.timestamp(), each.begun_at.timestamp())
                yield

    def _is_abandoned(self, each: Unfinished, limits: Limits) -> bool:
        """Whether it was removed, or would be."""
        if limits.age_s is None or self._now_s - each.begun_at.timestamp() <= limits.age_s:
            return False
        return self.is_dry or self.objects.remove_unfinished(each)


def _name(kind: KindName, bucket: str, rest: str, key: str) -> str:
    """What an object belongs to: a slice, an upload, a work."""
    if kind == "chunks":
        return rest.partition("/")[0]
    if kind == "transcripts":
        return rest.partition("/")[0].partition(".")[0]  # corrected texts and names are in folders of their work
    if kind == "corrections" and (found := keys.answers_of(key)) is not None:
        return found[0]
    return f"{bucket}/{key}"
