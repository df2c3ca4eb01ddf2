"""A gateway under test: a plain HTTP client for it, and the records that the coordinator would publish."""

import http.client
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import orjson
from confluent_kafka import Producer
from multidict import CIMultiDict, CIMultiDictProxy

from producers.gateway import Gateway, build
from producers.gateway.http.connection import Patience
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.follower import Follower
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources
from runtime.settings import Settings
from schemas import codec
from schemas.cache import CacheEntry
from schemas.correction import Correction
from schemas.jobs import CancelRequested, JobChanged, JobRequested, ResultSummary, State
from schemas.record import Record
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.topics import CACHE_CHANGELOG, CANCELLATIONS, JOBS, PROGRESS, REQUESTS, Topic
from schemas.transcript import Transcript
from schemas.work import AudioInfo, WorkProgressed
from tests.waiting import DEADLINE_S, wait_until

API = "/api/transcribe/async"
BOUNDARY = "----of-the-tests"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class RunningGateway:
    """A running gateway with its broker and its store."""

    stage: Gateway
    kafka: Kafka
    store: DirectoryStore
    settings: Settings
    uploads: Path
    producer: Producer
    headers: dict[str, str] = field(default_factory=dict)

    def with_headers(self, **headers: str) -> Self:
        """The same gateway, requested with these; an underscore in a name is a hyphen."""
        return replace(self, headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()})

    @property
    def netloc(self) -> str:
        assert self.stage.address is not None
        return self.stage.address.removeprefix("http://")

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.netloc, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, self.headers | dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, CIMultiDictProxy(CIMultiDict(answer.getheaders())), answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def submit(self, data: bytes = b"some audio", filename: str = "a.wav", **fields: str) -> Answer:
        body = multipart([*fields.items()], data, filename)
        return self.request("POST", "/api/transcribe/async", body, MULTIPART)

    def publish(self, topic: Topic, key: str, record: Record) -> None:
        """As the coordinator would."""
        self.producer.produce(self.kafka.name(topic), key=key, value=codec.encode(record))
        assert self.producer.flush(DEADLINE_S) == 0

    def files(self) -> list[Path]:
        return [path for path in self.uploads.rglob("*") if path.is_file()]


def resources(kafka: Kafka, folder: Path, options: Mapping[str, object]) -> Resources:
    """Of a gateway in this folder. `options`: settings."""
    common = {"gateway_port": 0, "data_dir": folder, "model": "demo", "topic_prefix": kafka.prefix}
    settings = Settings.model_validate({**common, **options})
    names = (settings.work_bucket, settings.uploads_bucket)
    store = DirectoryStore({name: folder / name for name in names})
    store.create()
    return Resources(settings, kafka, store, catalogue.resolve("demo"), other_models=catalogue.others(settings))


@contextmanager
def running(kafka: Kafka, folder: Path, patience: Patience = Patience(), /, **options: object) -> Iterator[RunningGateway]:
    """A gateway that listens, and may not be ready. `options`: settings."""
    with running_with(resources(kafka, folder, options), patience) as gateway:
        yield gateway


@contextmanager
def running_with(parts: Resources, patience: Patience = Patience()) -> Iterator[RunningGateway]:
    stage = build(parts)
    stage.patience = patience
    thread = threading.Thread(target=stage.run)
    thread.start()
    try:
        wait_until(lambda: stage.address, "the gateway to listen")
        assert isinstance(parts.objects, DirectoryStore)
        uploads = parts.objects.folder(parts.settings.work_bucket) / "uploads"
        yield RunningGateway(stage, parts.kafka, parts.objects, parts.settings, uploads, parts.kafka.producer("test"))
    finally:
        stage.stop()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


@contextmanager
def embedded(folder: Path, /, **options: object) -> Iterator[RunningGateway]:
    """A gateway that is ready, with a broker of its own. `options`: settings."""
    with EmbeddedBroker() as broker, running(broker.kafka(), folder, **options) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def multipart(fields: list[tuple[str, str]], data: bytes, filename: str = "a.wav", *, file_first: bool = False) -> bytes:
    texts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    file = head + data + b"\r\n"
    parts = [file, *texts] if file_first else [*texts, file]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def requested(gateway: RunningGateway, task_id: str) -> JobRequested:
    """The record on `requests`."""
    follower = Follower(gateway.kafka, (REQUESTS,))
    try:
        ends = follower.end_offsets()
        while not follower.reached(ends):
            for record in follower.poll(0.1):
                if isinstance(record.event, JobRequested) and str(record.event.job.job_id) == task_id:
                    assert record.key == record.event.work.work_id.encode()
                    return record.event
    finally:
        follower.close()
    raise AssertionError(f"no request of {task_id}")


def jobs(gateway: RunningGateway, filename: str) -> list[JobRequested]:
    """The newest first."""
    rows = gateway.get("/api/jobs?limit=500").json["jobs"]
    return [requested(gateway, row["task_id"]) for row in rows if row["filename"] == filename]


