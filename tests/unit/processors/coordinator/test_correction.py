"""The phase in which finished transcripts are corrected: which jobs wait for it, for how long, and how they end."""

from datetime import timedelta
from typing import Any

import pytest

from processors.coordinator import correction
from processors.coordinator.context import Context
from processors.coordinator.decide import Decision, decide
from processors.coordinator.entries import Change, WorkState
from schemas.correction import Correction
from schemas.jobs import CancelRequested, JobChanged, JobRequested
from schemas.record import ObjectRef
from schemas.transcript import Transcript, TranscriptCompleted
from schemas.warning import TranscriptWarning
from schemas.work import ChunkTranscribed, CorrectionRequested, DecodeRequested, RunRevoked, WorkCorrected, WorkReported
from tests.unit.processors.coordinator.test_decide import NOW, SPANS, World, closed, only, requested, states, text, work

TIMEOUT_S = 60.0
REF = ObjectRef(bucket="work", key=f"corrected/{work().work_id}/v1.json")
LATE = TranscriptWarning(code="uncorrected", message="too late")


class Correcting(World):
    """A coordinator that has texts corrected, and what its store has."""

    def __init__(self, correction_s: float | None = TIMEOUT_S) -> None:
        super().__init__()
        self.correction_s = correction_s
        self.raw: Transcript | None = None

    def see(self, event: Any, finished: Transcript | None = None) -> tuple[Decision, list[object]]:
        decision = decide(self.tables, event, Context(f"0-{self.offset}", self.now, "work", finished, self.correction_s))
        for change in decision.changes:
            self.tables.apply(change)
        self.raw = decision.transcript or self.raw
        self.offset += 1
        self.now += timedelta(seconds=1)
        return decision, [output.value for output in decision.outputs]

    def transcribe(self) -> list[object]:
        self.report(closed(SPANS[:1]))
        return self.report(text(SPANS[0], "Hello."))

    def corrected(self, run: str = "0-0", **report: Any) -> list[object]:
        """What follows from a report of the corrector, whose transcript is in the store."""
        event = WorkReported(work_id=work().work_id, run=run, event=WorkCorrected.model_validate(report))
        return self.see(event, self.stored() if report.get("corrected") else self.raw)[1]

    def stored(self) -> Transcript:
        assert self.raw is not None
        done = Correction(version="v1", segments_changed=1)
        return self.raw.model_copy(update={"text": "HELLO.", "raw_text": self.raw.text, "correction": done})

    @property
    def state(self) -> WorkState | None:
        return self.tables.works.get(work().work_id)


@pytest.fixture
def world() -> Correcting:
    return Correcting()


def raw(name: str) -> JobRequested:
    request = requested(name)
    return request.model_copy(update={"job": request.job.model_copy(update={"correct": False})})


def owned(name: str, owner: str) -> JobRequested:
    request = requested(name)
    return request.model_copy(update={"job": request.job.model_copy(update={"owner": owner})})


def test_without_correction_nothing_is_requested() -> None:
    world = Correcting(correction_s=None)
    world.see(requested())
    outputs = world.transcribe()
    assert states(outputs) == [("SUCCESS", False)]
    assert only(CorrectionRequested, outputs) == []
    assert world.state is None


def test_a_finished_transcript_is_corrected_before_its_jobs_end(world: Correcting) -> None:
    world.see(requested())
    outputs = world.transcribe()
    assert states(outputs) == []
    (request,) = only(CorrectionRequested, outputs)
    assert world.raw is not None
    assert (request.run, request.owner, request.transcribed_at) == ("0-0", "default", world.raw.created_at)
    assert not world.tables.chunks
    outputs = world.corrected(owner="default", corrected=REF)
    assert states(outputs) == [("SUCCESS", False)]
    (completed,) = only(TranscriptCompleted, outputs)
    assert completed.transcript == world.stored()
    assert (completed.result.corrected, completed.result.uncorrected) == (REF, None)
    assert world.state is None


