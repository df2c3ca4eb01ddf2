"""One attempt of one delivery: whether it is made now, and what came of it.

Fed by `sender`. A receiver that is down, slow or hangs occupies only a few places, so that no other one waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from yarl import URL

from runtime.backoff import store_backoff
from runtime.errors import Retry
from runtime.logs import get_logger
from runtime.objects import NotFound
from runtime.outage import Outage
from runtime.webhooks import url_problem
from schemas.codec import Undecodable
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.attempt import Answer, Order
from sinks.webhooks.recipients import Receiver, Recipients

log = get_logger(__name__)
ATTEMPTS_MAX = 256  # at a time for receivers that take what they get, and as many for all others: these may hang
Post = Callable[[aiohttp.ClientSession, Order, bytes], Awaitable[Answer]]
ReadBody = Callable[[WebhookDelivery], Awaitable[bytes]]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Attempted:
    """`pause_s`: for which the receiver had better be left alone."""

    answer: Answer
    at: datetime
    took_s: float
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Postponed:
    """The receiver takes nothing now: it has kept failing, asked for a pause, or is too slow for all that is to be sent."""

    wait_s: float


Result = Attempted | Postponed


class Courier:
    """Used from one event loop. `read`: the body; raises Retry, NotFound or Undecodable, as `Transcripts.read` does."""

    def __init__(
        self,
        read: ReadBody,
        post: Post,
        recipients: Recipients,
        now: Callable[[], datetime],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._read = read
        self._post = post
        self._recipients = recipients
        self._now = now
        self._sleep = sleep
        self._clock = recipients.clock
        self._places = asyncio.Semaphore(ATTEMPTS_MAX)
        self._trials = asyncio.Semaphore(ATTEMPTS_MAX)
        self._outage = Outage("webhooks")  # of the store

    async def attempt(self, order: Order) -> Result:
        """Waits while the store is unavailable, which is no attempt. Raises Undecodable if the transcript is not in the store."""
        if problem := url_problem(order.url) or _unparsable(order.url):
            return self._unsent(Answer("bad_url", problem))
        backoff = store_backoff()
        with self._recipients.use(order) as receiver:
            while True:
                try:
                    return await self._in_turn(order, receiver)
                except Retry as error:
                    self._outage.started(error)
                    pause_s = backoff.next_s(error.after_s)
                await self._sleep(pause_s)

    async def _in_turn(self, order: Order, receiver: Receiver) -> Result:
        """When the receiver has a place. Looks again then: its circuit may have opened meanwhile, or it asked for a pause."""
        if held := self._held(order, receiver):
            return held
        if order.may_wait and (wait_s := await receiver.backlog_s(self._clock)):
            return Postponed(wait_s)
        async with receiver.turn():
            if held := self._held(order, receiver):
                return held
            async with self._places if receiver.recipient.is_proven else self._trials:
                return await self._send(order, receiver)

    def _held(self, order: Order, receiver: Receiver) -> Result | None:
        """What comes of it without an attempt."""
        now_s = self._clock()
        open_s, paused_s = receiver.open_s(now_s), receiver.recipient.paused_s(now_s)
        may_wait = order.may_wait_for_probe if open_s else order.may_wait
        if may_wait and (open_s or paused_s):
            return Postponed(max(open_s, paused_s))
        if open_s and not order.is_last:
            return self._unsent(Answer("circuit_open", f"it has kept failing; again in {open_s:.0f} s"))
        return None

    async def _send(self, order: Order, receiver: Receiver) -> Attempted:
        body = await self._body(order.delivery)
        self._outage.ended()
        at, began_s = self._now(), self._clock()
        assert receiver.host.session is not None
        with receiver.sending(began_s):
            answer = await self._post(receiver.host.session, order, body)
        ended_s = self._clock()
        receiver.note(answer, began_s, ended_s)
        return Attempted(answer, at, ended_s - began_s, receiver.closed_s(ended_s))

    async def _body(self, delivery: WebhookDelivery) -> bytes:
        """Made for each attempt, so that waiting deliveries hold none."""
        try:
            return await self._read(delivery)
        except NotFound as error:
            raise Undecodable("transcript_gone", f"the job's transcript is not in the store: {error}") from error

    def _unsent(self, answer: Answer) -> Attempted:
        return Attempted(answer, self._now(), 0.0)


def _unparsable(url: str) -> str | None:
    try:
        URL(url)
    except ValueError as error:
        return type(error).__name__
    return None
