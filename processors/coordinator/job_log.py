"""The one log line of every job, written at its end, and what is counted then. Fed by the coordinator's decisions."""

from collections.abc import Iterable
from datetime import datetime

from runtime import metrics
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from schemas.jobs import TERMINAL, JobChanged
from schemas.transcript import Transcript

log = get_logger(__name__)
Field = str | float | bool | None


def log_ended(outputs: Iterable[Output], transcript: Transcript | None) -> None:
    """`transcript`: the one assembled in the decision that has these outputs, if any."""
    for output in outputs:
        if isinstance(output.value, JobChanged) and output.value.state in TERMINAL:
            log.info("job.ended", **ended(output.value, transcript))
            count_ended(output.value)


def ended(job: JobChanged, transcript: Transcript | None) -> dict[str, Field]:
    """Always the same fields. None: does not apply or is not known, such as the length of a file that is not audio."""
    error, dropped = job.error, job.job.dropped
    return {
        "file": job.job.filename if dropped is None else dropped.key,
        "state": job.state,
        "reason": error.reason if error is not None else None,
        "error": error.message if error is not None else None,
        "audio_s": job.duration_s,
        "wait_s": _between(job.job.submitted_at, job.started_at or job.changed_at),
        "processing_s": _between(job.started_at, job.changed_at) if job.started_at is not None else None,
        "model": job.model.name,
        "cached": job.cached,
        "warnings": len(transcript.warnings) if transcript is not None else None,
        "job_id": str(job.job.job_id),
        "work_id": job.work_id,
        "trace_id": job.trace_id,
    }


def count_ended(job: JobChanged) -> None:
    """Labels that do not apply are empty."""
    cached = str(job.cached).lower() if job.state == "SUCCESS" else ""
    metrics.JOBS_ENDED.labels(job.state, job.error.reason if job.error is not None else "", cached).inc()
    metrics.JOB_SECONDS.labels(job.state).observe(_between(job.job.submitted_at, job.changed_at))
    if job.started_at is not None:
        metrics.JOB_QUEUE_SECONDS.observe(_between(job.job.submitted_at, job.started_at))
    if job.state == "SUCCESS" and job.duration_s:
        metrics.JOB_AUDIO_SECONDS.labels(cached).inc(job.duration_s)
        if job.started_at is not None and not job.cached:
            metrics.JOB_REAL_TIME_FACTOR.observe(_between(job.started_at, job.changed_at) / job.duration_s)


def _between(start: datetime, end: datetime) -> float:
    """In seconds; 0 if negative, since the clocks of two machines differ."""
    return max(0.0, (end - start).total_seconds())
