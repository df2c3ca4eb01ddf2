"""Requests on their way into the view: brought by its feed, after the broker has them, and never lost."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from producers.gateway.submission.acceptances import Acceptances
from producers.gateway.submission.admission import Admission
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.feed import Wakeups
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.settings import Settings
from schemas.jobs import JobRequested
from tests.unit.producers.gateway.timed_jobs import job, requested

REQUESTED = requested(job(1))
JOB_ID = REQUESTED.job.job_id
NEVER_S, AT_ONCE_S = 3600.0, 0.0


class Acknowledging(AsyncProducer):
    """A broker that acknowledges everything. `sending`: called before that, `acknowledged`: soon after it."""

    def __init__(self) -> None:
        super().__init__(Kafka("127.0.0.1:1"), "test", "test")
        self.sent: list[Output] = []
        self.sending: Callable[[], None] = lambda: None
        self.acknowledged: Callable[[], None] = lambda: None

    async def send(self, output: Output) -> None:
        self.sent.append(output)
        self.sending()
        asyncio.get_running_loop().call_soon(self.acknowledged)


class Scene:
    """In an event loop. `feed_s`: how long the feed may take."""

    def __init__(self, view: View, feed_s: float) -> None:
        self.view = view
        self.producer = Acknowledging()
        self.wakeups = Wakeups(asyncio.get_running_loop())
        admission = Admission(Settings(), view.estimates)
        self.acceptances = Acceptances(self.producer, view, self.wakeups, admission, feed_s)

    def feed(self, *requests: JobRequested) -> None:
        for each in requests:
            self.view.accept(each)
        self.wakeups.notify({str(each.job.job_id) for each in requests})


class Watched(View):
    """`accepted`: what was written into it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.accepted: list[JobRequested] = []

    def accept(self, requested: JobRequested) -> None:
        self.accepted.append(requested)
        super().accept(requested)


@pytest.fixture
def view(tmp_path: Path) -> Watched:
    view = Watched(tmp_path / "view.sqlite3")
    view.open()
    return view


def played(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 30))


def test_a_request_is_accepted_when_the_feed_has_brought_it_which_writes_it_once(view: Watched) -> None:
    async def scene() -> None:
        stage = Scene(view, NEVER_S)
        other = asyncio.create_task(stage.acceptances.accept(requested(job(2))))
        await asyncio.sleep(0)  # sent
        stage.producer.acknowledged = lambda: stage.feed(REQUESTED)
        await stage.acceptances.accept(REQUESTED)
        assert not other.done(), "the feed has brought another request"
        assert view.accepted == [REQUESTED]
        other.cancel()

    played(scene())


def test_the_feed_may_be_quicker_than_the_acknowledgement(view: Watched) -> None:
    async def scene() -> None:
        stage = Scene(view, NEVER_S)
        stage.producer.sending = lambda: stage.feed(REQUESTED)
        await stage.acceptances.accept(REQUESTED)
        assert view.accepted == [REQUESTED]

    played(scene())


def test_while_the_feed_is_behind_a_request_is_written_by_itself_and_can_be_read(view: Watched) -> None:
    async def scene() -> None:
        stage = Scene(view, AT_ONCE_S)
        await stage.acceptances.accept(REQUESTED)
        assert len(stage.producer.sent) == 1
        assert view.get(JOB_ID) is not None

    played(scene())


def test_a_gateway_that_stops_waits_for_no_feed(view: Watched) -> None:
    async def scene() -> None:
        stage = Scene(view, NEVER_S)
        stage.producer.acknowledged = stage.wakeups.close
        await stage.acceptances.accept(REQUESTED)

    played(scene())


def test_a_view_that_cannot_be_written_does_not_fail_what_the_broker_has(tmp_path: Path) -> None:
    class Away(View):
        def accept(self, requested: JobRequested) -> None:
            raise ViewUnavailable("the disk is full")

    async def scene() -> None:
        stage = Scene(Away(tmp_path / "view.sqlite3"), AT_ONCE_S)
        await stage.acceptances.accept(REQUESTED)
        assert len(stage.producer.sent) == 1

    played(scene())
