"""How many requests and submissions a key may make per minute: a token bucket for each, in the memory of this gateway."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from runtime.api_keys import ApiKey

MINUTE_S = 60.0
Kind = Literal["requests", "submissions"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request. `reset_s`: until all of `limit` is available again. `wait_s`: until the next request is
    allowed; 0: this one was."""

    kind: Kind
    limit: int
    remaining: int
    reset_s: float
    wait_s: float


class Bucket:
    """Holds a minute's requests and refills evenly."""

    def __init__(self, now_s: float) -> None:
        self._spent = 0.0
        self._at_s = now_s

    def take(self, kind: Kind, per_minute: int, now_s: float) -> Allowance:
        """`per_minute` may differ from call to call: a key's limits can change."""
        per_s = per_minute / MINUTE_S
        self.spend(0, per_minute, now_s)
        excess = self._spent + 1 - per_minute
        if excess <= 0:
            self._spent += 1
        return Allowance(kind, per_minute, int(per_minute - self._spent), self._spent / per_s, max(0.0, excess / per_s))

    def spend(self, count: int, per_minute: int, now_s: float) -> None:
        """As much as there is, if that is less."""
        refilled = max(0.0, self._spent - (now_s - self._at_s) * per_minute / MINUTE_S)
        self._spent, self._at_s = min(float(per_minute), refilled + count), now_s


class Rates:
    """For the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, Kind], Bucket] = {}

    def take(self, key: ApiKey, *, is_submission: bool) -> Allowance | None:
        """One request with this key. Of two limits the one that has less left, or that refuses; None: no limit."""
        taken = self._taken(key, "requests", key.limits.requests_per_minute)
        if is_submission and not (taken is not None and taken.wait_s):
            submission = self._taken(key, "submissions", key.limits.submissions_per_minute)
            both = [each for each in (submission, taken) if each is not None]
            taken = min(both, key=lambda each: (-each.wait_s, each.remaining), default=None)
        return taken

    def add_submissions(self, key: ApiKey | None, count: int) -> None:
        """More than the one of a request, such as the other files of a batch. They are not refused: later submissions wait."""
        if key is not None and (per_minute := key.limits.submissions_per_minute):
            self._bucket(key, "submissions").spend(count, per_minute, self._clock())

    def forget(self, key_ids: Iterable[str]) -> None:
        for key_id in key_ids:
            self._buckets.pop((key_id, "requests"), None)
            self._buckets.pop((key_id, "submissions"), None)

    def _taken(self, key: ApiKey, kind: Kind, per_minute: int) -> Allowance | None:
        if not per_minute:
            return None
        return self._bucket(key, kind).take(kind, per_minute, self._clock())

    def _bucket(self, key: ApiKey, kind: Kind) -> Bucket:
        return self._buckets.setdefault((key.id, kind), Bucket(self._clock()))
