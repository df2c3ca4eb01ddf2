"""The lane in the records of jobs, and of second transcriptions: the one that the slicer has chosen for their work."""

import pytest

from schemas.jobs import JobChanged
from schemas.record import Lane
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, Topic
from schemas.work import ChunkReady, SliceOpened, WorkReported
from tests.unit.processors.coordinator.test_decide import INFO, World, closed, only, requested, text, work

OPENED = SliceOpened(audio_info=INFO, lane="interactive")


def lanes(outputs: list[object]) -> list[tuple[str, str | None]]:
    return [(job.state, job.lane) for job in only(JobChanged, outputs)]


def test_jobs_name_the_lane_of_their_work_whoever_began_it() -> None:
    world = World()
    world.see(requested("one"))
    assert lanes(world.report(OPENED)) == [("STARTED", "interactive")]
    assert lanes(world.see(requested("two"))[1]) == [("STARTED", "interactive")]
    assert lanes(world.report(closed(()).model_copy(update={"lane": "bulk"}))) == [("SUCCESS", "bulk")] * 2


def test_an_earlier_slicer_that_names_none_takes_none_back() -> None:
    world = World()
    world.see(requested())
    world.report(OPENED)
    assert lanes(world.report(closed(()))) == [("SUCCESS", "interactive")]


def test_an_answer_from_the_cache_needed_none() -> None:
    world = World()
    world.see(requested("one"))
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed(())))
    assert lanes(world.see(requested("two"), finished=decision.transcript)[1]) == [("SUCCESS", None)]


@pytest.mark.parametrize(
    ("chosen", "requested_lane", "topic"),
    [
        ("interactive", None, CHUNKS_INTERACTIVE),
        ("bulk", None, CHUNKS_BULK),
        (None, "interactive", CHUNKS_INTERACTIVE),
        (None, None, CHUNKS_BULK),
    ],
)
def test_a_second_transcription_takes_the_lane_that_was_chosen(
    chosen: Lane | None, requested_lane: Lane | None, topic: Topic
) -> None:
    world = World()
    request = requested()
    job = request.job.model_copy(update={"lane": requested_lane})
    world.see(request.model_copy(update={"job": job}))
    spans = ((0, 16_000), (20_000, 36_000), (40_000, 56_000))
    world.report(closed(spans).model_copy(update={"lane": chosen}))
    world.report(text(spans[0], "Hello."))
    world.report(text(spans[1], "Um.", language="pt", sure=0.4))
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=text(spans[2], "World.")))
    (again,) = [output for output in decision.outputs if isinstance(output.value, ChunkReady)]
    assert again.topic == topic
    assert isinstance(again.value, ChunkReady)
    assert again.value.lane == ("interactive" if topic == CHUNKS_INTERACTIVE else "bulk")
