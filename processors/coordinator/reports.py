"""The records about a job: its state on `jobs`, its transcript on `transcripts`. Made by `decide`."""

from datetime import datetime
from typing import Any

from processors.coordinator.correction import Corrected
from runtime.kafka.messages import Output
from runtime.objects import names
from schemas import codec
from schemas.jobs import Job, JobChanged, ResultSummary, State, Work
from schemas.record import ObjectRef
from schemas.topics import JOBS, TRANSCRIPTS
from schemas.transcript import Transcript, TranscriptCompleted

WARNINGS_MAX = 20  # in the record of a job, which is to stay small
NOT_CORRECTED = Corrected()
INLINE_MAX_BYTES = 256 * 1024  # a longer transcript is only referred to: a quarter of the broker's usual record limit


def changed(job: Job, work: Work, state: State, now: datetime, **facts: Any) -> Output:
    """`facts`: further fields of JobChanged."""
    record = JobChanged(
        job=job,
        work_id=work.work_id,
        audio_id=work.audio_id,
        model=work.model,
        state=state,
        changed_at=now,
        **facts,
    )
    return Output(JOBS, str(job.job_id), record)


def completed(job: Job, transcript: Transcript, result: ResultSummary, now: datetime, *, cached: bool) -> Output:
    inline = transcript if len(codec.encode(transcript)) <= INLINE_MAX_BYTES else None
    record = TranscriptCompleted(
        job=job, work_id=transcript.work_id, completed_at=now, cached=cached, result=result, transcript=inline
    )
    return Output(TRANSCRIPTS, str(job.job_id), record)


def summary(job: Job, transcript: Transcript, ref: ObjectRef, end: Corrected = NOT_CORRECTED) -> ResultSummary:
    """`files` are named after the job's own object, even if another one with the same content was read. `end`: of the correction;
    `transcript` is the result, with its warning."""
    files = job.files or (names.result_keys(job.dropped.key) if job.dropped is not None else ())
    return ResultSummary(
        transcript=ref,
        language=transcript.language,
        duration_s=transcript.duration_s,
        speech_s=transcript.speech_s,
        inference_s=transcript.inference_s,
        files=files,
        warnings=transcript.warnings[:WARNINGS_MAX],
        transcribed_at=transcript.created_at,
        corrected=end.corrected,
        uncorrected=end.uncorrected,
    )
