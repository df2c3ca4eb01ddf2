"""The one log line of every job, written at its end. Fed by the coordinator's decisions."""

from collections.abc import Iterable
from datetime import datetime

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


def ended(job: JobChanged, transcript: Transcript | None) -> dict[str, Field]:
    """Always the same fields. None: does not apply or is not known, such as the length of a file that is not audio."""
    error, result, dropped = job.error, job.result, job.job.dropped
    return {
        "file": job.job.filename if dropped is None else dropped.key,
        "state": job.state,
        "reason": error.reason if error is not None else None,
        "error": error.message if error is not None else None,
        "audio_s": result.duration_s if result is not None else None,
        "wait_s": _between(job.job.submitted_at, job.started_at or job.changed_at),
        "processing_s": _between(job.started_at, job.changed_at) if job.started_at is not None else None,
        "model": job.model.name,
        "cached": job.cached,
        "warnings": len(transcript.warnings) if transcript is not None else None,
        "job_id": str(job.job.job_id),
        "work_id": job.work_id,
    }


def _between(start: datetime, end: datetime) -> float:
    """In seconds; 0 if negative, since the clocks of two machines differ."""
    return max(0.0, (end - start).total_seconds())
