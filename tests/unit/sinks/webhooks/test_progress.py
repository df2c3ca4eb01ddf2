"""Which jobs run, how far they are, and when a webhook says so."""

from typing import Any
from uuid import UUID

import pytest

from schemas.jobs import JobChanged, State
from schemas.webhooks import WebhookDelivery
from schemas.work import WorkProgressed
from sinks.webhooks.progress import PAUSE_S, Progressed, RunningJobs
from tests.ended import WORK_ID, ended
from tests.unit.sinks.webhooks.scene import NOW, delivery

BEGAN_S = NOW.timestamp()


class Scene:
    """One work, and what is said of it. Events are so far apart that each may be followed by another."""

    def __init__(self) -> None:
        self.jobs = RunningJobs()
        self.at_s = BEGAN_S

    def change(self, number: int = 1, state: State = "STARTED", **more: Any) -> None:
        self.jobs.changed(job(number, state, **more), partition=3)

    def event(self, share: float, after_s: float = PAUSE_S, run: str = "0-1") -> list[Progressed]:
        self.at_s += after_s
        found = WorkProgressed(work_id=WORK_ID, run=run, span=(0, 1), share=share, segments=())
        return self.jobs.progressed(found, self.at_s)

    def percents(self, *shares: float, **more: Any) -> list[int]:
        return [each.percent for share in shares for each in self.event(share, **more)]


def job(number: int = 1, state: State = "STARTED", **more: Any) -> JobChanged:
    return ended(None, number, state, at=NOW, **more)


def waiting(fraction: float, number: int = 1) -> WebhookDelivery:
    return delivery(number, job=job(number), type="transcription.progress", progress={"fraction": fraction})


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.change()
    return scene


def test_an_event_has_the_figures_of_the_status(scene: Scene) -> None:
    scene.change(duration_s=200.0)
    (first,) = scene.event(0.1)
    assert (first.job, first.partition, first.percent, first.at.timestamp()) == (job(duration_s=200.0), 3, 10, scene.at_s)
    assert first.progress.model_dump() == {"fraction": 0.1, "processed_s": 20.0, "total_s": 200.0, "eta_s": None}
    (second,) = scene.event(0.35, after_s=50.0)
    assert (second.percent, second.progress.eta_s) == (35, 130.0)  # a quarter in 50 s


def test_without_a_known_length_there_are_no_seconds(scene: Scene) -> None:
    (event,) = scene.event(0.5)
    assert (event.progress.processed_s, event.progress.total_s) == (None, None)


def test_there_is_an_event_for_each_step_of_five_percent_at_most(scene: Scene) -> None:
    assert scene.percents(0.01, 0.049, 0.05, 0.07, 0.0999, 0.15, 0.151, 0.4, 0.449, 0.45) == [5, 15, 40, 45]


def test_and_none_within_the_pause_after_the_one_before(scene: Scene) -> None:
    assert scene.percents(0.1, 0.2, 0.3, 0.4, 0.5, after_s=PAUSE_S / 2) == [10, 30, 50]


def test_a_job_of_which_all_is_done_has_its_end_instead(scene: Scene) -> None:
    assert scene.percents(0.95, 1.0) == [95]


def test_every_job_that_waits_for_the_work_has_its_events(scene: Scene) -> None:
    scene.event(0.1)
    scene.change(2)
    assert [(each.job.job.job_id.int, each.percent) for each in scene.event(0.2)] == [(1, 20), (2, 20)]


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_a_job_that_has_ended_has_no_more(scene: Scene, state: State) -> None:
    scene.change(state=state)
    assert scene.event(0.1) == []


def test_nor_has_one_that_was_deleted_or_has_not_started(scene: Scene) -> None:
    scene.jobs.deleted(str(UUID(int=1)))
    scene.change(2, "PENDING")
    assert scene.event(0.1) == []


def test_a_new_run_of_the_work_says_nothing_until_it_is_further_than_the_one_before(scene: Scene) -> None:
    assert scene.percents(0.5) == [50]
    assert scene.percents(0.1, 0.3, 0.6, run="0-2") == [60]


def test_what_waits_is_superseded_by_a_later_event_and_by_the_end(scene: Scene) -> None:
    scene.event(0.5)
    assert [scene.jobs.is_superseded(waiting(fraction)) for fraction in (0.3, 0.5, 0.53)] == [True, False, False]
    scene.change(state="SUCCESS")
    assert scene.jobs.is_superseded(waiting(0.5))


def test_of_a_job_that_is_not_known_nothing_is_superseded(scene: Scene) -> None:
    assert not scene.jobs.is_superseded(waiting(0.5, number=7))
    assert not scene.jobs.is_superseded(delivery())
