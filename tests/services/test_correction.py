"""Corrected texts on the real broker: whatever becomes of the corrector's process, jobs end, each once."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from schemas import codec
from schemas.jobs import JobChanged, JobRequested
from schemas.record import Record
from schemas.topics import CHUNK_RESULTS, DECODES, JOBS, REQUESTS, Topic
from schemas.work import DecodeRequested, SliceClosed, SlicedChunk, WorkReported
from scripts.services import envfile
from scripts.services.supervisor import Services
from tests import chat_server
from tests.chat_server import RunningChatServer
from tests.processes import Process, on_directory
from tests.services.coordinators import request
from tests.services.test_coordinator_recovery import INFO, SPANS, text
from tests.waiting import DEADLINE_S, wait_until

RULES = "rules: [{casing: upper}]"
LONG, SHORT = "600", "2"  # until the raw text is the result: longer than the test, and soon


class Installation:
    """A coordinator and a corrector with topics of their own. The test is the gateway, the slicer and the transcriber."""

    def __init__(self, services: Services, folder: Path, chat: RunningChatServer) -> None:
        (folder / "rules.yaml").write_text(RULES)
        own = {
            "MURMUR_TOPIC_PREFIX": f"correction-{uuid.uuid4().hex[:8]}.",
            "MURMUR_TOPIC_PARTITIONS": "2",
            "MURMUR_CORRECTION_RULES_FILE": str(folder / "rules.yaml"),
            "MURMUR_CORRECTOR_URL": chat.url,
            "MURMUR_CORRECTOR_TIMEOUT_S": LONG,
        }
        self.chat = chat
        self._environment = {**on_directory(services.kafka.bootstrap, folder), **own}
        self._folder = folder
        settings = envfile.settings(self._environment)
        self.kafka = Kafka.from_settings(settings)
        topics.apply(self.kafka, settings)
        self._follower = Follower(self.kafka, [DECODES, JOBS])
        self._producer = self.kafka.producer("tests")
        self._decodes: dict[str, str] = {}
        self.ends: list[JobChanged] = []
        self.processes: list[Process] = []

    def start(self, stage: str, timeout: str, model: str = "good") -> Process:
        """Under a stable name, so that its successor need not wait for the end of its session."""
        own = {
            "MURMUR_INSTANCE": f"{stage}-0",
            "MURMUR_CORRECTION_TIMEOUT_S": timeout,
            "MURMUR_CORRECTOR_MODEL": model,
        }
        log = self._folder / f"{stage}.log"
        process = Process(["-m", "murmur.cli.child", stage], self._environment | own, log)
        self.processes.append(process)
        return process

    def transcribe(self) -> JobRequested:
        """A job whose text is transcribed, and now to be corrected."""
        requested = request()
        work_id = requested.work.work_id
        self._send(REQUESTS, work_id, requested)
        run = wait_until(lambda: self._seen(work_id), "the request for a decode")
        closed = SliceClosed(audio_info=INFO, chunks=(SlicedChunk(span=SPANS[0], pieces=SPANS[:1]),))
        for event in (closed, text(SPANS[0])):
            self._send(CHUNK_RESULTS, work_id, WorkReported(work_id=work_id, run=run, event=event))
        return requested

    def end_of(self, requested: JobRequested) -> JobChanged:
        end = wait_until(lambda: self._end(requested), "the end of the job")
        assert end is not None
        return end

    def _end(self, requested: JobRequested) -> JobChanged | None:
        self._read()
        return next((end for end in self.ends if end.job.job_id == requested.job.job_id), None)

    def _seen(self, work_id: str) -> str | None:
        self._read()
        return self._decodes.get(work_id)

    def _read(self) -> None:
        for record in self._follower.poll(0.02):
            if isinstance(record.event, DecodeRequested):
                self._decodes[record.event.work.work_id] = record.event.run
            elif isinstance(record.event, JobChanged) and record.event.state != "STARTED":
                self.ends.append(record.event)

    def _send(self, topic: Topic, key: str, event: Record) -> None:
        self._producer.produce(self.kafka.name(topic), codec.encode(event), key=key)
        assert self._producer.flush(DEADLINE_S) == 0

    def close(self) -> None:
        for process in self.processes:
            process.close()
        self._follower.close()


@pytest.fixture
def own(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with chat_server.running() as chat:
        built = Installation(services, tmp_path, chat)
        try:
            yield built
        finally:
            built.close()
            services.kafka.drop(built.kafka.prefix)


def test_jobs_end_once_after_a_kill_of_the_corrector_and_without_one_also_over_a_restart_of_the_coordinator(
    own: Installation,
) -> None:
    coordinator = own.start("coordinator", LONG)
    hanging = own.start("corrector", LONG, "slow")
    killed = own.transcribe()
    wait_until(lambda: [asked["model"] for asked in own.chat.asked()] == ["slow"], "the request to the model")
    hanging.kill()
    again = own.start("corrector", LONG, "good")
    result = own.end_of(killed).result
    assert result is not None
    assert result.corrected is not None
    assert result.uncorrected is None

    again.kill()
    coordinator.kill()
    coordinator = own.start("coordinator", SHORT)
    waiting = own.transcribe()
    coordinator.kill()  # perhaps before its decision about the transcript, perhaps after it
    own.start("coordinator", SHORT)
    result = own.end_of(waiting).result
    assert result is not None
    assert result.corrected is None
    assert result.uncorrected is not None
    own.start("corrector", LONG, "good")
    last = own.transcribe()
    own.end_of(last)
    assert sorted(str(end.job.job_id) for end in own.ends) == sorted(str(job.job.job_id) for job in (killed, waiting, last))
