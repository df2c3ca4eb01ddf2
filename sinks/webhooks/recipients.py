"""The receivers that something is being sent to: connections, attempts at a time, and a circuit breaker for each.

A receiver that fails or hangs occupies a few places for a short time; then its circuit is open and nothing is sent to it but a
probe now and then. A receiver is one URL of one owner; what its host has in common with others is in `Host`. One event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import aiohttp

from sinks.webhooks.attempt import OVERLOADED, Answer, Order
from sinks.webhooks.backlog import Backlog, Limits
from sinks.webhooks.circuit import USUAL, Circuit, Pauses

PROVEN = Limits(places=8, count_max=64, wait_max_s=5.0, again_max_s=300.0)
# Of a receiver whose last attempt failed, or that has had none: many may hang at the same time.
UNPROVEN = Limits(places=2, count_max=4, wait_max_s=1.0, again_max_s=30.0)
HOST = Limits(places=8, count_max=64, wait_max_s=5.0, again_max_s=30.0)  # for all of its unproven URLs
PROVEN_MAX = 64  # attempts at a time to all proven URLs of a host
CONNECTIONS_MAX = PROVEN_MAX + HOST.places
IDLE_S = 10.0  # connections to a host to which nothing is sent are closed then
REMEMBERED = 10_000  # receivers that failed last
Clock = Callable[[], float]


@dataclass(slots=True)
class Host:
    """What the URLs of one owner at one scheme, host and port share. Its circuit counts failures of different URLs that say
    something about the host: that one URL hangs or is refused says nothing about the next one.

    `unproven`: deliveries to URLs that are not proven."""

    pauses: Pauses = USUAL
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROVEN_MAX))
    trials: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HOST.places))
    unproven: Backlog = field(default_factory=Backlog)
    circuit: Circuit = field(init=False)
    failing: set[str] = field(default_factory=set)
    in_flight: int = 0
    session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        self.circuit = Circuit(self.pauses)

    def note(self, url: str, answer: Answer, now_s: float) -> None:
        if answer.outcome in ("unreachable", "timed_out") or answer.status_code in OVERLOADED:
            if self.circuit.is_tripped or url not in self.failing:
                self.failing.add(url)
                self.circuit.failed(now_s, answer.after_s or 0.0)
        elif answer.status_code is not None:  # it works
            self.failing.clear()
            self.circuit.close()


@dataclass(slots=True)
class Recipient:
    """`is_proven`: its last attempt was delivered. `paused_until_s`: until when nothing is sent to it. `pauses_asked`: how
    often in a row it has asked for that."""

    pauses: Pauses = USUAL
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROVEN.places))
    trials: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNPROVEN.places))
    backlog: Backlog = field(default_factory=Backlog)
    circuit: Circuit = field(init=False)
    is_proven: bool = False
    paused_until_s: float = 0.0
    pauses_asked: int = 0

    def __post_init__(self) -> None:
        self.circuit = Circuit(self.pauses)

    @property
    def limits(self) -> Limits:
        return PROVEN if self.is_proven else UNPROVEN

    def paused_s(self, now_s: float) -> float:
        return max(0.0, self.paused_until_s - now_s)

    @asynccontextmanager
    async def turn(self, host: Host) -> AsyncIterator[None]:
        """One of its places, when there is one."""
        async with self.places:
            if self.is_proven:
                async with host.places:
                    yield
            else:
                async with self.trials, host.trials:
                    yield

    def note(self, answer: Answer, took_s: float, now_s: float) -> None:
        """After an attempt."""
        is_delivered = answer.outcome == "delivered"
        self.backlog.ended(took_s, anew=is_delivered and not self.is_proven)
        self.is_proven = is_delivered
        if is_delivered:
            self.circuit.close()
            self.paused_until_s, self.pauses_asked = 0.0, 0
            return
        self.circuit.failed(now_s)
        if answer.after_s is not None or answer.status_code in OVERLOADED:
            self._pause(answer.after_s, now_s)

    def _pause(self, asked_s: float | None, now_s: float) -> None:
        """Longer each time that it does not say how long, but only once for what was sent at the same time."""
        if not self.paused_s(now_s):
            self.pauses_asked += 1
        pause_s = self.pauses.nth_s(self.pauses_asked) if asked_s is None else min(asked_s, self.pauses.asked_max_s)
        self.paused_until_s = max(self.paused_until_s, now_s + pause_s)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a delivery goes."""

    host: Host
    recipient: Recipient
    url: str = field(repr=False)

    def note(self, answer: Answer, began_s: float, ended_s: float) -> None:
        """After an attempt."""
        took_s = ended_s - began_s
        if not self.recipient.is_proven:
            self.host.unproven.ended(took_s, anew=False)
        self.recipient.note(answer, took_s, ended_s)
        self.host.note(self.url, answer, ended_s)

    def open_s(self, now_s: float) -> float:
        return max(self.host.circuit.open_s(now_s), self.recipient.circuit.open_s(now_s))

    def closed_s(self, now_s: float) -> float:
        """Until something can be sent, as far as is known."""
        return max(self.open_s(now_s), self.recipient.paused_s(now_s))

    async def backlog_s(self, clock: Clock) -> float:
        """How long the next delivery had better stay away, since there is too much. Waits briefly where nothing is known yet."""
        await self.recipient.backlog.evidence(self.recipient.limits)
        if not self.recipient.is_proven:
            await self.host.unproven.evidence(HOST)
        now_s = clock()
        own_s = self.recipient.backlog.wait_s(self.recipient.limits, now_s)
        return own_s if self.recipient.is_proven else max(own_s, self.host.unproven.wait_s(HOST, now_s))

    @contextmanager
    def sending(self, began_s: float) -> Iterator[None]:
        """While an attempt is made."""
        lists = [self.recipient.backlog.began_s, *([] if self.recipient.is_proven else [self.host.unproven.began_s])]
        for began in lists:
            began.append(began_s)
        try:
            yield
        finally:
            for began in lists:
                began.remove(began_s)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """When there is a place, and no probe whose result is not known."""
        async with self.recipient.turn(self.host), self.host.circuit.turn(), self.recipient.circuit.turn():
            yield


