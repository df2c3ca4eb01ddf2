"""`/v1/audio/transcriptions` and `/v1/audio/translations`: a job, and a response that waits for its end."""

import asyncio
from collections.abc import Mapping, Sequence

from aiohttp import web

from producers.gateway.documents.openai import (
    Transcribed,
    Translated,
)
from producers.gateway.http.routes import Body, Handler, Response, Route
from producers.gateway.jobs.status import Documents
from producers.gateway.openai import results
from producers.gateway.openai.envelope import ERRORS, PREFIX, REQUEST_ID
from producers.gateway.openai.fields import AudioFields, TranscriptionFields, TranslationFields, also, parse
from producers.gateway.openai.models import find
from producers.gateway.openai.streams import TextStreams
from producers.gateway.submission.attended import PROBLEMS as OF_A_JOB
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.submission.form import Form
from producers.gateway.submission.submit import Door, Submissions
from producers.gateway.submission.transcribe import FORM_PROBLEMS
from runtime.models.catalogue import Model
from schemas.jobs import JobRequested

TAG = "OpenAI"
NEVER = ("unknown_field", "unknown_model")  # of a submission's problems


class AudioDoor(Door):
    """Of one request. `parsed`: what `fields()` has read."""

    def __init__(self, model: type[AudioFields], served: Sequence[Model]) -> None:
        self._model = model
        self._served = served
        self.parsed: AudioFields

    def fields(self, form: Form) -> Mapping[str, str]:
        self.parsed = parse(self._model, form.fields, form.lists)
        return {**also(form.fields), **self.parsed.submission(), "model": find(self.parsed.model, self._served).ref.name}


class OpenAiAudio:
    def __init__(
        self,
        served: Sequence[Model],
        submissions: Submissions,
        attended: AttendedJobs,
        documents: Documents,
        streams: TextStreams,
    ) -> None:
        self._served = served
        self._submissions = submissions
        self._attended = attended
        self._documents = documents
        self._streams = streams

    def routes(self) -> list[Route]:
        media_types = ("application/json", "text/plain")
        transcription = Response("The transcription", Transcribed, (*media_types, "text/event-stream"))
        translation = Response("The translation", Translated, media_types)
        return [
            _route("transcriptions", self.transcribe, TranscriptionFields, transcription),
            _route("translations", self.translate, TranslationFields, translation),
        ]

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        return await self._respond(request, AudioDoor(TranscriptionFields, self._served))

    async def translate(self, request: web.Request) -> web.StreamResponse:
        return await self._respond(request, AudioDoor(TranslationFields, self._served))

    async def _respond(self, request: web.Request, door: AudioDoor) -> web.StreamResponse:
        requested = (await self._submissions.take(request, door)).requested
        fields = door.parsed
        if isinstance(fields, TranscriptionFields) and fields.stream:
            stream = self._streams.stream(request, requested, fields.response_format)
            return await self._attended.while_connected(request, requested, stream)
        return await self._attended.while_connected(request, requested, self._whole(request, requested, fields))

    async def _whole(self, request: web.Request, requested: JobRequested, fields: AudioFields) -> web.StreamResponse:
        job = await self._attended.ended(request, requested)
        transcript = await self._documents.transcript(job)
        body, media_type = await asyncio.to_thread(results.write, transcript, fields, self._documents.rules)
        headers = {"Cache-Control": "no-store", REQUEST_ID: str(job.job_id)}
        return web.Response(body=body, content_type=media_type, charset="utf-8", headers=headers)


def _route(name: str, handler: Handler, fields: type[AudioFields], response: Response) -> Route:
    return Route(
        "POST",
        f"{PREFIX}/audio/{name}",
        handler,
        f"{response.description} of a file, when it is done",
        TAG,
        body=Body(fields, "multipart/form-data", files=("file",), required=("file",)),
        responses={200: response},
        problems=(*(reason for reason in FORM_PROBLEMS if reason not in NEVER), "model_not_found", *OF_A_JOB),
        submits=True,
        waits=True,
        errors=ERRORS,
    )
