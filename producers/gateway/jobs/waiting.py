"""Waits for a job: until it or its progress changes, or until it has ended. A waiting client costs one event of the loop."""

import asyncio
import contextlib
from typing import Literal

from pydantic import Field

from producers.gateway.http.routes import Query
from producers.gateway.view.feed import Wakeups
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime import metrics

WAIT_MAX_S = 60.0  # proxies between here and a client may end a request that is answered later
Until = Literal["change", "ended"]


class StatusQuery(Query):
    wait: float = Field(
        0.0, ge=0, allow_inf_nan=False, description=f"seconds to wait, at most {WAIT_MAX_S:.0f} of them; 0: answer at once"
    )
    until: Until = Field(
        "change", description="what to wait for: the next change of state or progress, or only the end of the job"
    )
    segments: bool = Field(True, description="false: without the segments so far; the result has its own")


class Waiting:
    def __init__(self, view: View, wakeups: Wakeups) -> None:
        self._view = view
        self._wakeups = wakeups

    async def job(self, job: JobView, wait_s: float, until: Until = "change") -> JobView:
        """The job as it is then. `change`: of its state or progress, after `job` was read. Returns at once when it has ended, and
        when the gateway stops. Raises ViewUnavailable."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._awaited(job, until), wait_s)
        return self._view.get(job.job_id) or job

    async def _awaited(self, job: JobView, until: Until) -> JobView:
        seen = self._version(job)
        following = metrics.FOLLOWING.labels("status").track_inprogress()
        with self._wakeups.listen(str(job.job_id), job.work_id) as changed, following:
            while True:
                changed.clear()
                job = self._view.get(job.job_id) or job
                if job.ended or self._wakeups.closed or (until == "change" and self._version(job) != seen):
                    return job
                await changed.wait()

    def _version(self, job: JobView) -> object:
        return job.state, self._view.progress.of(job.work_id).version
