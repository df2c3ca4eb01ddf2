"""A fresh embedded broker knows nothing: tells it what the data directory knows.

The gateway's view keeps every job's last record and its request. Before any stage starts, ended jobs go into the
coordinator's memory, so that an inbox file that was done is not done again. Once the stages run, jobs that have not ended are
asked for again, and cancelled again: the broker keeps only a few MiB, and holds a producer back for readers that are there.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from runtime.errors import MurmurError
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from runtime.logs import get_logger
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import TERMINAL, CancelRequested, JobChanged, JobRequested
from schemas.topics import CANCELLATIONS, REQUESTS

log = get_logger(__name__)
FLUSH_S = 30.0


def remember(broker: EmbeddedBroker, settings: Settings) -> list[Output]:
    """Before the stages start. Blocks; returns what was asked for and has not ended, for `ask_again`."""
    from producers.gateway.view import View, view_path

    if not view_path(settings).exists():
        return []
    kafka = broker.kafka()
    producer = kafka.producer("seed")
    view = View(view_path(settings))
    view.open()
    try:
        view.adopt(str(producer.list_topics(kafka.name(REQUESTS), timeout=FLUSH_S).cluster_id))
        ended = _send(Writer(kafka, producer, "dev"), _memories(broker, view.jobs(), settings.job_memory_s))
        unfinished = list(view.unfinished())
    finally:
        view.close()
    if ended or unfinished:
        log.info("jobs.restored", ended=ended, unfinished=len(unfinished))
    return [output for requested, cancelled in unfinished for output in _asked(requested, cancelled)]


def ask_again(broker: EmbeddedBroker, outputs: Sequence[Output]) -> None:
    """While the stages run. Blocks until the broker has everything; a job that was requested twice is one job."""
    kafka = broker.kafka()
    _send(Writer(kafka, kafka.producer("seed"), "dev"), outputs)


def _asked(requested: bytes, cancelled: bytes | None) -> Iterator[Output]:
    request = codec.decode(JobRequested, requested)
    yield Output(REQUESTS, request.work.work_id, request)
    if cancelled is not None:
        yield Output(CANCELLATIONS, request.work.work_id, codec.decode(CancelRequested, cancelled))


def _send(writer: Writer, outputs: Iterable[Output]) -> int:
    count = 0
    for output in outputs:
        writer.send(output)
        writer.poll()
        count += 1
    if not writer.flush(FLUSH_S):
        raise MurmurError("the embedded broker does not take what the last run left")
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
