"""When the next attempt of a delivery is due, and on which retry topic it waits for that. Pure.

What waits on one topic waits about equally long, so that the first of a partition holds nothing up. What is due later, since a
receiver has asked for that, is written again at the end of the topic's delay. So no attempt is late by more than a fifth of that
delay, which is the jitter, or than the shortest delay.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.topics import WEBHOOK_RETRIES, Topic
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.circuit import OPEN_S, Pauses

JITTER = 0.1  # of a delay, longer or shorter: receivers that came back are not met by all senders at once
_UNIFORM = random.SystemRandom().uniform  # not the module's: that state belongs to whoever seeds it, as property tests do
ONLY_DELAY_S = 5.0  # of what is postponed where no attempt has a delay
QUICK_POSTPONEMENTS = 10  # in a row, after the shortest delay; further ones wait for the next longer one


@dataclass(frozen=True, slots=True)
class Due:
    """`topic`: where the delivery waits. `requeue_at`: when it is written again, if that is before it is due."""

    at: datetime
    topic: Topic[WebhookDelivery]
    requeue_at: datetime | None = None


class Schedule:
    """`delays_s`: before each attempt, the shortest first, from the event or the attempt before."""

    def __init__(self, delays_s: Sequence[float], uniform: Callable[[float, float], float] = _UNIFORM) -> None:
        self._delays_s = tuple(delays_s)
        self._uniform = uniform

    @property
    def horizon_s(self) -> float:
        """From an event to its last attempt, at most."""
        return sum(self._delays_s) * (1 + JITTER)

    @property
    def pauses(self) -> Pauses:
        """The circuit of a receiver that fails is open briefly, beside the delays; it can ask for the longest of them."""
        return Pauses(min(OPEN_S, max(self._delays_s) / 100), self._longest_s)

    @property
    def _longest_s(self) -> float:
        return max(self._delays_s) or ONLY_DELAY_S

    def first(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._jittered(self._delays_s[0]))

    def is_last(self, attempt: int) -> bool:
        return attempt >= len(self._delays_s)

    def after(self, attempt: int, now: datetime, at_least_s: float = 0.0) -> Due | None:
        """The attempt after that one, counted from 1; None: there is no more. `at_least_s`: what the receiver has asked for, as
        far as the longest delay."""
        if self.is_last(attempt):
            return None
        delay_s = self._jittered(self._delays_s[attempt])
        if delay_s >= at_least_s:
            return Due(now + timedelta(seconds=delay_s), WEBHOOK_RETRIES[attempt - 1])
        return self._waiting(at_least_s, now)

    def postponed(self, wait_s: float, times: int, now: datetime) -> Due:
        """The same attempt, which has been postponed so often in a row before. Those that wait together are spread a little."""
        step = min(1 if times < QUICK_POSTPONEMENTS else 2, len(self._delays_s) - 1)
        spread_s = wait_s * self._uniform(1, 1 + JITTER)
        return self._waiting(max(spread_s, self._jittered(self._delays_s[step]) or ONLY_DELAY_S), now)

    def requeued(self, due_at: datetime, now: datetime) -> Due:
        """What is not due yet at the end of its topic's delay."""
        return self._waiting((due_at - now).total_seconds(), now)

    def _waiting(self, wait_s: float, now: datetime) -> Due:
        """On the topic of the longest delay that is not longer: on another one it would come late, or hold up those behind it."""
        wait_s = min(wait_s, self._longest_s)
        steps = [step for step, delay_s in enumerate(self._delays_s) if step and 0 < delay_s * (1 - JITTER) <= wait_s]
        step = max(steps, default=1)
        again_s = self._delays_s[step] if steps and wait_s > self._delays_s[step] * (1 + JITTER) else None
        requeue_at = now + timedelta(seconds=again_s) if again_s is not None else None
        return Due(now + timedelta(seconds=wait_s), WEBHOOK_RETRIES[step - 1], requeue_at)

    def _jittered(self, delay_s: float) -> float:
        return delay_s * self._uniform(1 - JITTER, 1 + JITTER)
