"""The settings of the cache of finished works: a part of `Settings`."""

from pydantic import BaseModel, Field

from runtime.setting_types import DAY_S, also


class CacheSettings(BaseModel):
    """Owners, limits and switches."""

    # Cache of finished works
    cache_enabled: bool = Field(
        True,
        validation_alias=also("CACHE_ENABLED", "ENABLE_CACHE"),
        description="answer a repeated request with the earlier transcript. Also as ENABLE_CACHE",
    )
    cache_ttl_s: float = Field(
        7.0 * DAY_S,
        ge=0,
        validation_alias=also("CACHE_TTL_S", "CACHE_TTL_SECONDS"),
        description="how long a transcript answers requests, from when it was made; 0: no limit. Also as CACHE_TTL_SECONDS",
    )
    cache_entries: int = Field(
        100_000,
        ge=0,
        validation_alias=also("CACHE_ENTRIES", "CACHE_SIZE"),
        description="transcripts in the cache at most, in all partitions together: the least recently used make room; 0: no "
        "limit. Also as CACHE_SIZE",
    )
    cache_bytes: int = Field(
        10 * 1024**3, ge=0, description="the same for the size of the stored transcripts in the cache; 0: no limit"
    )
    cache_failures_s: float = Field(
        300.0,
        ge=0,
        description="how long a failure that lies in the file or in the options answers requests for the same; 0: not at all",
    )
    cache_shared: bool = Field(
        False,
        description="owners share the cache, work in progress, decoded audio and uploads: whoever submits what another owner has "
        "had transcribed gets that transcript, and so finds out; all gateways and intakes need the same",
    )
