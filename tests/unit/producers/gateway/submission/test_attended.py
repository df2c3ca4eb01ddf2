"""When the job of a client that has disconnected is cancelled."""

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.waiting import Waiting
from producers.gateway.parts import Parts
from producers.gateway.submission import attended
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.view.job_view import JobView
from runtime.errors import Retry
from schemas.jobs import JobRequested, State
from tests.unit.processors.coordinator.test_decide import requested

REQUEST = cast(web.Request, None)


class World:
    """One job, whose state a test sets, and the cancellations that were requested."""

    def __init__(self) -> None:
        self.requested: JobRequested = requested()
        self.state: State = "STARTED"
        self.cancelled: list[JobView] = []
        settings = SimpleNamespace(response_wait_s=60.0)
        parts = SimpleNamespace(view=self, wakeups=None, resources=SimpleNamespace(settings=settings))
        self.attended = AttendedJobs(cast(Parts, parts), cast(Waiting, None), cast(Cancellations, self), cast(Origins, None))

    def get(self, _job_id: object) -> JobView:
        job, work = self.requested.job, self.requested.work
        return JobView(job, work.work_id, self.state, changed_at=job.submitted_at, model=work.model)

    async def request(self, job: JobView) -> None:
        self.cancelled.append(job)

    async def lose_a_client(self) -> None:
        """Returns when all that follows has been done."""
        others = asyncio.all_tasks()
        with pytest.raises(ConnectionResetError):
            await self.attended.while_connected(REQUEST, self.requested, _lost())
        await asyncio.gather(*(asyncio.all_tasks() - others))


async def _lost() -> None:
    raise ConnectionResetError


async def _forever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    async def connected(_request: web.Request, work: Awaitable[Any]) -> Any:
        return await work

    monkeypatch.setattr(attended, "RESUBMITTED_WITHIN_S", 0.0)
    monkeypatch.setattr(attended, "while_connected", connected)
    return World()


def test_the_job_of_a_client_that_is_gone_is_cancelled(world: World) -> None:
    asyncio.run(world.lose_a_client())
    assert [job.job_id for job in world.cancelled] == [world.requested.job.job_id]


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_a_job_that_has_ended_is_not_cancelled(world: World, state: State) -> None:
    world.state = state
    asyncio.run(world.lose_a_client())
    assert world.cancelled == []


def test_a_job_with_another_client_is_not_cancelled_before_that_is_gone_too(world: World) -> None:
    """Both have sent the same Idempotency-Key."""

    async def two_clients() -> None:
        other = asyncio.create_task(world.attended.while_connected(REQUEST, world.requested, _forever()))
        await asyncio.sleep(0)
        await world.lose_a_client()
        assert world.cancelled == []
        other.cancel()
        await asyncio.wait({other})
        await world.lose_a_client()

    asyncio.run(two_clients())
    assert len(world.cancelled) == 1


def test_a_cancellation_that_the_broker_does_not_take_is_no_error_of_anybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_job: JobView) -> None:
        raise Retry("the broker does not answer")

    monkeypatch.setattr(world, "request", unavailable)
    asyncio.run(world.lose_a_client())
    assert world.cancelled == []
