"""What is said about the cache of finished works."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document


class CacheStats(Document):
    """The cache of results. Figures count from the last clearing."""

    cache_enabled: bool
    size: int = Field(description="finished works that the coordinators remember")
    max_size: int | None = Field(description="that they remember at most, in all partitions; null: not known yet")
    hits: int = Field(description="succeeded jobs that needed no transcription of their own")
    misses: int = Field(description="succeeded jobs that were transcribed")
    hit_rate: float | None = Field(description="null: no job yet")
    ttl_seconds: float | None = Field(description="null: results have no age limit")
    disk_cache_enabled: bool
    disk_cache_size: int | None = Field(description="transcripts in the store that answer a submission; null: not counted yet")
    cleared_at: AwareDatetime | None = Field(description="null: never")


class CacheCleared(Document):
    """The cache is cleared."""

    success: Literal[True]
    cleared_at: AwareDatetime
