"""A fresh embedded broker knows nothing: tells it what the data directory knows, before any stage starts.

The gateway's view keeps every job's last record and its request. Ended jobs go into the coordinator's memory, so that an
inbox file that was done is not done again; requests that have not ended are requested again, and go on at once.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from murmur.errors import MurmurError
from murmur.kafka.embedded import EmbeddedBroker
from murmur.kafka.messages import Output
from murmur.kafka.writer import Writer
from murmur.settings import Settings
from schemas import codec
from schemas.jobs import TERMINAL, JobChanged, JobRequested
from schemas.topics import REQUESTS

log = logging.getLogger(__name__)
FLUSH_S = 30.0


def seed(broker: EmbeddedBroker, settings: Settings) -> None:
    """Blocks until the broker has everything. The view stays open for nobody."""
    from producers.gateway.view import View, view_path

    if not view_path(settings).exists():
        return
    kafka = broker.kafka()
    producer = kafka.producer("seed")
    writer = Writer(kafka, producer, "dev")
    view = View(view_path(settings))
    view.open()
    try:
        view.adopt(str(producer.list_topics(kafka.name(REQUESTS), timeout=FLUSH_S).cluster_id))
        ended = _send(writer, _memories(broker, view.jobs(), settings.job_memory_s))
        unfinished = _send(writer, _requests(view.requests_unfinished()))
    finally:
        view.close()
    if not writer.flush(FLUSH_S):
        raise MurmurError("the embedded broker does not take what the last run left")
    if ended or unfinished:
        log.info("from the last run: %d ended jobs, %d that go on now", ended, unfinished)


def _send(writer: Writer, outputs: Iterator[Output]) -> int:
    count = 0
    for output in outputs:
        writer.send(output)
        writer.poll()
        count += 1
    return count


def _memories(broker: EmbeddedBroker, raw_jobs: Iterator[bytes], job_memory_s: float) -> Iterator[Output]:
    """Ended jobs as the coordinator remembers them, in the partition where a repeat of their request would come."""
    from processors.coordinator.tables import Change, JobState

    now = datetime.now(UTC)
    for raw in raw_jobs:
        job = codec.decode(JobChanged, raw)
        if job.state in TERMINAL and (now - job.changed_at).total_seconds() < job_memory_s:
            memory = JobState(work_id=job.work_id, state=job.state, ended_at=job.changed_at)
            yield Change("jobs", str(job.job.job_id), memory).output(broker.partition(job.work_id))


def _requests(raw_requests: Iterator[bytes]) -> Iterator[Output]:
    for raw in raw_requests:
        request = codec.decode(JobRequested, raw)
        yield Output(REQUESTS, request.work.work_id, request)