def test_a_silent_file_has_nothing_to_correct(world: Correcting) -> None:
    world.see(requested())
    assert ("SUCCESS", False) in states(world.report(closed(())))
    assert world.state is None


def test_jobs_that_want_the_raw_text_do_not_wait(world: Correcting) -> None:
    world.see(requested())
    world.see(raw("two"))
    outputs = world.transcribe()
    assert states(outputs) == [("SUCCESS", True)]
    assert len(only(CorrectionRequested, outputs)) == 1
    assert states(world.see(raw("three"), world.raw)[1]) == [("SUCCESS", True)]
    assert states(world.corrected(owner="default", corrected=REF)) == [("SUCCESS", False)]


def test_the_raw_text_is_the_result_with_a_warning_if_the_corrector_says_so(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    outputs = world.corrected(owner=None, warning=LATE)
    (changed,) = only(JobChanged, outputs)
    assert changed.result is not None
    assert (changed.result.corrected, changed.result.uncorrected, changed.result.warnings) == (None, LATE, (LATE,))
    (completed,) = only(TranscriptCompleted, outputs)
    assert completed.transcript is not None
    assert (completed.transcript.text, completed.transcript.warnings) == ("Hello.", (LATE,))


def test_a_corrected_text_that_cannot_be_read_is_replaced_by_the_raw_one(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    report = WorkReported(work_id=work().work_id, run="0-0", event=WorkCorrected(owner="default", corrected=REF))
    (changed,) = only(JobChanged, world.see(report, world.raw)[1])
    assert changed.result is not None
    assert changed.result.uncorrected is not None
    assert changed.result.corrected is None


def test_nothing_to_correct_is_no_warning(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    (changed,) = only(JobChanged, world.corrected(owner="default"))
    assert changed.result is not None
    assert (changed.result.corrected, changed.result.warnings) == (None, ())


def test_jobs_join_a_correction_in_progress_and_are_served_together(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    outputs = world.see(requested("two"), world.raw)[1]
    assert (states(outputs), only(CorrectionRequested, outputs), only(DecodeRequested, outputs)) == ([], [], [])
    assert sorted(states(world.corrected(owner="default", corrected=REF))) == [("SUCCESS", False), ("SUCCESS", True)]


def test_an_answer_from_the_cache_is_corrected_too_and_jobs_join_it(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    world.corrected(owner="default", corrected=REF)
    outputs = world.see(requested("two"), world.raw)[1]
    (request,) = only(CorrectionRequested, outputs)
    assert states(outputs) == []
    assert only(CorrectionRequested, world.see(requested("three"), world.raw)[1]) == []
    assert states(world.corrected(run="0-0", owner="default", corrected=REF)) == []  # of the run before
    assert states(world.corrected(run=request.run, owner="default", corrected=REF)) == [("SUCCESS", True)] * 2
    assert world.state is None


def test_owners_that_share_a_work_have_texts_of_their_own(world: Correcting) -> None:
    world.see(owned("one", "ana"))
    world.see(owned("two", "rui"))
    assert [request.owner for request in only(CorrectionRequested, world.transcribe())] == ["ana", "rui"]
    assert [request.owner for request in only(CorrectionRequested, world.see(owned("three", "eva"), world.raw)[1])] == ["eva"]
    (changed,) = only(JobChanged, world.corrected(owner="rui", corrected=REF))
    assert changed.job.owner == "rui"
    assert world.state is not None
    assert sorted(states(world.corrected(owner=None, warning=LATE))) == [("SUCCESS", False), ("SUCCESS", True)]
    assert world.state is None


def test_a_cancelled_job_does_not_wait_and_the_last_one_ends_the_work(world: Correcting) -> None:
    world.see(requested())
    world.see(requested("two"))
    world.transcribe()
    for name, revoked in (("one", 0), ("two", 1)):
        cancel = CancelRequested(job_id=requested(name).job.job_id, work_id=work().work_id, requested_at=NOW)
        outputs = world.see(cancel)[1]
        assert [state for state, _ in states(outputs)] == ["REVOKED"]
        assert len(only(RunRevoked, outputs)) == revoked
    assert world.state is None
    assert world.corrected(owner="default", corrected=REF) == []


def test_repeated_reports_change_nothing(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    again: tuple[ChunkTranscribed | Any, ...] = (text(SPANS[0], "Hello."), closed(SPANS[:1]), closed(()))
    for event in again:
        assert world.report(event) == []
    assert states(world.corrected(owner="default", corrected=REF)) == [("SUCCESS", False)]
    assert world.corrected(owner="default", corrected=REF) == []


def test_a_report_that_comes_before_the_transcript_is_finished_is_none(world: Correcting) -> None:
    world.see(requested())
    assert world.corrected(owner="default") == []
    assert only(CorrectionRequested, world.transcribe())


def test_no_cache_begins_again_while_a_text_is_corrected(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    outputs = world.see(requested("two", no_cache=True))[1]
    (decode,) = only(DecodeRequested, outputs)
    assert [revoked.run for revoked in only(RunRevoked, outputs)] == ["0-0"]
    assert world.corrected(owner="default", corrected=REF) == []
    world.report(closed(SPANS[:1]), run=decode.run)
    assert only(CorrectionRequested, world.report(text(SPANS[0], "Again."), run=decode.run))
    assert sorted(states(world.corrected(run=decode.run, owner="default", corrected=REF))) == [
        ("SUCCESS", False),
        ("SUCCESS", True),
    ]


def test_a_transcript_that_must_not_answer_is_made_again_while_it_is_corrected(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    (decode,) = only(DecodeRequested, world.see(raw("two"), None)[1])  # the cache was cleared
    world.report(closed(SPANS[:1]), run=decode.run)
    assert states(world.report(text(SPANS[0], "Again."), run=decode.run)) == [("SUCCESS", False)]
    assert states(world.corrected(run=decode.run, owner="default", corrected=REF)) == [("SUCCESS", True)]


def test_a_transcript_that_was_lost_meanwhile_is_made_again(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    report = WorkReported(work_id=work().work_id, run="0-0", event=WorkCorrected(owner="default"))
    (decode,) = only(DecodeRequested, world.see(report, None)[1])
    world.report(closed(SPANS[:1]), run=decode.run)
    world.report(text(SPANS[0], "Hello."), run=decode.run)
    assert states(world.corrected(run=decode.run, owner="default", corrected=REF)) == [("SUCCESS", False)]


def test_result_files_are_written_again_from_the_corrected_text(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    world.corrected(owner="default", corrected=REF)
    (completed,) = only(TranscriptCompleted, world.see(requested(rewrite=True, result=REF), world.stored())[1])
    assert completed.transcript == world.stored()
    assert completed.result.corrected == REF


def test_a_correction_whose_time_is_over_is_found_once_also_after_a_recovery(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    state = world.state
    assert state is not None
    assert state.correction is not None
    until = state.correction.until
    assert world.tables.take_overdue(until - timedelta(seconds=1)) == []
    assert world.tables.take_overdue(until) == [work().work_id]
    assert world.tables.take_overdue(until) == []
    recovered = Correcting()
    output = Change("works", work().work_id, state).output(0)
    assert isinstance(output.value, bytes)
    recovered.tables.apply(Change.read("coordinator-works-changelog", work().work_id.encode(), output.value))
    assert recovered.tables.take_overdue(until) == [work().work_id]
    report = correction.overdue(state, 3)
    assert report.partition == 3
    assert isinstance(report.value, WorkReported)
    assert report.value.run == "0-0"


def test_jobs_that_join_do_not_prolong_it(world: Correcting) -> None:
    world.see(requested())
    world.transcribe()
    before = world.state
    world.now += timedelta(seconds=TIMEOUT_S / 2)
    world.see(owned("two", "rui"), world.raw)
    assert before is not None
    assert world.state is not None
    assert before.correction is not None
    assert world.state.correction is not None
    assert world.state.correction.until == before.correction.until
