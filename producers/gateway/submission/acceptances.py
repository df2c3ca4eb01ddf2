"""What makes a job of a request: admitted, acknowledged by the broker, and then readable in this gateway's view.

The feed brings a request into the view, with all others of that moment. While it is behind, a request is written on its own.
"""

import asyncio
import contextlib

from producers.gateway.submission.admission import Admission
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.feed import Wakeups
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from schemas.jobs import JobRequested
from schemas.topics import REQUESTS

READ_WITHIN_S = 0.5  # by the feed, which takes milliseconds


class Acceptances:
    """For one event loop."""

    def __init__(
        self, producer: AsyncProducer, view: View, wakeups: Wakeups, admission: Admission, read_within_s: float = READ_WITHIN_S
    ) -> None:
        self.admission = admission
        self._producer = producer
        self._view = view
        self._wakeups = wakeups
        self._read_within_s = read_within_s

    async def accept(self, requested: JobRequested) -> None:
        """Returns once the broker has the request and the job can be read. While the view cannot be written it is not read before
        the feed brings it. Raises Problem 429 or 503 when too much is queued, Unacknowledged and Retry."""
        self.admission.check_work(requested)
        with self._wakeups.listen(str(requested.job.job_id)) as read:
            await self._producer.send(Output(REQUESTS, requested.work.work_id, requested))
            try:
                async with asyncio.timeout(self._read_within_s):
                    await read.wait()
            except TimeoutError:
                await asyncio.to_thread(self._put, requested)

    def _put(self, requested: JobRequested) -> None:
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings it then
            self._view.accept(requested)
