"""Which versions of dropped objects have their job already. Used by watcher and reconciler, which do not announce them."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from runtime.kafka.follower import Follower
from schemas.jobs import JobRequested
from schemas.record import ObjectRef

POLL_S = 0.5


def read_drops(requests: Follower, stopping: threading.Event) -> Iterator[tuple[ObjectRef, datetime]]:
    """Those in `requests` from where the follower is up to the current end, and when they were requested. Raises Retry."""
    ends = requests.end_offsets()
    while not (requests.reached(ends) or stopping.is_set()):
        for record in requests.poll(POLL_S):
            request = record.event
            if isinstance(request, JobRequested) and request.job.dropped is not None:
                yield request.job.dropped, datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
