"""The interfaces of the services that murmur replaces: OpenAI's audio API and whisper-asr-webservice. Wires their groups."""

from collections.abc import Iterator

from producers.gateway.access.origin import Origins
from producers.gateway.asr.detection import LanguageDetection, Removal
from producers.gateway.asr.service import Asr
from producers.gateway.http.routes import Group
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.ended import EndedJobs
from producers.gateway.jobs.status import Documents
from producers.gateway.jobs.waiting import Waiting
from producers.gateway.openai.audio import OpenAiAudio
from producers.gateway.openai.models import OpenAiModelList
from producers.gateway.openai.streams import TextStreams
from producers.gateway.parts import Parts
from producers.gateway.submission.attended import AttendedJobs
from producers.gateway.submission.submit import Submissions


def compatible(
    parts: Parts, origins: Origins, submissions: Submissions, documents: Documents, ended: EndedJobs
) -> Iterator[Group]:
    served = parts.resources.models
    waiting, cancellations = Waiting(parts.view, parts.wakeups), Cancellations(parts.producer, parts.view)
    attended = AttendedJobs(parts, waiting, cancellations, origins)
    streams = TextStreams(parts.view, parts.wakeups, documents, attended)
    removal = Removal(attended, waiting, cancellations, ended)
    yield OpenAiModelList(served)
    yield OpenAiAudio(served, submissions, attended, documents, streams)
    yield Asr(submissions, attended, documents)
    yield LanguageDetection(parts, submissions, attended, documents, removal)
