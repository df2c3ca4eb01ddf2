"""What a decision depends on besides tables and event. Made by the stage."""

from dataclasses import dataclass
from datetime import datetime

from processors.coordinator.cache_policy import NO_LIMITS, CachePolicy
from schemas.record import Failure
from schemas.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Context:
    """`new_run`: the id of a run that begins with this event, made of its partition and offset. `finished`: the transcript that
    answers a request, or that a report of the corrector names. `failure`: the one that answers it. `correction_s`: how long a
    text may take to be corrected; None: none is."""

    new_run: str
    now: datetime
    work_bucket: str
    finished: Transcript | None = None
    correction_s: float | None = None
    failure: Failure | None = None
    policy: CachePolicy = NO_LIMITS
