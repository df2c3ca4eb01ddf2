"""Requests on their way into the view: together, after the broker has them, and never lost."""

import asyncio
import threading
from pathlib import Path

from producers.gateway.submission.acceptances import Acceptances
from producers.gateway.submission.admission import Admission
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.settings import Settings
from schemas.jobs import JobRequested
from tests.unit.producers.gateway.timed_jobs import job, requested


class Acknowledging(AsyncProducer):
    """A broker that acknowledges everything. `sent_all`: as many records as are expected."""

    def __init__(self, expected: int = 1) -> None:
        super().__init__(Kafka("127.0.0.1:1"), "test", "test")
        self.sent: list[Output] = []
        self.sent_all = asyncio.Event()
        self._expected = expected

    async def send(self, output: Output) -> None:
        self.sent.append(output)
        if len(self.sent) == self._expected:
            self.sent_all.set()


class Slow(View):
    """A view that writes when it may. `written`: how many requests came together."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may_write = threading.Event()
        self.written: list[int] = []

    def accept(self, *requests: JobRequested) -> None:
        self.may_write.wait()
        self.written.append(len(requests))
        super().accept(*requests)


def acceptances(view: View, producer: AsyncProducer) -> Acceptances:
    return Acceptances(producer, view, Admission(Settings(), view.estimates))


def test_requests_that_come_while_others_are_written_are_written_together(tmp_path: Path) -> None:
    async def scene() -> None:
        view, producer = Slow(tmp_path / "view.sqlite3"), Acknowledging(expected=50)
        view.open()
        accepting = acceptances(view, producer)
        requests = [requested(job(number)) for number in range(1, 51)]
        tasks = [asyncio.create_task(accepting.accept(request)) for request in requests]
        await producer.sent_all.wait()
        view.may_write.set()
        await asyncio.gather(*tasks)
        assert sum(view.written) == len(requests)
        assert len(view.written) <= 3
        assert all(view.get(request.job.job_id) is not None for request in requests)
        view.close()

    asyncio.run(scene())


def test_a_view_that_cannot_be_written_does_not_fail_what_the_broker_has(tmp_path: Path) -> None:
    class Away(View):
        def accept(self, *requests: JobRequested) -> None:
            raise ViewUnavailable("the disk is full")

    producer = Acknowledging()
    asyncio.run(acceptances(Away(tmp_path / "view.sqlite3"), producer).accept(requested(job(1))))
    assert len(producer.sent) == 1
