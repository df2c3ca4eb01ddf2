"""The coordinator's decisions, event by event, without Kafka and without a clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid5

import pytest

from processors.coordinator.context import Context
from processors.coordinator.decide import Decision, decide
from processors.coordinator.entries import Change
from processors.coordinator.tables import JobLimits, Tables
from schemas.jobs import CancelRequested, Job, JobChanged, JobRequested, Work
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Failure, ObjectRef
from schemas.segment import Segment
from schemas.transcript import Transcript, TranscriptCompleted
from schemas.warning import TranscriptWarning
from schemas.work import (
    AudioInfo,
    ChunkLost,
    ChunkReady,
    ChunkTranscribed,
    DecodeRequested,
    RunRevoked,
    SliceClosed,
    SlicedChunk,
    SliceOpened,
    WorkEvent,
    WorkFailed,
    WorkProgressed,
    WorkReported,
)

T = TypeVar("T")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = UUID("00000000-0000-5000-8000-000000000000")
INFO = AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, declared_duration_s=4.0, duration_s=4.0)
SPANS = ((0, 16_000), (20_000, 36_000))


def work(name: str = "a", decoding: object = None) -> Work:
    return Work(
        work_id=name * 64,
        audio_id="b" * 64,
        slice_id="c" * 64,
        audio=ObjectRef(bucket="uploads", key="talk.wav"),
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions.model_validate(decoding or {}),
    )


def requested(name: str = "one", of: Work | None = None, **more: object) -> JobRequested:
    dropped = ObjectRef(bucket="uploads", key=f"{name}.wav")
    job = Job(job_id=uuid5(NAMES, name), source="drop", filename=f"{name}.wav", dropped=dropped, submitted_at=NOW)
    return JobRequested.model_validate({"job": job, "work": of or work(), **more})


def text(span: tuple[int, int], words: str, language: str = "en", sure: float = 0.99, attempt: int = 0) -> ChunkTranscribed:
    return ChunkTranscribed(
        span=span,
        attempt=attempt,
        speech_s=1.0,
        language=language,
        language_probability=sure,
        segments=(Segment(start=span[0] / 16_000, end=span[1] / 16_000, text=words),),
        inference_s=0.1,
    )


def closed(spans: Sequence[tuple[int, int]] = SPANS) -> SliceClosed:
    return SliceClosed(audio_info=INFO, chunks=tuple(SlicedChunk(span=span, pieces=(span,)) for span in spans))


class World:
    """One partition's tables, and everything that was decided so far."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.offset = 0
        self.now = NOW

    def see(
        self, event: JobRequested | CancelRequested | WorkReported, finished: Transcript | None = None
    ) -> tuple[Decision, list[object]]:
        decision = decide(self.tables, event, Context(f"0-{self.offset}", self.now, "work", finished))
        for change in decision.changes:
            self.tables.apply(change)
        self.offset += 1
        self.now += timedelta(seconds=1)
        return decision, [output.value for output in decision.outputs]

    def report(self, event: WorkEvent, run: str = "0-0", of: Work | None = None) -> list[object]:
        return self.see(WorkReported(work_id=(of or work()).work_id, run=run, event=event))[1]


@pytest.fixture
def world() -> World:
    return World()


def states(values: Sequence[object]) -> list[tuple[str, bool]]:
    return [(value.state, value.cached) for value in values if isinstance(value, JobChanged)]


def only(kind: type[T], values: Sequence[object]) -> list[T]:
    return [value for value in values if isinstance(value, kind)]


def test_a_new_work_is_decoded_and_its_run_is_named_by_the_request(world: World) -> None:
    _, outputs = world.see(requested())
    assert [o.run for o in only(DecodeRequested, outputs)] == ["0-0"]
    assert states(outputs) == []  # PENDING follows from the request itself


def test_twenty_identical_requests_make_one_decode_and_twenty_results(world: World) -> None:
    decodes = [only(DecodeRequested, world.see(requested(str(n)))[1]) for n in range(20)]
    assert sum(map(len, decodes)) == 1
    world.report(closed())
    world.report(text(SPANS[0], "Hello."))
    outputs = world.report(text(SPANS[1], "World."))
    assert sorted(states(outputs)) == [("SUCCESS", False)] + [("SUCCESS", True)] * 19
    completed = only(TranscriptCompleted, outputs)
    assert {record.result.files[0] for record in completed} == {f"{n}.wav.json" for n in range(20)}


