"""The retention policy: what is kept in the object store and of the jobs, since when, and how long. One table, which
docs/retention.md shows.

Used by the retention stage, `murmur clean`, `murmur buckets apply`, and by the gateway, which uses an upload again only while it
is certainly not being removed.
"""

import math
from dataclasses import dataclass
from typing import Literal

from runtime.objects import keys
from runtime.objects.lifecycle import Rule
from runtime.setting_types import DAY_S
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import JobChanged

KindName = Literal["chunks", "uploads", "contents", "transcripts", "corrections", "dead_letters", "temporary", "versions", "jobs"]
REUSE_MAX_S = 3600.0
MARGIN_S = 600.0  # nothing younger is removed: what names it may not have been written yet
UPLOAD_PAUSE_S = 3600.0  # between two parts of an upload, each of some MiB, over a slow line


@dataclass(frozen=True, slots=True)
class Kind:
    """`prefixes`: of keys in the work bucket. `age`, `size`: names of settings, 0 for no limit. `since`: what the age counts
    from. `failed_age`: the same for what a failed job can be retried with. `is_by_age_alone`: no job and no entry of the cache
    keeps it longer, so a lifecycle rule of the store may remove it, too. `keeps_none_at_0`: an age of 0 is no age."""

    name: KindName
    what: str
    since: str
    age: str
    size: str
    prefixes: tuple[str, ...] = ()
    failed_age: str | None = None
    is_by_age_alone: bool = False
    keeps_none_at_0: bool = False

    def age_s(self, settings: Settings) -> int | None:
        """None: no limit."""
        age_s: int = getattr(settings, self.age)
        return age_s if age_s or self.keeps_none_at_0 else None