class Recipients:
    """`new_session`: the connections to one host, which it shares with no other; the argument: whether they use TLS."""

    def __init__(
        self, new_session: Callable[[bool], aiohttp.ClientSession], clock: Clock = time.monotonic, pauses: Pauses = USUAL
    ) -> None:
        self._pauses = pauses
        self._new_session = new_session
        self.clock = clock
        self._hosts: dict[str, Host] = {}
        self._recipients: dict[tuple[str, str], Recipient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def use(self, order: Order) -> Iterator[Receiver]:
        """While a delivery to it is in flight."""
        host = self._hosts.setdefault(order.host, Host(self._pauses))
        key = order.host, order.url
        recipient = self._recipients.setdefault(key, Recipient(self._pauses))
        counted = [recipient.backlog, *([] if recipient.is_proven else [host.unproven])]
        host.in_flight += 1
        for backlog in counted:
            backlog.in_flight += 1
        if host.session is None:
            host.session = self._new_session(order.url.startswith("https:"))
        try:
            yield Receiver(host, recipient, order.url)
        finally:
            host.in_flight -= 1
            for backlog in counted:
                backlog.in_flight -= 1
            if not recipient.backlog.in_flight:
                asyncio.get_running_loop().call_later(IDLE_S, self._idle, key)

    async def close(self) -> None:
        sessions = [host.session for host in self._hosts.values() if host.session is not None]
        self._hosts.clear()
        self._recipients.clear()
        for session in sessions:
            await session.close()
        await asyncio.gather(*self._closing)

    def _idle(self, key: tuple[str, str]) -> None:
        """Of those that failed last only that is remembered."""
        recipient = self._recipients.get(key)
        if recipient is not None and not recipient.backlog.in_flight:
            if not recipient.circuit.failures:
                del self._recipients[key]
            elif len(self._recipients) > REMEMBERED:
                self._forget_one()
        host = self._hosts.get(key[0])
        if host is not None and not host.in_flight:
            self._disconnect(host)
            if not host.circuit.failures or len(self._hosts) > REMEMBERED:
                del self._hosts[key[0]]

    def _disconnect(self, host: Host) -> None:
        if host.session is not None:
            task = asyncio.get_running_loop().create_task(host.session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            host.session = None

    def _forget_one(self) -> None:
        idle = (key for key, recipient in self._recipients.items() if not recipient.backlog.in_flight)
        if (oldest := next(idle, None)) is not None:
            del self._recipients[oldest]
