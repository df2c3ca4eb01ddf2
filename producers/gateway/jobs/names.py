"""The names that readers give to a job's file and to its speakers: one object in the work bucket, as long as the transcript.

Any gateway reads and replaces it. Of two changes at the same moment the later one is valid.
"""

import asyncio
from datetime import datetime

from aiohttp import web
from pydantic import ValidationError

from producers.gateway.documents.names import JobNames, Names
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.submission.json_body import read_model
from producers.gateway.view.job_view import JobView
from runtime.objects import NotFound, ObjectStore, keys

PATH = "/api/jobs/{task_id}/names"
BODY_PROBLEMS = (
    "bad_request",
    "bad_option",
    "unknown_field",
    "too_large",
    "too_slow",
    "unsupported_encoding",
    "disconnected",
    "store_full",
)


class GivenNames:
    """Everything blocks, and raises StoreUnavailable."""

    def __init__(self, objects: ObjectStore, work_bucket: str) -> None:
        self._objects = objects
        self._bucket = work_bucket

    def read(self, job: JobView) -> Names:
        """None given: they are empty."""
        try:
            return Names.model_validate_json(self._objects.get(self._bucket, _key(job)))
        except (NotFound, ValidationError):  # or written by another program
            return Names()

    def changed_at(self, job: JobView) -> datetime | None:
        try:
            return self._objects.head(self._bucket, _key(job)).modified_at
        except NotFound:
            return None

    def write(self, job: JobView, names: Names) -> None:
        self._objects.put(self._bucket, _key(job), names.model_dump_json().encode(), content_type="application/json")

    def delete(self, job: JobView) -> None:
        """Idempotent."""
        self._objects.delete(self._bucket, _key(job))


class NamesOfJobs:
    def __init__(self, lookup: JobLookup, given: GivenNames) -> None:
        self._lookup = lookup
        self._given = given

    def routes(self) -> list[Route]:
        shown = {200: JobNames}
        return [
            Route(
                "GET",
                PATH,
                self.show,
                "The names that readers gave to the file of a job and to its speakers",
                "transcripts",
                responses=shown,
                problems=("unknown_task",),
            ),
            Route(
                "PUT",
                PATH,
                self.replace,
                "Name the file of a job and its speakers",
                "transcripts",
                body=Names,
                responses=shown,
                problems=("unknown_task", *BODY_PROBLEMS),
                description="Replaces all earlier names. Transcripts as txt, srt and vtt have the names of speakers.",
            ),
        ]

    async def show(self, request: web.Request) -> web.Response:
        job = await self._lookup.find(request)
        return await asyncio.to_thread(self._response, job)

    async def replace(self, request: web.Request) -> web.Response:
        """The job may be deleted until its names are written: then they are deleted, too."""
        job = await self._lookup.find(request)
        names = await read_model(request, Names)
        await asyncio.to_thread(self._given.write, job, names)
        try:
            await self._lookup.find(request, is_fresh=True)
        except Problem:
            await asyncio.to_thread(self._given.delete, job)
            raise
        return await asyncio.to_thread(self._response, job)

    def _response(self, job: JobView) -> web.Response:
        names, changed_at = self._given.read(job).model_dump(), self._given.changed_at(job)
        return json_response({"success": True, "task_id": str(job.job_id), **names, "changed_at": changed_at})


def _key(job: JobView) -> str:
    return keys.names_key(job.work_id, job.job_id)