def test_segments_are_in_the_order_of_the_file_however_the_chunks_come_in(world: World) -> None:
    world.see(requested())
    world.report(text(SPANS[1], "World."))
    world.report(text(SPANS[0], "Hello."))
    decision, outputs = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed()))
    assert decision.transcript is not None
    assert decision.transcript.text == "Hello. World."
    assert states(outputs) == [("SUCCESS", False)]
    assert not world.tables.works
    assert not world.tables.chunks


def test_the_decoders_warnings_are_in_the_transcript_with_their_times(world: World) -> None:
    warning = TranscriptWarning(code="lost", message="5.0 s of audio are missing", start=0.2, end=5.2)
    world.see(requested())
    event = closed(()).model_copy(update={"audio_info": INFO.model_copy(update={"warnings": (warning,)})})
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=event))
    assert decision.transcript is not None
    assert decision.transcript.warnings == (warning,)


def test_a_repeated_chunk_result_changes_nothing(world: World) -> None:
    world.see(requested())
    world.report(closed())
    world.report(text(SPANS[0], "Hello."))
    assert world.report(text(SPANS[0], "Other.")) == []


def test_a_job_is_started_by_the_first_report_of_its_run_and_only_once(world: World) -> None:
    world.see(requested())
    assert states(world.report(SliceOpened(audio_info=INFO))) == [("STARTED", False)]
    assert states(world.report(SliceOpened(audio_info=INFO))) == []
    assert states(world.report(text(SPANS[0], "Hello."))) == []


def test_progress_grows_and_has_the_new_segments(world: World) -> None:
    world.see(requested())
    world.report(SliceOpened(audio_info=INFO))
    first = only(WorkProgressed, world.report(text(SPANS[0], "Hello.")))[0]
    assert first.share == pytest.approx(0.25)  # one second of the four that the file declares
    assert [s.text for s in first.segments] == ["Hello."]
    world.report(closed())
    assert only(WorkProgressed, world.report(text(SPANS[1], "World.")))[0].share == 1.0


def test_a_file_without_speech_succeeds_with_an_empty_text(world: World) -> None:
    world.see(requested())
    decision, outputs = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed(())))
    assert states(outputs) == [("STARTED", False), ("SUCCESS", False)]
    assert decision.transcript is not None
    assert (decision.transcript.text, decision.transcript.language) == ("", None)


def test_a_known_answer_is_given_at_once_and_marked_as_cached(world: World) -> None:
    world.see(requested())
    transcript = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed(())))[0].transcript
    _, outputs = world.see(requested("two"), finished=transcript)
    assert states(outputs) == [("SUCCESS", True)]
    assert only(DecodeRequested, outputs) == []


def test_the_same_job_five_times_is_one_job(world: World) -> None:
    for _ in range(5):
        world.see(requested())
    outputs = world.report(closed(()))
    assert [s for s, _ in states(outputs)] == ["STARTED", "SUCCESS"]
    assert world.see(requested())[1] == []


def test_missing_files_of_an_ended_drop_are_written_again_without_a_second_state(world: World) -> None:
    world.see(requested())
    transcript = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed(())))[0].transcript
    _, outputs = world.see(requested(rewrite=True), finished=transcript)
    assert states(outputs) == []
    assert [o.result.files[0] for o in only(TranscriptCompleted, outputs)] == ["one.wav.json"]


def cancel(name: str = "one") -> CancelRequested:
    return CancelRequested(job_id=uuid5(NAMES, name), work_id=work().work_id, requested_at=NOW)


def test_cancelling_the_only_job_revokes_its_run_and_late_results_are_ignored(world: World) -> None:
    world.see(requested())
    world.report(SliceOpened(audio_info=INFO))
    _, outputs = world.see(cancel())
    assert states(outputs) == [("REVOKED", False)]
    assert [r.run for r in only(RunRevoked, outputs)] == ["0-0"]
    assert world.report(text(SPANS[0], "Hello.")) == []
    assert world.see(cancel())[1] == []


def test_cancelling_one_of_two_leaves_the_work_to_the_other(world: World) -> None:
    world.see(requested("one"))
    world.see(requested("two"))
    _, outputs = world.see(cancel("one"))
    assert only(RunRevoked, outputs) == []
    assert [s for s, _ in states(world.report(closed(())))] == ["STARTED", "SUCCESS"]


def test_resubmitting_after_a_cancel_is_a_new_run_that_the_old_ones_results_do_not_touch(world: World) -> None:
    world.see(requested("one"))
    world.see(cancel("one"))
    _, outputs = world.see(requested("two"))
    assert [d.run for d in only(DecodeRequested, outputs)] == ["0-2"]
    assert world.report(closed(()), run="0-0") == []
    assert states(world.report(closed(()), run="0-2"))[-1] == ("SUCCESS", False)