def cancelled(gateway: RunningGateway) -> set[str]:
    """The jobs whose cancellation was requested."""
    follower = Follower(gateway.kafka, (CANCELLATIONS,))
    found: set[str] = set()
    try:
        ends = follower.end_offsets()
        while not follower.reached(ends):
            events = [record.event for record in follower.poll(0.1)]
            found |= {str(event.job_id) for event in events if isinstance(event, CancelRequested) and not event.delete}
    finally:
        follower.close()
    return found


def submitted(gateway: RunningGateway, data: bytes | None = None, **fields: str) -> JobRequested:
    """A new job, with unique audio unless given."""
    answer = gateway.submit(data or uuid4().bytes, **fields)
    assert answer.status == 202
    return requested(gateway, answer.json["task_id"])


def publish_state(gateway: RunningGateway, submission: JobRequested, state: State, **more: Any) -> None:
    """Publishes a state of the job, as the coordinator would; returns when the gateway has it."""
    work, job = submission.work, submission.job
    now = datetime.now(UTC)
    gateway.publish(
        JOBS,
        str(job.job_id),
        JobChanged(job=job, work_id=work.work_id, audio_id=work.audio_id, model=work.model, state=state, changed_at=now, **more),
    )
    wait_until(lambda: status(gateway, submission)["state"] == state, state)


def finish(gateway: RunningGateway, submission: JobRequested, *segments: Segment, **more: Any) -> None:
    """`more`: other fields of the transcript; `corrected`: its texts after a correction, one for each segment; `uncorrected`: why
    there is none."""
    corrected, uncorrected = more.pop("corrected", None), more.pop("uncorrected", None)
    facts: dict[str, Any] = {"language": "pt", "duration_s": 2.0, "speech_s": 1.5, **more}
    transcript = Transcript(
        work_id=submission.work.work_id,
        audio_id=submission.work.audio_id,
        model=submission.work.model,
        decoding=submission.work.decoding,
        language_probability=0.9,
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
        processing_s=0.5,
        created_at=datetime.now(UTC),
        **facts,
    )
    transcripts = Transcripts(gateway.store, gateway.settings.work_bucket)
    where = transcripts.write(transcript)
    summary = ResultSummary(
        transcript=where,
        language=transcript.language,
        duration_s=transcript.duration_s,
        speech_s=transcript.speech_s,
        warnings=transcript.warnings,
        transcribed_at=transcript.created_at,
        corrected=None if corrected is None else transcripts.write_corrected(_corrected(transcript, corrected)),
        uncorrected=uncorrected,
    )
    entry = CacheEntry(transcript.created_at, where.size_bytes or 0, transcript.duration_s, transcript.language)
    publish_cached(gateway, submission.work.work_id, entry)
    publish_state(gateway, submission, "SUCCESS", result=summary)


def _corrected(raw: Transcript, texts: Sequence[str]) -> Transcript:
    """As the corrector writes it."""
    pairs = zip(raw.segments, texts, strict=True)
    segments = tuple(
        segment if segment.text == text else segment.model_copy(update={"text": text, "raw_text": segment.text})
        for segment, text in pairs
    )
    changed = sum(segment.raw_text is not None for segment in segments)
    correction = Correction(version="1" * 64, rules=("shout",), segments_changed=changed)
    new = {"text": " ".join(texts), "segments": segments, "raw_text": raw.text, "correction": correction}
    return raw.model_copy(update=new)


def publish_cached(gateway: RunningGateway, work_id: str, entry: CacheEntry | None) -> None:
    """Publishes an entry of the cache, or its removal, as the coordinator would; returns when the gateway has it."""
    value = entry.written(f"results/{work_id}.json") if entry is not None else None
    gateway.producer.produce(gateway.kafka.name(CACHE_CHANGELOG), key=work_id, value=value)
    assert gateway.producer.flush(DEADLINE_S) == 0
    view = gateway.stage._view
    wait_until(lambda: view.cache.has(work_id, None) is (entry is not None), "the cache")


def status(gateway: RunningGateway, submission: JobRequested) -> dict[str, Any]:
    answer = gateway.get(f"{API}/status/{submission.job.job_id}")
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


def is_problem(answer: Answer, code: int) -> dict[str, Any]:
    assert answer.status == code
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json
    assert document["status"] == code
    assert (document["type"], document["success"]) == ("about:blank", False)
    assert document["title"]
    assert document["detail"]
    return document


def progressed(
    gateway: RunningGateway, submission: JobRequested, share: float, text: str, *, index: int = 0, run: str = "0-1"
) -> None:
    """Chunk number `index` is done; each is a second long."""
    segment = Segment(start=index, end=index + 1, text=text)
    span = (index * SAMPLE_RATE_HZ, (index + 1) * SAMPLE_RATE_HZ)
    work_id = submission.work.work_id
    event = WorkProgressed(work_id=work_id, run=run, span=span, share=share, segments=(segment,), index=index)
    gateway.publish(PROGRESS, work_id, event)
