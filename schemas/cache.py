"""The cache of finished works: the record that clears it."""

from typing import ClassVar

from schemas.record import Record, Time


class CacheCleared(Record):
    """`cache-clears`: transcripts that were made until then answer no later request. One record in every partition."""

    TYPE: ClassVar[str] = "cache.cleared"

    at: Time

    @property
    def event_id(self) -> str:
        return f"cache:cleared@{self.at.isoformat()}"

    @property
    def subject(self) -> str:
        return "cache"
