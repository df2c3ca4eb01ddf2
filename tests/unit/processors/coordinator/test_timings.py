"""Where the time of a work went, in its transcript: from the closing record, its chunks and its jobs."""

from datetime import datetime, timedelta

import pytest

from schemas.jobs import JobChanged, JobRequested
from schemas.record import Failure
from schemas.transcript import Transcript
from schemas.work import SliceOpened, WorkFailed, WorkReported
from tests.unit.processors.coordinator.test_decide import INFO, NOW, SPANS, World, cancel, closed, only, requested, text, work

CLOSED = closed().model_copy(update={"decode_s": 0.25, "vad_s": 0.125, "decoder_peak_memory_bytes": 70_000_000})


def finished(world: World) -> Transcript:
    world.report(text(SPANS[0], "Hello."))
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=text(SPANS[1], "World.")))
    assert decision.transcript is not None
    return decision.transcript


def test_the_transcript_has_the_times_of_every_stage() -> None:
    world = World()
    world.see(requested())
    world.report(SliceOpened(audio_info=INFO))  # a second after the request
    world.report(CLOSED)
    timings = finished(world).timings  # with its last chunk, 3 s later
    assert timings is not None
    assert (timings.decode_s, timings.vad_s, timings.decoder_peak_memory_bytes) == (0.25, 0.125, 70_000_000)
    assert (timings.queue_s, timings.total_s) == (1.0, 4.0)
    assert timings.inference_s == pytest.approx(0.2)
    assert timings.real_time_factor == pytest.approx(3.0 / 4.0)


def test_the_wait_is_that_of_the_job_that_started_the_work() -> None:
    world = World()
    world.see(requested())
    world.see(requested("two"))
    world.report(CLOSED)
    timings = finished(world).timings
    assert timings is not None
    assert timings.queue_s == 2.0


def test_without_that_job_it_is_the_wait_of_the_first_that_is_left() -> None:
    world = World()
    world.see(requested())
    late = requested("two")
    world.see(late.model_copy(update={"job": late.job.model_copy(update={"submitted_at": NOW + timedelta(seconds=1)})}))
    world.see(cancel())
    world.report(CLOSED)  # 3 s after the first request, 2 s after the second
    timings = finished(world).timings
    assert timings is not None
    assert timings.queue_s == 2.0


def submitted(name: str, at: datetime) -> JobRequested:
    request = requested(name)
    return request.model_copy(update={"job": request.job.model_copy(update={"submitted_at": at})})


def test_a_job_that_joins_running_work_starts_when_it_is_submitted() -> None:
    world = World()
    world.see(requested())
    world.report(CLOSED)  # the work starts at NOW + 1 s
    late = NOW + timedelta(seconds=2)
    records = only(JobChanged, world.see(submitted("two", late))[1])
    world.see(submitted("three", late))
    records += only(JobChanged, world.see(cancel("three"))[1])
    world.report(text(SPANS[0], "Hello."))
    ended = only(JobChanged, world.report(text(SPANS[1], "World.")))
    assert {(job.job.job_id == ended[0].job.job_id, job.started_at) for job in ended} == {
        (True, NOW + timedelta(seconds=1)),
        (False, late),
    }
    assert [(job.state, job.started_at) for job in records] == [("STARTED", late), ("REVOKED", late)]


def test_a_job_that_joins_work_in_the_queue_or_is_cancelled_there_has_not_started() -> None:
    world = World()
    world.see(requested())
    assert only(JobChanged, world.see(requested("two"))[1]) == []
    assert [job.started_at for job in only(JobChanged, world.see(cancel("two"))[1])] == [None]


def test_no_job_starts_before_it_is_submitted_although_the_clocks_differ() -> None:
    world = World()
    later = NOW + timedelta(minutes=1)
    world.see(submitted("one", later))
    started = only(JobChanged, world.report(CLOSED))
    world.report(text(SPANS[0], "Hello."))
    decision, outputs = world.see(WorkReported(work_id=work().work_id, run="0-0", event=text(SPANS[1], "World.")))
    cached = only(JobChanged, world.see(submitted("two", later), decision.transcript)[1])
    assert [job.started_at for job in (*started, *only(JobChanged, outputs), *cached)] == [later] * 3


def test_clocks_that_differ_make_no_negative_times() -> None:
    world = World()
    world.see(requested())
    world.now -= timedelta(seconds=60)
    world.report(CLOSED)
    timings = finished(world).timings
    assert timings is not None
    assert (timings.queue_s, timings.total_s) == (0.0, 0.0)


def test_a_closing_record_of_an_earlier_version_has_no_times() -> None:
    world = World()
    world.see(requested())
    world.report(closed())
    timings = finished(world).timings
    assert timings is not None
    assert (timings.decode_s, timings.vad_s, timings.decoder_peak_memory_bytes) == (None, None, None)


def test_a_job_that_fails_after_its_file_was_opened_has_the_declared_length() -> None:
    world = World()
    world.see(requested())
    world.report(SliceOpened(audio_info=INFO.model_copy(update={"duration_s": 0.0})))
    outputs = world.report(WorkFailed(failure=Failure(reason="too_slow", message="given up")))
    assert [(job.state, job.duration_s) for job in only(JobChanged, outputs)] == [("FAILURE", 4.0)]
