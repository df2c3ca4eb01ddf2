"""What is said about the cache of finished works."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document


class CacheStats(Document):
    """The cache of results. Hits and misses count from the last clearing."""

    cache_enabled: bool
    size: int = Field(description="transcripts that answer a repeated submission")
    max_size: int | None = Field(description="at most; null: no limit")
    bytes: int = Field(description="size of these transcripts in the store")
    max_bytes: int | None = Field(description="at most; null: no limit")
    hits: int = Field(description="succeeded jobs that needed no transcription of their own")
    misses: int = Field(description="succeeded jobs that were transcribed")
    hit_rate: float | None = Field(description="null: no job yet")
    ttl_seconds: float | None = Field(description="how long a transcript answers submissions; null: no limit")
    disk_cache_enabled: bool
    disk_cache_size: int | None = Field(description="as `size`: all transcripts are in the store")
    cleared_at: AwareDatetime | None = Field(description="null: never")


class CacheCleared(Document):
    """The cache is cleared."""

    success: Literal[True]
    cleared_at: AwareDatetime


class WorkCleared(Document):
    """One result is no longer in the cache; jobs that have it keep it."""

    success: Literal[True]
    work_id: str = Field(description="also of other jobs with the same audio, model and options")
    cleared_at: AwareDatetime
