"""The cache of finished works, as its changelog states it: rows of the view's file, in which gateways and `murmur dev` look.

Only the coordinators decide what answers a request. A gateway expects an answer of a work that is here, and counts.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cachetools import LRUCache

from producers.gateway.view import counts
from producers.gateway.view.counts import AGE_BUCKET_S
from producers.gateway.view.database import Database
from runtime.logs import get_logger
from schemas.cache import CLEARED, CacheCleared, CacheEntry

log = get_logger(__name__)
WORKS_CLEARED_MAX = 1000  # works that were cleared alone: of interest until the coordinator has read of it
# Those of later buckets as they are counted, of the first bucket one by one.
SIZE = """
SELECT coalesce(sum(entries), 0), coalesce(sum(size_bytes), 0) FROM (
    SELECT entries, size_bytes FROM cache_counts WHERE bucket > ?
    UNION ALL SELECT count(*), sum(size_bytes) FROM cache INDEXED BY cache_by_age WHERE finished_s > ? AND finished_s < ?
)
"""
PUT = """
INSERT INTO cache VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    finished_s = excluded.finished_s, size_bytes = excluded.size_bytes, duration_s = excluded.duration_s,
    language = excluded.language, used_s = excluded.used_s, hits = excluded.hits
"""


@dataclass(frozen=True, slots=True)
class CacheSize:
    entries: int
    size_bytes: int


class CachedWorks:
    """Safe from any thread; `note()` and `clear()` in a transaction of the caller's. Raise ViewUnavailable."""

    def __init__(self, file: Database) -> None:
        self._file = file
        self._cleared: LRUCache[str, datetime] = LRUCache(WORKS_CLEARED_MAX)
        self.all_cleared_at: datetime | None = None  # transcripts that were made until then answer no submission

    def open(self) -> None:
        rows = self._file.read("SELECT value FROM meta WHERE name = 'cache_cleared_at'")
        self.all_cleared_at = datetime.fromisoformat(rows[0][0]) if rows else None

    def cleared_at(self, work_id: str) -> datetime | None:
        """When this work, or the whole cache, was cleared last."""
        times = [at for at in (self.all_cleared_at, self._cleared.get(work_id)) if at is not None]
        return max(times, default=None)

    def since(self, ttl_s: float, now: datetime) -> datetime | None:
        """What finished earlier, or then, no longer answers; None: everything does."""
        expired = [datetime.fromtimestamp(now.timestamp() - ttl_s, UTC)] if ttl_s else []
        return max([*expired, *([self.all_cleared_at] if self.all_cleared_at is not None else [])], default=None)

    def has(self, work_id: str, since: datetime | None) -> bool:
        """A transcript of it that was made later than `since`."""
        rows = self._file.read("SELECT finished_s FROM cache WHERE work_id = ?", bytes.fromhex(work_id))
        return bool(rows) and (since is None or rows[0][0] > since.timestamp())

    def size(self, since: datetime | None) -> CacheSize:
        """Of the transcripts that were made later than `since`."""
        since_s = since.timestamp() if since is not None else -1.0
        bucket = int(since_s // AGE_BUCKET_S)
        ((entries, size_bytes),) = self._file.read(SIZE, bucket, since_s, (bucket + 1) * AGE_BUCKET_S)
        return CacheSize(entries, size_bytes)

    def entries(self, since: datetime | None) -> Iterator[tuple[str, CacheEntry]]:
        """Those that were made later than `since`, the least recently used first."""
        query = """SELECT work_id, finished_s, size_bytes, duration_s, language, used_s, hits FROM cache
            WHERE finished_s > ? ORDER BY max(finished_s, coalesce(used_s, 0))"""
        for work_id, finished_s, size_bytes, duration_s, language, used_s, hits in self._file.scan(
            query, since.timestamp() if since is not None else 0.0
        ):
            used_at = None if used_s is None else datetime.fromtimestamp(used_s, UTC)
            entry = CacheEntry(datetime.fromtimestamp(finished_s, UTC), size_bytes, duration_s, language, used_at, hits)
            yield work_id.hex(), entry

    def note(self, sql: sqlite3.Connection, key: bytes | None, value: bytes | None) -> None:
        """A record of the changelog. A work that has failed has no transcript here."""
        name = (key or b"").decode(errors="replace")
        if name == CLEARED:
            return  # on its own topic, too
        try:
            work_id, entry = bytes.fromhex(name), CacheEntry.read(value) if value is not None else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("cache_entry.unreadable", work_id=name, error=error)
            return
        if entry is None or entry.failure is not None:
            sql.execute("DELETE FROM cache WHERE work_id = ?", (work_id,))
            return
        used_s = entry.used_at.timestamp() if entry.used_at is not None else None
        row = (entry.finished_at.timestamp(), entry.size_bytes, entry.duration_s, entry.language, used_s, entry.hits)
        sql.execute(PUT, (work_id, *row))

    def clear(self, sql: sqlite3.Connection, cleared: CacheCleared) -> None:
        """Safe to repeat; an earlier clearing changes nothing."""
        at, work_id = cleared.at, cleared.work_id
        if work_id is not None:
            self._cleared[work_id] = max(at, self._cleared.get(work_id) or at)
            sql.execute("DELETE FROM cache WHERE work_id = ? AND finished_s <= ?", (bytes.fromhex(work_id), at.timestamp()))
        elif self.all_cleared_at is None or self.all_cleared_at < at:
            sql.execute("INSERT OR REPLACE INTO meta VALUES ('cache_cleared_at', ?)", (at.isoformat(),))
            counts.cleared(sql, at.timestamp())
            self.all_cleared_at = at

    def prune(self, sql: sqlite3.Connection, since: datetime | None) -> None:
        """Deletes what `entries()` would leave out."""
        sql.execute("DELETE FROM cache WHERE finished_s <= ?", (since.timestamp() if since is not None else 0.0,))
