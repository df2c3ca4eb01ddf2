"""The jobs that ended in the last day, on `jobs` of the embedded broker that has just started: for the metrics sink.

The stages that process each record of `jobs` did so in the last run: webhooks have been sent, files written. So their groups are
put behind these records. Used by `seed.py`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.messages import Output
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import JOBS

DAY_S = 86_400
RECORDS_MAX = 3000  # so that they fit into the broker's few MiB
STAGES = ("webhooks", "store")  # the other readers only look at the newest record of each job, and commit nothing


def outputs(jobs: Iterable[JobChanged], ended_jobs_s: float) -> Iterator[Output]:
    """The last records of jobs that have ended, oldest first. `ended_jobs_s`: what ended before is to be forgotten."""
    since = datetime.now(UTC) - timedelta(seconds=min(DAY_S, ended_jobs_s))
    ended = sorted((job for job in jobs if job.state in TERMINAL and job.changed_at > since), key=lambda job: job.changed_at)
    return (Output(JOBS, str(job.job.job_id), job) for job in ended[-RECORDS_MAX:])


def skip(broker: EmbeddedBroker) -> None:
    """Before the stages start. Blocks."""
    kafka = broker.kafka()
    if ends := kafka.offsets.nonempty_ends((JOBS,)):
        for stage in STAGES:
            kafka.commit(stage, ends)
