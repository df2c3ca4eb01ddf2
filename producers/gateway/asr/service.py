"""`/asr`: a job, and a response that waits for its end."""

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel

from producers.gateway.asr import results
from producers.gateway.asr.pcm import IncomingPcm
from producers.gateway.asr.query import AsrQuery, DetectQuery
from producers.gateway.http.routes import Body, Response, Route, query_of
from producers.gateway.jobs.status import Documents
from producers.gateway.submission.attended import PROBLEMS as OF_A_JOB
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.submission.form import Form
from producers.gateway.submission.submit import Door, Submissions
from producers.gateway.submission.transcribe import FORM_PROBLEMS
from producers.gateway.submission.upload import Incoming
from schemas.jobs import JobRequested

TAG = "whisper-asr-webservice"
FILE = "audio_file"
PROBLEMS = (*(reason for reason in FORM_PROBLEMS if reason not in ("unknown_field", "no_webhook_secret")), *OF_A_JOB)


class NoFields(BaseModel):
    """A form with a file alone; other fields are ignored."""


FORM = Body(NoFields, "multipart/form-data", files=(FILE,), required=(FILE,))


class AsrDoor(Door):
    """Options are in the path, and the file has another name."""

    file_field = FILE

    def __init__(self, query: DetectQuery, options: Mapping[str, str]) -> None:
        self.incoming: type[Incoming] = IncomingPcm if query.is_pcm else Incoming
        self._options = options

    def fields(self, form: Form) -> Mapping[str, str]:
        return self._options


class Asr:
    def __init__(self, submissions: Submissions, attended: AttendedJobs, documents: Documents) -> None:
        self._submissions = submissions
        self._attended = attended
        self._documents = documents

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/asr",
                self.transcribe,
                "Transcribe a file and wait for its text",
                TAG,
                query=AsrQuery,
                body=FORM,
                responses={200: Response("The transcript in the format of `output`", media_types=("text/plain",))},
                problems=PROBLEMS,
                submits=True,
                waits=True,
            )
        ]

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, AsrQuery)
        requested = (await self._submissions.take(request, AsrDoor(query, query.submission()))).requested
        return await self._attended.while_connected(request, requested, self._whole(request, requested, query))

    async def _whole(self, request: web.Request, requested: JobRequested, query: AsrQuery) -> web.StreamResponse:
        job = await self._attended.ended(request, requested)
        transcript = await self._documents.transcript(job)
        output = query.output or "txt"
        body = await asyncio.to_thread(results.write, transcript, output, self._documents.rules)
        name = quote(f"{requested.job.filename}.{output}")
        headers = {"Cache-Control": "no-store", "Asr-Engine": "murmur", "Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=body, content_type="text/plain", charset="utf-8", headers=headers)  # the service's, of json too
