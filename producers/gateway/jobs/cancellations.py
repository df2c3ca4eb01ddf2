"""Cancels jobs: a record on `cancellations`, which the coordinator acts on."""

import asyncio
import contextlib
from datetime import UTC, datetime

from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from schemas.jobs import CancelRequested
from schemas.topics import CANCELLATIONS


class Cancellations:
    def __init__(self, producer: AsyncProducer, view: View) -> None:
        self._producer = producer
        self._view = view

    async def request(self, job: JobView) -> None:
        """Returns once the broker has acknowledged it. Safe to repeat, and without effect on other jobs that wait for the same
        work. Raises Retry."""
        cancellation = CancelRequested(
            job_id=job.job_id, work_id=job.work_id, requested_at=datetime.now(UTC), trace=job.job.trace
        )
        await self._producer.send(Output(CANCELLATIONS, job.work_id, cancellation))
        with contextlib.suppress(ViewUnavailable):  # only a successor of the embedded broker would read it
            await asyncio.to_thread(self._view.cancel, cancellation)
