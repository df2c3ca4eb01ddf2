"""The cache of finished works: an entry of the coordinator's table, and the record that clears entries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import orjson
from pydantic import Field

from schemas.record import Failure, Record, Sha256, Time

CLEARED = "cleared"  # the key of the entry that says when the whole cache was cleared last


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A finished work: a value of `coordinator-cache-changelog`, whose key is the work's id.

    `size_bytes`: of the stored transcript; 0 of an entry of an earlier version, which did not record it. `used_at`: when it last
    answered a request; None: never. `failure`: the work has failed, and there is no transcript. Under the key CLEARED only
    `finished_at` means something."""

    finished_at: datetime
    size_bytes: int = 0
    duration_s: float | None = None
    language: str | None = None
    used_at: datetime | None = None
    hits: int = 0
    failure: Failure | None = None

    @classmethod
    def read(cls, raw: bytes) -> "CacheEntry":
        """Field by field: there may be a million. Raises ValueError, KeyError, TypeError or AttributeError. Entries of an earlier
        version have only `transcript` and `finished_at`."""
        data = orjson.loads(raw)
        used_at, failure = data.get("used_at"), data.get("failure")
        return cls(
            datetime.fromisoformat(data["finished_at"]),
            (data["transcript"] or {}).get("size_bytes") or 0,
            data.get("duration_s"),
            data.get("language"),
            None if used_at is None else datetime.fromisoformat(used_at),
            data.get("hits") or 0,
            None if failure is None else Failure.model_validate(failure),
        )

    def written(self, transcript_key: str | None) -> bytes:
        """As `read()` reads it. `transcript_key`: of the object in the work bucket; None: there is none."""
        place = None if transcript_key is None else {"key": transcript_key, "size_bytes": self.size_bytes}
        more: dict[str, Any] = {
            "duration_s": self.duration_s,
            "language": self.language,
            "used_at": self.used_at,
            "hits": self.hits or None,
            "failure": self.failure.model_dump() if self.failure is not None else None,
        }
        known = {name: value for name, value in more.items() if value is not None}
        return orjson.dumps({"transcript": place, "finished_at": self.finished_at, **known}, None, orjson.OPT_UTC_Z)


class CacheCleared(Record):
    """`cache-clears`: transcripts that were made until then answer no later request. One record in every partition; or, for one
    work, a record in its partition."""

    TYPE: ClassVar[str] = "cache.cleared"

    at: Time
    work_id: Sha256 | None = Field(None, description="None: of all works", exclude_if=lambda work_id: work_id is None)

    @property
    def event_id(self) -> str:
        return f"cache:{self.work_id or 'cleared'}@{self.at.isoformat()}"

    @property
    def subject(self) -> str:
        return self.work_id or "cache"
