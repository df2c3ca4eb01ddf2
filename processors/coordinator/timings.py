"""The timings of a work that has just ended. Pure; fed by `assembly`."""

from collections.abc import Mapping
from datetime import datetime

from processors.coordinator.entries import WorkState
from schemas.jobs import Job
from schemas.timings import Timings


def timings_of(state: WorkState, waiting: Mapping[str, Job], inference_s: float, now: datetime) -> Timings:
    """`waiting`: the jobs that wait for the work; without any, it has not waited. No time is negative,
    although the clocks of two machines differ."""
    started_at = state.started_at or now
    submitted_at = _submitted_at(state, waiting) or started_at
    started_at = max(submitted_at, started_at)
    queue_s = (started_at - submitted_at).total_seconds()
    processing_s = max(0.0, (now - started_at).total_seconds())
    return Timings(
        queue_s=queue_s,
        decode_s=state.decode_s,
        vad_s=state.vad_s,
        inference_s=inference_s,
        total_s=queue_s + processing_s,
        real_time_factor=processing_s / state.duration_s if state.duration_s else None,
        decoder_peak_memory_bytes=state.decoder_peak_memory_bytes,
    )


def _submitted_at(state: WorkState, waiting: Mapping[str, Job]) -> datetime | None:
    """Of the job that started the work, or, when that was cancelled, of the first that still waits for it."""
    starter = waiting.get(state.starter)
    return starter.submitted_at if starter is not None else min((job.submitted_at for job in waiting.values()), default=None)
