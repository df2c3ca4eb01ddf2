"""Jobs whose client waits on its connection for the end: those of `/v1`, `/asr` and `/detect-language`.

Nobody fetches the result of such a job once the connection is lost, so it is cancelled then; not at once, since clients that have
lost a connection submit the same again, and that continues the same work.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.http.presence import while_connected
from producers.gateway.http.problems import REASONS, Problem
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.status import status_url
from producers.gateway.jobs.waiting import Waiting
from producers.gateway.parts import Parts
from producers.gateway.view.job_view import JobView
from runtime.errors import MurmurError, Retry
from runtime.logs import get_logger
from schemas.jobs import JobRequested

log = get_logger(__name__)
RESUBMITTED_WITHIN_S = 10.0  # the official OpenAI client waits 8 s at most between two attempts
DECODER_REASONS = frozenset({"too_slow", "too_much_memory", "crashes_decoder", "too_large"})
PROBLEMS = ("undecodable", "unknown_track", "job_failed", "job_cancelled", "still_running")  # of a job that is waited for
T = TypeVar("T")


class AttendedJobs:
    def __init__(self, parts: Parts, waiting: Waiting, cancellations: Cancellations, origins: Origins) -> None:
        self._view = parts.view
        self._wakeups = parts.wakeups
        self._wait_s = parts.resources.settings.response_wait_s
        self._waiting = waiting
        self._cancellations = cancellations
        self._origins = origins
        self._clients: Counter[UUID] = Counter()  # of each job, here
        self._abandoned: set[asyncio.Task[None]] = set()

    async def while_connected(self, request: web.Request, requested: JobRequested, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. If the client disconnects before, `work` is stopped, the job is cancelled a little later, and
        ConnectionResetError raised. A gateway that stops leaves the job as it is."""
        job_id = requested.job.job_id
        self._clients[job_id] += 1
        try:
            return await while_connected(request, work)
        except ConnectionError:
            self._abandon(requested)
            raise
        finally:
            self._clients[job_id] -= 1
            if not self._clients[job_id]:
                del self._clients[job_id]

    async def ended(self, request: web.Request, requested: JobRequested) -> JobView:
        """The job after its SUCCESS. Raises Problem for any other end, and for none within the limit; Retry when the gateway
        stops."""
        job = await self._waiting.job(self.job(requested), self._wait_s, until="ended")
        if job.state == "SUCCESS":
            return job
        of_job: dict[str, Any] = {"task_id": str(job.job_id), "state": job.state}
        if job.state == "FAILURE":
            raise _failed(job, of_job)
        if job.state == "REVOKED":
            raise Problem(409, "job_cancelled", "The job was cancelled by another request.", **of_job)
        if self._wakeups.closed:
            raise Retry("this gateway stops; the job goes on, and the same request continues it at another gateway")
        where = self._origins.prefix(request) + status_url(job.job_id)
        detail = f"The job has not ended within {self._wait_s:g} s. It goes on: see {where}, or send the same request again."
        raise Problem(504, "still_running", detail, status_url=where, **of_job)

    def job(self, requested: JobRequested) -> JobView:
        """As it is now."""
        job, work = requested.job, requested.work
        known = self._view.get(job.job_id)
        return known or JobView(job, work.work_id, "PENDING", changed_at=job.submitted_at, model=work.model)

    def _abandon(self, requested: JobRequested) -> None:
        cancelling = asyncio.create_task(self._cancel_later(requested))
        self._abandoned.add(cancelling)
        cancelling.add_done_callback(self._abandoned.discard)

    async def _cancel_later(self, requested: JobRequested) -> None:
        """Unless the same job has another client by then, which repeated its Idempotency-Key."""
        await asyncio.sleep(RESUBMITTED_WITHIN_S)
        job = self.job(requested)
        if job.ended or job.job_id in self._clients:
            return
        log.info("job.abandoned", job_id=str(job.job_id), work_id=job.work_id)
        try:
            await self._cancellations.request(job)
        except MurmurError as error:
            log.warning("job.not_cancelled", job_id=str(job.job_id), work_id=job.work_id, error=error)


def _failed(job: JobView, of_job: dict[str, Any]) -> Problem:
    error = job.error
    if error is None:
        return Problem(500, "job_failed", "The job failed.", **of_job)
    if error.reason in DECODER_REASONS:
        return Problem(422, "undecodable", f"The file cannot be decoded: {error.message}.", **of_job)
    if (status := REASONS.get(error.reason, 500)) in (400, 422):
        return Problem(status, error.reason, f"The file cannot be transcribed: {error.message}.", **of_job)
    return Problem(500, "job_failed", f"The job failed ({error.reason}): {error.message}.", **of_job)
