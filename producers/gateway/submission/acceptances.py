"""What makes a job of a request: admitted, acknowledged by the broker, and then readable in this gateway's view.

Requests go into the view many in one transaction: those that come while one is written are written together.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from producers.gateway.submission.admission import Admission
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from schemas.jobs import JobRequested
from schemas.topics import REQUESTS

TOGETHER_MAX = 200  # in one transaction, for which the feed has to wait


class Acceptances:
    """For one event loop."""

    def __init__(self, producer: AsyncProducer, view: View, admission: Admission) -> None:
        self.admission = admission
        self._producer = producer
        self._view = view
        self._waiting: list[tuple[JobRequested, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def accept(self, requested: JobRequested) -> None:
        """Returns once the broker has the request and the job can be read. While the view cannot be written it is not read before
        the feed brings it. Raises Problem 429 or 503 when too much is queued, Unacknowledged and Retry."""
        self.admission.check_work(requested)
        await self._producer.send(Output(REQUESTS, requested.work.work_id, requested))
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((requested, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            try:
                await asyncio.to_thread(self._put, [requested for requested, _ in batch])
            finally:
                for _, written in batch:
                    if not written.done():  # its request may have been cancelled
                        written.set_result(None)

    def _put(self, requests: Sequence[JobRequested]) -> None:
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings them then
            self._view.accept(*requests)
