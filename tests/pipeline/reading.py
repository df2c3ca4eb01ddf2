"""What a test reads off the topics of a running system."""

from collections.abc import Callable
from typing import TypeVar

from murmur.dev import Dev
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Received
from schemas.jobs import TERMINAL, JobChanged
from schemas.record import Record
from schemas.topics import CHUNK_RESULTS, JOBS, Topic
from schemas.work import ChunkTranscribed, WorkReported

R = TypeVar("R", bound=Record)


def records(system: Dev, topic: Topic) -> list[Received]:
    """Everything on the topic up to now."""
    follower = Follower(system.resources.kafka, [topic])
    try:
        ends, found = follower.end_offsets(), []
        while not follower.reached(ends):
            found += follower.poll(0.1)
        return found
    finally:
        follower.close()


def events(system: Dev, topic: Topic, kind: type[R], where: Callable[[R], bool]) -> list[R]:
    return [r.event for r in records(system, topic) if isinstance(r.event, kind) and where(r.event)]


def ended_jobs(system: Dev, filename: str) -> list[JobChanged]:
    """Every terminal record of jobs with that file name."""
    return events(system, JOBS, JobChanged, lambda job: job.job.filename == filename and job.state in TERMINAL)


def works(system: Dev, tasks: set[str]) -> set[str]:
    """The works that these jobs waited for."""
    return {job.work_id for job in events(system, JOBS, JobChanged, lambda job: str(job.job.job_id) in tasks)}


def transcribed(system: Dev, work_ids: set[str]) -> list[tuple[str, tuple[int, int]]]:
    """Every chunk of these works that a transcriber has reported."""
    found = events(system, CHUNK_RESULTS, WorkReported, lambda report: report.work_id in work_ids)
    return [(report.work_id, report.event.span) for report in found if isinstance(report.event, ChunkTranscribed)]