KINDS: tuple[Kind, ...] = (
    Kind(
        "chunks",
        "decoded audio, cut into chunks",
        "its last use by a slicer; never while an unfinished job may need it",
        "retention_chunks_s",
        "retention_chunks_bytes",
        (keys.CHUNKS,),
    ),
    Kind(
        "uploads",
        "files uploaded over HTTP, and direct uploads",
        "the end of its last job",
        "retention_uploads_s",
        "retention_uploads_bytes",
        (keys.UPLOADS,),
        "retention_failed_uploads_s",
    ),
    Kind(
        "contents",
        "which upload has which content",
        "when it was written",
        "retention_uploads_s",
        "retention_contents_bytes",
        (keys.CONTENTS,),
        is_by_age_alone=True,
    ),
    Kind(
        "transcripts",
        "the transcript of each work, its corrected texts, and the names that readers gave",
        "its last use: written, the end of a job with it, or an answer from the cache",
        "retention_transcripts_s",
        "retention_transcripts_bytes",
        (keys.TRANSCRIPTS, keys.CORRECTED, keys.NAMES),
    ),
    Kind(
        "corrections",
        "answers of the corrector's model",
        "when it was written; a setting of 0 keeps none",
        "correction_cache_s",
        "retention_corrections_bytes",
        (keys.CORRECTION_CACHE,),
        is_by_age_alone=True,
        keeps_none_at_0=True,
    ),
    Kind(
        "dead_letters",
        "values that are too large for a dead letter",
        "when it was written",
        "retention_dead_letters_s",
        "retention_dead_letters_bytes",
        (keys.DEAD_LETTERS,),
        is_by_age_alone=True,
    ),
    Kind(
        "temporary",
        "half-written files of writers that have died, unfinished multipart uploads",
        "when it was written last",
        "retention_temporary_s",
        "retention_temporary_bytes",
    ),
    Kind(
        "versions",
        "earlier versions of all of these objects, and delete markers that are left of them, in buckets with versions",
        "when it was replaced or deleted",
        "retention_versions_s",
        "retention_versions_bytes",
    ),
    Kind("jobs", "records of jobs on the topic `jobs`", "the job's end", "retention_jobs_s", "retention_jobs_bytes"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one kind, from the settings. None: no limit."""

    age_s: float | None
    failed_age_s: float | None
    size_bytes: int | None
    least_s: float  # nothing younger is removed, whatever its size
    least_used_s: float = 0.0  # nothing is removed so soon after the end of its last job

    @classmethod
    def of(cls, kind: Kind, settings: Settings) -> "Limits":
        def limit(name: str) -> int | None:
            return getattr(settings, name) or None

        age_s = kind.age_s(settings)
        failed_s = limit(kind.failed_age) if kind.failed_age is not None else age_s
        least_s = UPLOAD_PAUSE_S if kind.name == "temporary" else MARGIN_S
        if kind.name != "uploads":
            return cls(age_s, failed_s, limit(kind.size), least_s)
        used_s = kept_upload_reuse_s(settings) + MARGIN_S
        return cls(age_s, failed_s, limit(kind.size), least_s + upload_reuse_s(settings), used_s)


def job_bytes(changed: JobChanged) -> int:
    """Of its record on `jobs`, as a client counts it: key and value, uncompressed, of the newest record only."""
    return len(changed.subject) + len(codec.encode(changed))


def upload_reuse_s(settings: Settings) -> float:
    """For how long after it was stored an upload is used for further submissions of the same content. Half of the time for which
    it is kept at least, so that it is there until the job that names it is known."""
    return min(REUSE_MAX_S, settings.retention_uploads_s / 2 or REUSE_MAX_S)


def kept_upload_reuse_s(settings: Settings) -> float:
    """For how long after the end of its last job an upload is used for further submissions, however old it is: a margin less than
    it is certainly kept, so that it is there until the job that names it is known. With a limit of bytes its age says little."""
    if settings.retention_uploads_bytes:
        return upload_reuse_s(settings)
    ages_s = [age_s for age_s in (settings.retention_uploads_s, settings.retention_failed_uploads_s) if age_s]
    return max(min(ages_s) - MARGIN_S, min(ages_s) / 2) if ages_s else math.inf


def cache_bytes(settings: Settings) -> int:
    """Most bytes of transcripts that the cache may keep; 0: no limit. Not more than of all transcripts together: those that the
    cache names are not removed, so it is the cache that has to let the oldest go."""
    return min(filter(None, (settings.cache_bytes, settings.retention_transcripts_bytes)), default=0)


def promises_s(settings: Settings) -> int:
    """How long the promise of a direct upload is kept: until its file can neither be uploaded nor be found by the reconciler."""
    return settings.direct_upload_expiry_s + settings.reconcile_lookback_s


def lifecycle_rules(settings: Settings) -> dict[str, list[Rule]]:
    """What an S3 store may remove, too, by bucket. It counts whole days, one at least: no less than the retention stage. What is
    kept without a limit has no rule."""
    found: dict[str, list[Rule]] = {name: [] for name in (settings.uploads_bucket, settings.work_bucket, settings.results_bucket)}
    ages_s = {prefix: kind.age_s(settings) for kind in KINDS if kind.is_by_age_alone for prefix in kind.prefixes}
    for prefix, age_s in {**ages_s, keys.PROMISES: promises_s(settings)}.items():
        if age_s is not None:
            found[settings.work_bucket].append(Rule(max(1, math.ceil(age_s / DAY_S)), prefix))
    if settings.retention_versions_s:
        found[settings.work_bucket].append(Rule(math.ceil(settings.retention_versions_s / DAY_S), versions_of=keys.OURS))
    if settings.retention_temporary_s:
        for bucket in buckets_of_uploads(settings):
            found[bucket].append(Rule(math.ceil(settings.retention_temporary_s / DAY_S)))
    return found


def buckets_of_uploads(settings: Settings) -> tuple[str, ...]:
    """Where unfinished uploads are removed. A watched folder has none, only files of its users, which may be many; in a bucket
    nothing else shows them."""
    names = [settings.work_bucket, settings.results_bucket]
    return tuple(dict.fromkeys([*names, settings.uploads_bucket] if settings.store == "s3" else names))
