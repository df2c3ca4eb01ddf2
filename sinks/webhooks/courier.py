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
from sinks.webhooks.recipients import Recipient, Recipients

log = get_logger(__name__)
ATTEMPTS_MAX = 256  # at a time for receivers that take what they get, and as many for all others: these may hang
Post = Callable[[aiohttp.ClientSession, Order, bytes], Awaitable[Answer]]
ReadBody = Callable[[WebhookDelivery], Awaitable[bytes]]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Attempted:
    answer: Answer
    at: datetime
    took_s: float


@dataclass(frozen=True, slots=True)
class Postponed:
    """The receiver takes nothing now: it asked for a pause, or is too slow for all that is to be sent."""

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
        with self._recipients.use(order.key, tls=order.url.startswith("https:")) as recipient:
            while True:
                try:
                    return await self._in_turn(order, recipient)
                except Retry as error:
                    self._outage.started(error)
                    pause_s = backoff.next_s(error.after_s)
                await self._sleep(pause_s)

    async def _in_turn(self, order: Order, recipient: Recipient) -> Result:
        """When the receiver has a place. The circuit may have opened meanwhile."""
        if order.may_wait:
            await recipient.evidence()
            if wait_s := recipient.overload_s(self._clock()):
                return Postponed(wait_s)
        async with recipient.turn():
            if not recipient.is_tripped or order.is_last:
                return await self._unless_asked(order, recipient)
            async with recipient.probe:  # those behind it wait for its result
                if open_s := recipient.open_s(self._clock()):
                    return self._unsent(
                        Answer("circuit_open", f"it has failed {recipient.failures} times; again in {open_s:.0f} s")
                    )
                return await self._unless_asked(order, recipient)

    async def _unless_asked(self, order: Order, recipient: Recipient) -> Result:
        asked_s = recipient.asked_until_s - self._clock()
        if order.may_wait and asked_s > 0:
            return Postponed(asked_s)
        async with self._places if recipient.is_proven else self._trials:
            return await self._send(order, recipient)

    async def _send(self, order: Order, recipient: Recipient) -> Attempted:
        body = await self._body(order.delivery)
        self._outage.ended()
        at, began_s = self._now(), self._clock()
        assert recipient.session is not None
        recipient.began_s.append(began_s)
        try:
            answer = await self._post(recipient.session, order, body)
        finally:
            recipient.began_s.remove(began_s)
        ended_s = self._clock()
        recipient.note(answer, ended_s - began_s, ended_s)
        return Attempted(answer, at, ended_s - began_s)

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
