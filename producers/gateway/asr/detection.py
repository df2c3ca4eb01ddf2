"""`/detect-language`: a job of which the first chunks are enough, so it is cancelled and deleted then.

The language is that of the first speech, wherever in the file that is; whisper-asr-webservice uses the first 30 s, also of music.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiohttp import web

from producers.gateway.asr.query import DetectQuery
from producers.gateway.asr.service import FORM, PROBLEMS, TAG, AsrDoor
from producers.gateway.documents.asr import DetectedLanguage
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route, query_of
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.ended import EndedJobs
from producers.gateway.jobs.status import Documents
from producers.gateway.jobs.waiting import Waiting
from producers.gateway.parts import Parts
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.submission.submit import Submissions
from producers.gateway.view.job_view import JobView
from producers.gateway.view.progress import ChunkLanguage
from runtime import languages
from runtime.errors import MurmurError
from runtime.logs import get_logger
from schemas.jobs import JobRequested
from schemas.transcript import Transcript

log = get_logger(__name__)
SURE = 0.8  # one chunk with this probability is enough
CHUNKS_MAX = 4  # up to two minutes of speech
ENDS_WITHIN_S = 60.0
UNDETERMINED = "und"  # of ISO 639-2
# The text is not used: it is decoded in the cheapest way, before long files.
OPTIONS = {"beam_size": "1", "temperature": "0", "lane": "interactive"}


class LanguageDetection:
    def __init__(
        self, parts: Parts, submissions: Submissions, attended: AttendedJobs, documents: Documents, removal: "Removal"
    ) -> None:
        self._view = parts.view
        self._wakeups = parts.wakeups
        self._submissions = submissions
        self._attended = attended
        self._documents = documents
        self._removal = removal

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/detect-language",
                self.detect,
                "Detect the language that is spoken",
                TAG,
                query=DetectQuery,
                body=FORM,
                responses={200: DetectedLanguage},
                problems=PROBLEMS,
                submits=True,
                waits=True,
            )
        ]

    async def detect(self, request: web.Request) -> web.StreamResponse:
        door = AsrDoor(query_of(request, DetectQuery), OPTIONS)
        requested = (await self._submissions.take(request, door)).requested
        return await self._attended.while_connected(request, requested, self._detected(request, requested))

    async def _detected(self, request: web.Request, requested: JobRequested) -> web.StreamResponse:
        ended = asyncio.ensure_future(self._attended.ended(request, requested))
        try:
            found = await self._early(requested.work.work_id, ended)
            found = found or of_transcript(await self._documents.transcript(ended.result()))
        finally:
            ended.cancel()
        self._removal.start(requested)
        return json_response(document(found))

    async def _early(self, work_id: str, ended: asyncio.Future[JobView]) -> ChunkLanguage | None:
        """None: the job has ended before."""
        with self._wakeups.listen(work_id) as changed:
            ended.add_done_callback(lambda _: changed.set())
            while not ended.done():
                changed.clear()
                if (found := decide(self._view.progress.languages(work_id))) is not None:
                    return found
                await changed.wait()
        return None


class Removal:
    """Of jobs whose result is not used: cancelled, and deleted with their audio once they have ended."""

    def __init__(self, attended: AttendedJobs, waiting: Waiting, cancellations: Cancellations, ended: EndedJobs) -> None:
        self._attended = attended
        self._waiting = waiting
        self._cancellations = cancellations
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, requested: JobRequested) -> None:
        """Goes on after the response. If the gateway stops meanwhile, the job stays in the list."""
        task = asyncio.create_task(self._remove(requested))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remove(self, requested: JobRequested) -> None:
        job = self._attended.job(requested)
        try:
            if not job.ended:
                await self._cancellations.request(job)
            await self._ended.delete(await self._waiting.job(job, ENDS_WITHIN_S, until="ended"))
        except (MurmurError, Problem) as error:
            log.warning("job.not_removed", job_id=str(job.job_id), work_id=job.work_id, error=error)


def decide(found: Sequence[ChunkLanguage]) -> ChunkLanguage | None:
    """From the chunks so far; None: not sure yet."""
    probabilities: dict[str, list[float]] = defaultdict(list)
    for chunk in found:
        probabilities[chunk.language].append(chunk.probability)
    if not probabilities:
        return None
    language = max(probabilities, key=lambda code: (sum(probabilities[code]), code))
    of_it = probabilities[language]
    is_sure = max(of_it) >= SURE or len(found) >= CHUNKS_MAX
    return ChunkLanguage(language, sum(of_it) / len(of_it)) if is_sure else None


def of_transcript(transcript: Transcript) -> ChunkLanguage | None:
    return None if transcript.language is None else ChunkLanguage(transcript.language, transcript.language_probability)


def document(found: ChunkLanguage | None) -> dict[str, object]:
    if found is None:
        return {"detected_language": "undetermined", "language_code": UNDETERMINED, "confidence": 0.0}
    name = languages.NAMES.get(found.language, found.language).lower()
    return {"detected_language": name, "language_code": found.language, "confidence": min(1.0, max(0.0, found.probability))}