def test_a_cancel_that_overtakes_its_request_ends_the_job_when_the_request_comes(world: World) -> None:
    assert world.see(cancel())[1] == []
    _, outputs = world.see(requested())
    assert states(outputs) == [("REVOKED", False)]
    assert world.see(requested())[1] == []


def test_a_cancel_after_the_end_changes_nothing(world: World) -> None:
    world.see(requested())
    world.report(closed(()))
    assert world.see(cancel())[1] == []


def test_a_failure_ends_every_waiting_job_with_its_reason_and_is_not_cached(world: World) -> None:
    world.see(requested("one"))
    world.see(requested("two"))
    outputs = world.report(WorkFailed(failure=Failure(reason="no_audio", message="a picture")))
    errors = [job.error.reason for job in only(JobChanged, outputs) if job.error]
    assert errors == ["no_audio", "no_audio"]
    assert work().work_id not in world.tables.cache
    assert only(DecodeRequested, world.see(requested("three"))[1])  # a retry is a new job, and is tried


def test_an_unsure_minority_chunk_is_transcribed_again_in_the_files_language(world: World) -> None:
    world.see(requested())
    world.report(closed(((0, 16_000), (20_000, 36_000), (40_000, 56_000))))
    world.report(text((0, 16_000), "Hello."))
    world.report(text((20_000, 36_000), "Um.", language="pt", sure=0.4).model_copy(update={"audio_sha256": "d" * 64}))
    again = only(ChunkReady, world.report(text((40_000, 56_000), "World.")))
    assert [(c.span, c.decoding.language, c.attempt, c.audio_sha256) for c in again] == [((20_000, 36_000), "en", 1, "d" * 64)]
    report = WorkReported(work_id=work().work_id, run="0-0", event=text((20_000, 36_000), "Hm.", attempt=1))
    transcript = world.see(report)[0].transcript
    assert transcript is not None
    assert (transcript.text, transcript.language) == ("Hello. Hm. World.", "en")


@pytest.mark.parametrize("options", [{"multilingual": True}, {"language": "en"}])
def test_no_chunk_is_transcribed_again_when_the_language_is_given_or_may_change(world: World, options: dict[str, object]) -> None:
    wanted = work(decoding=options)
    world.see(requested(of=wanted))
    world.report(closed())
    world.report(text(SPANS[0], "Hello."))
    outputs = world.report(text(SPANS[1], "Olá.", language="pt", sure=0.4))
    assert only(ChunkReady, outputs) == []
    assert states(outputs)[-1][0] == "SUCCESS"


def test_lost_chunk_audio_is_decoded_once_more_and_then_given_up(world: World) -> None:
    world.see(requested())
    assert [d.attempt for d in only(DecodeRequested, world.report(ChunkLost(span=SPANS[0])))] == [1]
    outputs = world.report(ChunkLost(span=SPANS[0]))
    assert [job.error.reason for job in only(JobChanged, outputs) if job.error] == ["audio_gone"]


def test_chunks_whose_audio_was_missing_for_the_second_transcription_are_requested_once_more(world: World) -> None:
    spans = ((0, 16_000), (20_000, 36_000), (40_000, 56_000))
    unsure = [text(span, "Um.", language="pt", sure=0.4) for span in spans[1:]]
    world.see(requested())
    world.report(closed(spans))
    world.report(text(spans[0], "Hello. And more.").model_copy(update={"speech_s": 9.0}))
    assert [len(only(ChunkReady, world.report(result))) for result in unsure] == [0, 2]
    world.report(ChunkLost(span=spans[1]))
    assert [len(only(ChunkReady, world.report(result))) for result in unsure] == [0, 2]
    for span in spans[1:]:
        outputs = world.report(text(span, "Hm.", attempt=1))
    assert states(outputs) == [("SUCCESS", False)]


def test_deciding_again_decides_the_same_and_changes_nothing_before_it_is_applied(world: World) -> None:
    world.see(requested())
    world.report(closed())
    world.report(text(SPANS[0], "Hello."))
    event = WorkReported(work_id=work().work_id, run="0-0", event=text(SPANS[1], "World."))
    context = Context("0-3", world.now, "work")
    first = decide(world.tables, event, context)
    assert decide(world.tables, event, context) == first
    assert first.transcript is not None
    assert list(world.tables.chunks[work().work_id]) == [SPANS[0]]


