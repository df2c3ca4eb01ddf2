"""The lane in the records of jobs: the one that the slicer has chosen for their work."""

from schemas.jobs import JobChanged
from schemas.work import SliceOpened, WorkReported
from tests.unit.processors.coordinator.test_decide import INFO, World, closed, only, requested, work

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
