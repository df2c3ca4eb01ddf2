"""The settings of retention: a part of `Settings`. `retention.py` has the table of what they apply to."""

from pydantic import BaseModel, Field

from runtime.setting_types import DAY_S


class RetentionSettings(BaseModel):
    """Ages, limits of bytes, and how often the store is searched."""

    # Retention
    retention_interval_s: float = Field(900.0, gt=0, description="how often the store is searched for what has expired")
    retention_chunks_s: int = Field(
        DAY_S, ge=0, description="how long decoded audio is kept after its last use, for another model or a retry; 0: no limit"
    )
    retention_chunks_bytes: int = Field(
        20 * 1024**3,
        ge=0,
        description="most bytes of it, except of unfinished jobs: what was used longest ago goes first; 0: no limit",
    )
    retention_uploads_s: int = Field(
        DAY_S, ge=0, description="how long an upload is kept after the end of its last job; 0: no limit"
    )
    retention_failed_uploads_s: int = Field(
        7 * DAY_S, ge=0, description="the same if a job of it has failed, which can be retried; 0: no limit"
    )
    retention_uploads_bytes: int = Field(0, ge=0, description="most bytes of uploads, except of unfinished jobs; 0: no limit")
    retention_contents_bytes: int = Field(
        0,
        ge=0,
        description="most bytes of the notes which upload has which content, as old as uploads at most: the oldest go first; 0: "
        "no limit",
    )
    retention_transcripts_s: int = Field(
        30 * DAY_S, ge=0, description="how long a transcript is kept in the work bucket after its last use; 0: no limit"
    )
    retention_transcripts_bytes: int = Field(
        0,
        ge=0,
        description="most bytes of transcripts, except of unfinished jobs: those that the cache does not have go first, and it "
        "keeps no more than this either; 0: no limit",
    )
    retention_corrections_bytes: int = Field(
        0, ge=0, description="most bytes of answers of the corrector's model: the oldest go first; 0: no limit"
    )
    retention_dead_letters_s: int = Field(
        30 * DAY_S, ge=0, description="how long values are kept that are too large for a dead letter; 0: no limit"
    )
    retention_dead_letters_bytes: int = Field(
        0,
        ge=0,
        description="most bytes of these values: the oldest go first, and their letters, if they still wait, cannot be replayed "
        "any more; 0: no limit",
    )
    retention_temporary_s: int = Field(
        DAY_S,
        ge=0,
        description="how long half-written files and multipart uploads are kept after their last write; not less than an hour; "
        "0: no limit",
    )
    retention_temporary_bytes: int = Field(
        0,
        ge=0,
        description="most bytes of them: the oldest go first, but none that was written in the last hour; 0: no limit",
    )
    retention_versions_s: int = Field(
        DAY_S,
        ge=0,
        description="how long the earlier version of an object of murmur is kept after it was replaced or deleted, in S3 buckets "
        "with versions; 0: no limit",
    )
    retention_versions_bytes: int = Field(
        0, ge=0, description="most bytes of earlier versions: what was replaced or deleted first goes first; 0: no limit"
    )
    retention_jobs_s: int = Field(
        30 * DAY_S,
        ge=0,
        description="how long after its end a job is listed; then its records are deleted. Not before MURMUR_JOB_MEMORY_S; "
        "0: no limit",
    )
    retention_jobs_count: int = Field(
        0,
        ge=0,
        description="most ended jobs that are listed: of more, the oldest go before MURMUR_RETENTION_JOBS_S, but not before "
        "MURMUR_JOB_MEMORY_S; 0: no limit",
    )
    retention_jobs_bytes: int = Field(
        0, ge=0, description="most bytes of the records of ended jobs on `jobs`, in the same way; 0: no limit"
    )
