"""Finds the job that a request names."""

from uuid import UUID

from aiohttp import web

from producers.gateway.access.caller import Caller, caller_of
from producers.gateway.http.problems import Problem
from producers.gateway.view.feed import Freshness
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View


class JobLookup:
    def __init__(self, view: View, freshness: Freshness) -> None:
        self._view = view
        self._freshness = freshness

    async def find(self, request: web.Request, *, is_fresh: bool = False) -> JobView:
        """`is_fresh`: as of this call, whichever gateway changed it. Raises Problem 404 only when every gateway would, or for a
        job that the caller may not see; Retry while this one's view is not up to date."""
        text = request.match_info["task_id"]
        try:
            job_id = UUID(text)
        except ValueError:
            raise Problem(404, "unknown_task", "A task_id is a UUID.") from None
        caller = caller_of(request)
        job = None if is_fresh else self._visible(job_id, caller)
        if job is None:
            await self._freshness.reached()
            job = self._visible(job_id, caller)
        if job is None:
            raise Problem(404, "unknown_task", f"There is no task {job_id}.")
        return job

    def _visible(self, job_id: UUID, caller: Caller) -> JobView | None:
        job = self._view.get(job_id)
        return job if job is not None and caller.may_see(job.job.owner) else None
