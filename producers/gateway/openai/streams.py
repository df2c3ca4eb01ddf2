"""The text of a job as OpenAI's server-sent events: `transcript.text.delta` in order of time, then `transcript.text.done`.

With `response_format` srt or vtt it is the text of the subtitles, cue by cue.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import orjson
from aiohttp import web

from producers.gateway.http.problems import Problem
from producers.gateway.jobs.events import HEADERS
from producers.gateway.jobs.ordered_segments import Position
from producers.gateway.jobs.status import Documents
from producers.gateway.openai import envelope
from producers.gateway.openai.fields import ResponseFormat
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.view.feed import Wakeups
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime.errors import Retry
from runtime.formats import FORMATS
from runtime.subtitles import SubtitleRules, SubtitleText
from schemas.jobs import JobRequested
from schemas.segment import Segment
from schemas.transcript import Transcript

HEARTBEAT_S = 15.0


class TextStreams:
    def __init__(self, view: View, wakeups: Wakeups, documents: Documents, attended: AttendedJobs) -> None:
        self._view = view
        self._wakeups = wakeups
        self._documents = documents
        self._attended = attended

    async def stream(self, request: web.Request, requested: JobRequested, form: ResponseFormat) -> web.StreamResponse:
        """The response begins with the first text, or after a while without any: until then an error is a response of its own."""
        rules = self._documents.rules
        growing = SubtitleText(form, rules) if form in ("srt", "vtt") else _PlainText()
        stream = _Stream(request, str(requested.job.job_id), growing)
        ended = asyncio.ensure_future(self._attended.ended(request, requested))
        try:
            await self._send_segments(stream, requested.work.work_id, ended)
            transcript = await self._documents.transcript(ended.result())
            await stream.end(await asyncio.to_thread(_whole, form, transcript, rules))
        except (Problem, Retry) as error:
            if not stream.has_begun:
                raise
            await stream.fail(error if isinstance(error, Problem) else Problem(503, "unavailable", str(error)))
        finally:
            ended.cancel()
        return stream.response

    async def _send_segments(self, stream: "_Stream", work_id: str, ended: asyncio.Future[JobView]) -> None:
        """Until the job has ended."""
        position = Position()
        with self._wakeups.listen(work_id) as changed:
            ended.add_done_callback(lambda _: changed.set())
            while not ended.done():
                changed.clear()
                following = self._view.progress.following(work_id, position, final=True)
                if not following.again:  # else a new run has other texts than those that were sent
                    position = following.position
                    await stream.add(following.segments)
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await changed.wait()
                except TimeoutError:
                    await stream.keep_alive()


class _Growing(Protocol):
    """The text of segments, each following all before."""

    def add(self, segments: Iterable[Segment], /) -> str: ...


class _PlainText:
    """With blanks between segments, as in the text of the whole."""

    def __init__(self) -> None:
        self._blank = ""

    def add(self, segments: Iterable[Segment], /) -> str:
        text = " ".join(segment.text for segment in segments if segment.text)
        if not text:
            return ""
        blank, self._blank = self._blank, " "
        return blank + text


def _whole(form: ResponseFormat, transcript: Transcript, rules: SubtitleRules) -> str:
    return FORMATS[form].write(transcript, rules).decode() if form in ("srt", "vtt") else transcript.text


class _Stream:
    def __init__(self, request: web.Request, request_id: str, growing: _Growing) -> None:
        self._request = request
        self._growing = growing
        self.response = web.StreamResponse(headers={**HEADERS, envelope.REQUEST_ID: request_id})
        self._text = ""

    @property
    def has_begun(self) -> bool:
        return self.response.prepared

    async def add(self, segments: Iterable[Segment]) -> None:
        await self._delta(self._growing.add(segments))

    async def end(self, text: str) -> None:
        """What is missing, and the text of the whole."""
        if text.startswith(self._text):
            await self._delta(text[len(self._text) :])
        await self._event({"type": "transcript.text.done", "text": text})
        await self.response.write_eof()

    async def fail(self, problem: Problem) -> None:
        """In the form that the official client raises as an error."""
        await self._event(envelope.document(problem))
        await self.response.write_eof()

    async def keep_alive(self) -> None:
        await self._write(b": waiting\n\n")

    async def _delta(self, delta: str) -> None:
        if delta:
            self._text += delta
            await self._event({"type": "transcript.text.delta", "delta": delta})

    async def _event(self, document: dict[str, object]) -> None:
        await self._write(b"data: %b\n\n" % orjson.dumps(document))

    async def _write(self, data: bytes) -> None:
        if not self.has_begun:
            await self.response.prepare(self._request)
        await self.response.write(data)
