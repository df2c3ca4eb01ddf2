"""What can be downloaded of a job: its transcript in every format."""

import asyncio

from aiohttp import web

from producers.gateway.documents.jobs import TranscriptFile
from producers.gateway.http.filenames import content_disposition, title_with_ending, with_ending
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import content_etag
from producers.gateway.http.routes import Response, Route
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.jobs.names import GivenNames
from producers.gateway.jobs.speakers import with_speakers
from producers.gateway.jobs.status import PREFIX, Documents, message
from runtime.formats import BY_ENDING, FORMATS, Format
from runtime.subtitles import SubtitleRules
from schemas.transcript import Transcript

WITH_SPEAKERS = ("txt", "srt", "vtt")  # the formats that people read
CONDITIONS = ("Range", "If-Range", "If-None-Match")
FIELDS = ("Accept-Ranges", "ETag", "Content-Disposition")


class Downloads:
    def __init__(self, lookup: JobLookup, documents: Documents, names: GivenNames) -> None:
        self._lookup = lookup
        self._documents = documents
        self._names = names

    def routes(self) -> list[Route]:
        media_types = tuple(dict.fromkeys(each.content_type for each in FORMATS.values()))
        return [
            Route(
                "GET",
                f"{PREFIX}/{{task_id}}/transcript.{{format}}",
                self.transcript,
                "The transcript as a file",
                "transcripts",
                accepts=CONDITIONS,
                responses={
                    200: Response("The transcript in the format of the path", TranscriptFile, media_types, FIELDS),
                    206: Response("The range of bytes", None, media_types, (*FIELDS, "Content-Range")),
                    304: Response("The client has it already", media_types=(), headers=("ETag",)),
                },
                problems=(
                    "unknown_format",
                    "unknown_task",
                    "no_transcript",
                    "gone",
                    "damaged",
                    "bad_range",
                    "precondition_failed",
                ),
            )
        ]

    async def transcript(self, request: web.Request) -> web.Response:
        ending = request.match_info["format"]
        form = BY_ENDING.get(ending)
        if form is None:
            raise Problem(404, "unknown_format", f"The format {ending[:20]!r} is unknown.", formats=list(BY_ENDING))
        job = await self._lookup.find(request)
        if job.state != "SUCCESS":
            after_s = None if job.ended else 1.0
            raise Problem(409, "no_transcript", f"There is no transcript: {message(job, 0.0)}.", after_s=after_s, state=job.state)
        transcript = await self._documents.transcript(job)
        names = await asyncio.to_thread(self._names.read, job)
        if ending in WITH_SPEAKERS:
            transcript = await asyncio.to_thread(with_speakers, transcript, names.speakers)
        name = title_with_ending(names.filename, ending) if names.filename else with_ending(job.filename, ending)
        body, etag = await asyncio.to_thread(_written, form, transcript, self._documents.rules, name)
        headers = {
            "Content-Type": f"{form.content_type}; charset=utf-8",
            "Content-Disposition": content_disposition("inline", name),
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
        }
        response = web.Response(body=body, headers=headers)
        response.etag = etag
        return response


def _written(form: Format, transcript: Transcript, rules: SubtitleRules, name: str) -> tuple[bytes, str]:
    """The file, and what identifies its content and its name."""
    body = form.write(transcript, rules)
    return body, content_etag(body, name)
