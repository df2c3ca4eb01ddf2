"""The cache table of one partition: finished works, and for a short time failed ones.

A transcript's entry is held in 64 bytes beside its key, since there may be a million. Two orders are kept: by last use, for the
limits of entries and bytes; by age, in buckets of ten minutes, for TTL and clearing.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from math import inf, isnan, nan

import orjson

from schemas.cache import CLEARED, CacheEntry

PACKED = struct.Struct("<ddIIf3s")  # finished, used (0: never), size, hits, duration (NaN: not known), language
Row = tuple[float, float, int, int, float | None, str | None]  # what is packed
SIZE_MAX = 2**32 - 1
BUCKET_S = 600
FAILURES_MAX = 1000  # in one partition


class CacheTable:
    """Entries by work_id. Reads and writes take microseconds, whatever the number of entries. `cleared_at`: what finished until
    then is no answer."""

    def __init__(self) -> None:
        self.cleared_at: datetime | None = None
        self.size_bytes = 0
        self._packed: OrderedDict[bytes, bytes] = OrderedDict()  # the least recently used first
        self._by_age: dict[int, dict[bytes, None]] = {}
        self._oldest_s = inf  # no entry finished earlier
        self._failures: OrderedDict[str, CacheEntry] = OrderedDict()  # the oldest first

    def __len__(self) -> int:
        """Transcripts."""
        return len(self._packed)

    def __iter__(self) -> Iterator[str]:
        """Works with a transcript, the least recently used first."""
        return map(bytes.hex, self._packed)

    def __contains__(self, work_id: str) -> bool:
        """It has a transcript."""
        return bytes.fromhex(work_id) in self._packed

    def __eq__(self, other: object) -> bool:
        """Also in the order of use."""
        if not isinstance(other, CacheTable):
            return NotImplemented
        mine, others = ((each._packed, each._failures, each.cleared_at, each.size_bytes) for each in (self, other))
        return mine == others

    __hash__ = None  # type: ignore[assignment]

    def get(self, work_id: str) -> CacheEntry | None:
        if (packed := self._packed.get(bytes.fromhex(work_id))) is None:
            return self._failures.get(work_id)
        finished_s, used_s, size_bytes, hits, duration_s, language = PACKED.unpack(packed)
        return CacheEntry(
            datetime.fromtimestamp(finished_s, UTC),
            size_bytes,
            None if isnan(duration_s) else round(duration_s, 3),
            language.rstrip(b"\0").decode() or None,
            datetime.fromtimestamp(used_s, UTC) if used_s else None,
            hits,
        )

    def put(self, work_id: str, entry: CacheEntry) -> None:
        """As the one that was used last."""
        if work_id == CLEARED:
            self.cleared_at = entry.finished_at
            return
        self.remove(work_id)
        if entry.failure is not None:
            self._failures[work_id] = entry
            return
        finished_s, used_at = entry.finished_at.timestamp(), entry.used_at
        used_s = used_at.timestamp() if used_at is not None else 0.0
        row = (finished_s, used_s, entry.size_bytes, entry.hits, entry.duration_s, entry.language)
        self._add(bytes.fromhex(work_id), row)

    def restore(self, key: bytes, raw: bytes) -> None:
        """Puts the entry of a changelog record into a table without an entry of this work, faster than by reading and putting it.
        Raises as `CacheEntry.read()`."""
        data = orjson.loads(raw)
        place = data["transcript"]
        if place is None:
            self.put(key.decode(), CacheEntry.read(raw))
            return
        finished_s, used_at = datetime.fromisoformat(data["finished_at"]).timestamp(), data.get("used_at")
        used_s = datetime.fromisoformat(used_at).timestamp() if used_at is not None else 0.0
        more = (place.get("size_bytes") or 0, data.get("hits") or 0, data.get("duration_s"), data.get("language"))
        self._add(bytes.fromhex(key.decode()), (finished_s, used_s, *more))

    def use(self, work_id: str, now: datetime) -> None:
        """Counts a hit of this entry, if it is there."""
        if work_id in self and (entry := self.get(work_id)) is not None:
            self.put(work_id, replace(entry, used_at=now, hits=entry.hits + 1))

    def remove(self, work_id: str) -> None:
        if work_id == CLEARED:
            self.cleared_at = None
            return
        self._failures.pop(work_id, None)
        self._remove(bytes.fromhex(work_id))

    def outdated(self, until_s: float, at_most: int) -> list[str]:
        """Works that finished until then, from the oldest on; looks at so many entries."""
        if until_s < self._oldest_s:
            return []
        found: list[str] = []
        numbers = sorted(self._by_age)
        self._oldest_s = numbers[0] * BUCKET_S if numbers else inf
        for number in numbers:
            bucket = self._by_age[number]
            for key in list(islice(bucket, max(at_most, 0) if number * BUCKET_S <= until_s else 0)):
                at_most -= 1
                if PACKED.unpack_from(self._packed[key])[0] <= until_s:
                    found.append(key.hex())
                else:
                    bucket[key] = bucket.pop(key)  # after a recovery a bucket is not in order: others come first next time
        return found

    def size_of(self, work_id: str) -> int:
        """0 of a work that is not there."""
        packed = self._packed.get(bytes.fromhex(work_id))
        return 0 if packed is None else int(PACKED.unpack(packed)[2])

    def by_use(self) -> Iterator[tuple[float, str, int]]:
        """When each was used last, its work and its size; the least recently used first."""
        for key, packed in self._packed.items():
            finished_s, used_s, size_bytes, *_ = PACKED.unpack(packed)
            yield max(finished_s, used_s), key.hex(), size_bytes

    def failed_until(self, until_s: float, at_most: int) -> list[str]:
        """Failures up to that time, and those that are too many."""
        surplus = len(self._failures) - FAILURES_MAX
        first = enumerate(islice(self._failures.items(), max(at_most, 0)))
        return [work_id for place, (work_id, entry) in first if place < surplus or entry.finished_at.timestamp() <= until_s]

    def _add(self, key: bytes, row: Row) -> None:
        finished_s, used_s, size_bytes, hits, duration_s, language = row
        size_bytes, hits = min(size_bytes, SIZE_MAX), min(hits, SIZE_MAX)
        self._packed[key] = PACKED.pack(
            finished_s, used_s, size_bytes, hits, nan if duration_s is None else duration_s, (language or "").encode()
        )
        self.size_bytes += size_bytes
        number = int(finished_s // BUCKET_S)
        bucket = self._by_age.get(number)
        if bucket is None:
            bucket = self._by_age[number] = {}
            self._oldest_s = min(self._oldest_s, number * BUCKET_S)
        bucket[key] = None

    def _remove(self, key: bytes) -> None:
        if (packed := self._packed.pop(key, None)) is None:
            return
        finished_s, _, size_bytes, *_ = PACKED.unpack(packed)
        self.size_bytes -= size_bytes
        number = int(finished_s // BUCKET_S)
        bucket = self._by_age[number]
        del bucket[key]
        if not bucket:
            del self._by_age[number]