def test_ended_jobs_expire(world: World) -> None:
    world.see(requested("one"))
    world.report(closed(()))
    world.see(requested("two", of=work("d")))
    world.report(closed(()), run="0-2", of=work("d"))
    assert world.tables.forgotten(world.now, JobLimits(3600)) == []
    forgotten = world.tables.forgotten(world.now + timedelta(days=1), JobLimits(3600))
    assert [(change.table, change.value) for change in forgotten] == [("jobs", None), ("jobs", None)]


def test_tables_rebuilt_from_their_compacted_changelogs_are_the_same_tables(world: World) -> None:
    changes = [*world.see(requested("one"))[0].changes, *world.see(requested("two"))[0].changes]
    changes += world.see(requested("three", of=work("d")))[0].changes
    changes += world.see(WorkReported(work_id=work("d").work_id, run="0-2", event=closed(())))[0].changes
    for event in (SliceOpened(audio_info=INFO), text(SPANS[0], "Hello.")):
        changes += world.see(WorkReported(work_id=work().work_id, run="0-0", event=event))[0].changes
    changes += world.see(cancel("one"))[0].changes

    newest: dict[tuple[str, str], Change] = {}
    for change in changes:
        newest.pop((change.table, change.key), None)
        newest[change.table, change.key] = change
    rebuilt = Tables()
    for output in (change.output(3) for change in newest.values() if change.value is not None):
        assert isinstance(output.value, bytes)
        assert output.partition == 3
        rebuilt.apply(Change.read(output.topic.name, str(output.key).encode(), output.value))

    assert rebuilt == world.tables
    assert all((rebuilt.works, rebuilt.jobs, rebuilt.chunks, rebuilt.cache, rebuilt.waiting, rebuilt.ended))


def uploaded(name: str) -> JobRequested:
    """The same content, through the gateway."""
    request = requested(name)
    return request.model_copy(update={"job": request.job.model_copy(update={"source": "http", "dropped": None})})


CHANGED = WorkFailed(failure=Failure(reason="content_changed", message="changed"))


def test_a_changed_file_fails_its_own_jobs_and_a_new_run_reads_the_object_of_another(world: World) -> None:
    first = requested("one", of=work().model_copy(update={"audio": ObjectRef(bucket="uploads", key="one.wav")}))
    world.see(first)
    other = uploaded("two")
    world.see(other)
    world.report(text(SPANS[0], "Wrong."))

    outputs = world.report(CHANGED)

    ended = [(job.job.job_id, job.state, job.error.reason if job.error else None) for job in only(JobChanged, outputs)]
    assert ended == [(first.job.job_id, "FAILURE", "content_changed")]
    assert [revoked.run for revoked in only(RunRevoked, outputs)] == ["0-0"]
    (decode,) = only(DecodeRequested, outputs)
    assert (decode.work.audio.bucket, decode.work.audio.key) == ("work", f"uploads/{other.job.job_id}")
    assert decode.run == "0-3"
    assert world.report(text(SPANS[1], "Late."), run="0-0") == []
    world.report(closed(), run=decode.run)
    world.report(text(SPANS[0], "Hello."), run=decode.run)
    outputs = world.report(text(SPANS[1], "World."), run=decode.run)
    (completed,) = only(TranscriptCompleted, outputs)
    assert (completed.job.job_id, completed.transcript and completed.transcript.text) == (other.job.job_id, "Hello. World.")
    assert not world.tables.works
    assert not world.tables.chunks


def test_a_later_version_of_the_same_object_is_another_object(world: World) -> None:
    first, second = (ObjectRef(bucket="uploads", key="talk.wav", etag=etag) for etag in ("1", "2"))
    for name, ref in (("one", first), ("two", second)):
        request = requested(name, of=work().model_copy(update={"audio": ref}))
        world.see(request.model_copy(update={"job": request.job.model_copy(update={"dropped": ref})}))
    (decode,) = only(DecodeRequested, world.report(CHANGED))
    assert decode.work.audio == second
    outputs = world.report(CHANGED, run=decode.run)
    assert states(outputs) == [("FAILURE", False)]
    assert not world.tables.works


def test_tables_rebuilt_after_a_new_run_hold_nothing_of_the_old_one(world: World) -> None:
    world.see(requested("one", of=work().model_copy(update={"audio": ObjectRef(bucket="uploads", key="one.wav")})))
    world.see(uploaded("two"))
    world.report(text(SPANS[0], "Wrong."))
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=CHANGED))
    deleted = [change.key for change in decision.changes if change.table == "chunks" and change.value is None]
    assert deleted == [f"{work().work_id}|{SPANS[0][0]}-{SPANS[0][1]}"]
