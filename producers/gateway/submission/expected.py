"""What a gateway tells the coordinator of the cache with a request: the answer that it expects, and when it was cleared last."""

from dataclasses import dataclass
from datetime import UTC, datetime

from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.objects import keys
from runtime.settings import Settings
from schemas.record import ObjectRef


@dataclass(frozen=True, slots=True)
class Expected:
    """`result`: of a job that adds nothing to the queue, as far as the view shows."""

    result: ObjectRef | None
    cleared_at: datetime | None


def expected(view: View, settings: Settings, work_id: str, *, no_cache: bool) -> Expected:
    """Blocks for less than a millisecond."""
    cleared_at = view.cache.cleared_at(work_id)
    if no_cache or not settings.cache_enabled:
        return Expected(None, cleared_at)
    try:
        is_there = view.cache.has(work_id, view.cache.since(settings.cache_ttl_s, datetime.now(UTC)))
    except ViewUnavailable:
        is_there = False
    ref = ObjectRef(bucket=settings.work_bucket, key=keys.transcript_key(work_id))
    return Expected(ref if is_there else None, cleared_at)
