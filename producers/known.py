"""Which versions of dropped objects have their job already. Used by watcher and reconciler, which do not announce them."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from runtime.kafka.follower import Follower
from runtime.objects import keys
from schemas.jobs import JobRequested
from schemas.record import ObjectRef

POLL_S = 0.5


def read_drops(requests: Follower, stopping: threading.Event) -> Iterator[tuple[ObjectRef, datetime]]:
    """Those in `requests` from where the follower is up to the current end, and when they were requested. Raises Retry."""
    ends = requests.end_offsets()
    while not (requests.reached(ends) or stopping.is_set()):
        for record in requests.poll(POLL_S):
            drop = _drop(record.event) if isinstance(record.event, JobRequested) else None
            if drop is not None:
                yield drop, datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)


def _drop(request: JobRequested) -> ObjectRef | None:
    """Also the object of a direct upload, but not one that a submission over HTTP has named: that has a job of its own."""
    job = request.job
    is_direct = job.stored is not None and keys.is_direct_upload(job.stored.key)
    return job.stored if is_direct else job.dropped
