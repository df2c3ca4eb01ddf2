"""The receivers that something is being sent to: connections, attempts at a time, and a circuit breaker for each.

A receiver that fails or hangs occupies a few places for a short time; then its circuit is open and nothing is sent to it but a
probe now and then. One event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import aiohttp

from sinks.webhooks.attempt import Answer

PLACES = 8  # attempts at a time for one receiver
TRIALS = 2  # of them for one whose last attempt was not delivered, or that has had none: many may hang at the same time
QUEUE_MAX = 64  # deliveries in memory for one receiver, if it would take long to work them off
WAIT_MAX_S = 5.0  # so long
TRIAL_QUEUE_MAX = 4  # the same for a receiver without a success
EVIDENCE_S = 1.0  # how long a burst waits for the first answer of a receiver, which says how fast it is
TRIPS_AFTER = 5  # attempts in a row that failed open the circuit
OPEN_S = 30.0  # until a probe; twice as long after each probe that failed, up to
OPEN_MAX = 10  # times as long
ASKED_MAX_S = 24 * 3600.0
IDLE_S = 10.0  # connections to a receiver to which nothing is sent are closed then
REMEMBERED = 10_000  # receivers that failed last
WEIGHT = 0.2  # of an attempt in the average duration
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pauses:
    """`trips_s`: how long a circuit is open at first. `asked_max_s`: how long a pause a receiver can ask for."""

    trips_s: float = OPEN_S
    asked_max_s: float = ASKED_MAX_S


USUAL = Pauses()


@dataclass(slots=True)
class Recipient:
    """`is_proven`: its last attempt was delivered. `failures`: how many in a row were not. `asked_until_s`: until when nothing is
    wanted, as the receiver has said."""

    pauses: Pauses = USUAL
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))
    trials: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TRIALS))
    probe: asyncio.Lock = field(default_factory=asyncio.Lock)
    in_flight: int = 0
    is_proven: bool = False
    failures: int = 0
    open_until_s: float = 0.0
    asked_until_s: float = 0.0
    average_s: float = 0.0
    began_s: list[float] = field(default_factory=list)  # of the attempts that are being made
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    session: aiohttp.ClientSession | None = None

    @property
    def is_tripped(self) -> bool:
        """Only a probe is sent, and only when the circuit has been open for its time."""
        return self.failures >= TRIPS_AFTER

    def open_s(self, now_s: float) -> float:
        return max(0.0, self.open_until_s - now_s) if self.is_tripped else 0.0

    def overload_s(self, now_s: float) -> float:
        """How long a delivery has to wait although the receiver is not known to be down: 0 when it need not."""
        hangs_s = now_s - min(self.began_s, default=now_s)
        pace_s = max(self.average_s, hangs_s)
        if self.is_proven:
            queue_s = self.in_flight * pace_s / PLACES
            is_full = self.in_flight > QUEUE_MAX and queue_s > WAIT_MAX_S
        else:
            queue_s = self.in_flight * pace_s / TRIALS
            is_full = self.in_flight > TRIAL_QUEUE_MAX and queue_s > EVIDENCE_S
        return max(0.0, self.asked_until_s - now_s, queue_s if is_full else 0.0)

    async def evidence(self) -> None:
        """Waits for its first answer, not for long, where much is to be sent to a receiver of which nothing is known yet."""
        if self.in_flight > TRIAL_QUEUE_MAX and not self.answered.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.answered.wait(), EVIDENCE_S)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of its places, when there is one."""
        async with self.places:
            if self.is_proven:
                yield
            else:
                async with self.trials:
                    yield

    def note(self, answer: Answer, took_s: float, now_s: float) -> None:
        """After an attempt."""
        self.answered.set()
        self.is_proven = answer.outcome == "delivered"
        self.average_s += WEIGHT * (took_s - self.average_s) if self.average_s else took_s
        if answer.outcome == "delivered":
            self.failures, self.asked_until_s = 0, 0.0
            return
        self.failures += 1
        if self.is_tripped:
            self.open_until_s = now_s + self.pauses.trips_s * min(2 ** min(self.failures - TRIPS_AFTER, OPEN_MAX), OPEN_MAX)
        if answer.after_s is not None:
            self.asked_until_s = now_s + min(answer.after_s, self.pauses.asked_max_s)


class Recipients:
    """`new_session`: the connections to one receiver, which it shares with no other; the argument: whether they use TLS."""

    def __init__(
        self, new_session: Callable[[bool], aiohttp.ClientSession], clock: Clock = time.monotonic, pauses: Pauses = USUAL
    ) -> None:
        self._pauses = pauses
        self._new_session = new_session
        self.clock = clock
        self._recipients: dict[str, Recipient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def use(self, key: str, *, tls: bool = True) -> Iterator[Recipient]:
        """While a delivery to it is in flight. `key`: differs where `tls` does."""
        recipient = self._recipients.setdefault(key, Recipient(self._pauses))
        recipient.in_flight += 1
        if recipient.session is None:
            recipient.session = self._new_session(tls)
        try:
            yield recipient
        finally:
            recipient.in_flight -= 1
            if not recipient.in_flight:
                asyncio.get_running_loop().call_later(IDLE_S, self._idle, key)

    async def close(self) -> None:
        sessions = [recipient.session for recipient in self._recipients.values() if recipient.session is not None]
        self._recipients.clear()
        for session in sessions:
            await session.close()
        await asyncio.gather(*self._closing)

    def _idle(self, key: str) -> None:
        """Of those that failed last only that is remembered."""
        recipient = self._recipients.get(key)
        if recipient is None or recipient.in_flight:
            return
        if recipient.session is not None:
            task = asyncio.get_running_loop().create_task(recipient.session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            recipient.session = None
        if not recipient.failures:
            del self._recipients[key]
        elif len(self._recipients) > REMEMBERED:
            self._forget_one()

    def _forget_one(self) -> None:
        idle = (key for key, recipient in self._recipients.items() if not recipient.in_flight and recipient.session is None)
        if (oldest := next(idle, None)) is not None:
            del self._recipients[oldest]
