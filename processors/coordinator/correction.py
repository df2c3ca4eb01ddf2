"""The phase between a finished transcript and the end of its jobs, where texts are corrected. Pure; used by `decide`.

Its work has a state with `correction`: what was requested of the corrector, and until when. Jobs that are not to be corrected
never wait for it, and no job waits longer than `until`: then the coordinator reports the end of the correction itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from processors.coordinator.context import Context
from processors.coordinator.draft import Draft
from processors.coordinator.entries import Correcting, WorkState
from runtime.kafka.messages import Output
from schemas.jobs import Job
from schemas.record import ObjectRef
from schemas.topics import CHUNK_RESULTS, CORRECTIONS
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning
from schemas.work import CorrectionRequested, WorkCorrected, WorkReported

UNREADABLE = TranscriptWarning(code="uncorrected", message="the corrected text cannot be read: this is the raw one")


@dataclass(frozen=True, slots=True)
class Corrected:
    """How a correction ended: see `ResultSummary`."""

    corrected: ObjectRef | None = None
    uncorrected: TranscriptWarning | None = None

    @classmethod
    def by(cls, report: WorkCorrected, transcript: Transcript) -> "Corrected":
        """`transcript`: the one that the report names; the raw one if that cannot be read."""
        if transcript.correction is not None:
            return cls(corrected=report.corrected)
        return cls(uncorrected=UNREADABLE if report.corrected is not None else report.warning)


def to_correct(jobs: Mapping[str, Job], transcript: Transcript, timeout_s: float | None) -> dict[str, Job]:
    """Those of the jobs whose text is corrected before they end. `timeout_s`: None if correction is off."""
    if timeout_s is None or not transcript.text:
        return {}
    return {job_id: job for job_id, job in jobs.items() if job.correct}


def request(draft: Draft, state: WorkState, jobs: Iterable[Job], transcript: Transcript, context: Context) -> WorkState:
    """The state of a work whose transcript is finished, after a request for every owner that has none yet. The time is over when
    that of the first request is: jobs that join later extend nothing."""
    assert context.correction_s is not None
    until = context.now + timedelta(seconds=context.correction_s)
    known = state.correction or Correcting(transcribed_at=transcript.created_at, until=until)
    owners = [owner for owner in dict.fromkeys(job.owner for job in jobs) if owner not in known.owners]
    for owner in owners:
        requested = CorrectionRequested(
            work_id=state.work.work_id,
            run=state.run,
            owner=owner,
            transcribed_at=known.transcribed_at,
            until=known.until,
            trace=state.trace,
        )
        draft.outputs.append(Output(CORRECTIONS, state.work.work_id, requested))
    correction = known.model_copy(update={"owners": (*known.owners, *owners)})
    return state.model_copy(update={"correction": correction})


def overdue(state: WorkState, partition: int) -> Output:
    """The end of a correction whose time is over, as an event like the corrector's: whoever owns the partition then decides."""
    message = "the corrector did not answer in time: this is the raw text"
    report = WorkCorrected(warning=TranscriptWarning(code="uncorrected", message=message))
    record = WorkReported(work_id=state.work.work_id, run=state.run, event=report, trace=state.trace)
    return Output(CHUNK_RESULTS, state.work.work_id, record, partition)
