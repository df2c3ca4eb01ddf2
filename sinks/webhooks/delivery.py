"""One webhook from its job to its end: attempts and the pauses between them, limited per host.

Fed by `sender`. An unreachable receiver occupies only a few slots, so that no other one waits for it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from yarl import URL

from runtime import metrics
from runtime.backoff import store_backoff
from runtime.errors import Retry
from runtime.logs import get_logger
from runtime.objects import NotFound
from runtime.webhooks import url_problem
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from schemas.record import TraceContext
from sinks.webhooks import message
from sinks.webhooks.attempt import Answer

log = get_logger(__name__)
PAUSES_S = (1.0, 5.0, 15.0)  # before the second attempt, the third, the last
RETRY_AFTER_MAX_S = 60.0  # a receiver that asks for a longer pause is given up
ATTEMPTS_MAX = 256  # in flight at a time
HOST_ATTEMPTS_MAX = 8  # of them for one host, so that thirty dead hosts leave room for others
HOST_SHARE = 256  # in flight for one host that keeps failing; further ones are given up immediately
SLOW_S = 5.0
STRUGGLES_AFTER = 8  # attempts in a row that failed or were slow

ReadBody = Callable[[JobChanged], Awaitable[bytes]]
Sleep = Callable[[float], Awaitable[object]]
End = Literal["delivered", "given_up"]


class Post(Protocol):
    async def __call__(self, url: str, webhook_id: str, body: bytes, trace: TraceContext | None = None) -> Answer: ...


@dataclass(slots=True)
class Host:
    """A receiver's host and port. `bad_in_a_row`: attempts in a row without a response, with a retriable status, or slow."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HOST_ATTEMPTS_MAX))
    in_flight: int = 0
    bad_in_a_row: int = 0

    def note(self, answer: Answer, took_s: float) -> None:
        is_bad = answer.is_worth_another or took_s > SLOW_S
        self.bad_in_a_row = self.bad_in_a_row + 1 if is_bad else 0

    @property
    def has_its_share(self) -> bool:
        """Whether more deliveries to it would fill the window that all hosts share."""
        return self.in_flight > HOST_SHARE and self.bad_in_a_row >= STRUGGLES_AFTER


class Courier:
    """Used from one event loop. `read`: the body; raises Retry, NotFound or Undecodable, as `Transcripts.read` does. `sleep` is
    given seconds."""

    def __init__(self, read: ReadBody, post: Post, pauses_s: Sequence[float] = PAUSES_S, sleep: Sleep = asyncio.sleep) -> None:
        self._read = read
        self._post = post
        self._pauses_s = pauses_s
        self._sleep = sleep
        self._hosts: dict[tuple[str | None, int | None], Host] = {}
        self._places = asyncio.Semaphore(ATTEMPTS_MAX)

    async def deliver(self, event: JobChanged) -> End:
        """Until it is delivered or given up, with one log line. Waits while the store is unavailable. Raises Undecodable if the
        transcript is not in the store."""
        url = event.job.webhook_url or ""
        if problem := url_problem(url):
            return _given_up(event, "-", 0, Answer("bad_url", problem))
        try:
            parsed = URL(url)
        except ValueError as error:
            return _given_up(event, "-", 0, Answer("bad_url", type(error).__name__))
        name = f"{parsed.raw_host}:{parsed.port}"
        with self._host(parsed) as host:
            if host.has_its_share:
                return _given_up(
                    event, name, 0, Answer("failed", f"the host keeps failing, and {HOST_SHARE} deliveries wait for it")
                )
            return await self._persist(event, host, name)

    async def _persist(self, event: JobChanged, host: Host, name: str) -> End:
        pauses = iter(self._pauses_s)
        attempts = 0
        while True:
            answer = await self._attempt(event, host)
            attempts += 1
            if answer.outcome == "delivered":
                log.debug(
                    "webhook.delivered",
                    **_ids(event),
                    host=name,
                    attempts=attempts,
                )
                return "delivered"
            pause_s = next(pauses, None)
            if pause_s is None or not answer.is_worth_another or (answer.after_s or 0) > RETRY_AFTER_MAX_S:
                return _given_up(event, name, attempts, answer)
            await self._sleep(max(pause_s, answer.after_s or 0))

    async def _attempt(self, event: JobChanged, host: Host) -> Answer:
        """Builds the body for each attempt, so that waiting deliveries hold none. An unavailable store is not an attempt."""
        backoff, away = store_backoff(), False
        while True:
            async with host.places, self._places:
                try:
                    body = await self._body(event)
                    began_s = time.monotonic()
                    answer = await self._post(event.job.webhook_url or "", message.webhook_id(event), body, event.job.trace)
                    host.note(answer, time.monotonic() - began_s)
                    metrics.WEBHOOK_ATTEMPTS.labels(answer.outcome).inc()
                    return answer
                except Retry as error:
                    pause_s = backoff.next_s(error.after_s)
                    if not away:
                        log.warning(
                            "webhook.waiting",
                            **_ids(event),
                            error=error,
                            wait_s=pause_s,
                        )
            away = True
            await self._sleep(pause_s)

    async def _body(self, event: JobChanged) -> bytes:
        try:
            return await self._read(event)
        except NotFound as error:
            raise Undecodable("transcript_gone", f"the job's transcript is not in the store: {error}") from error

    @contextmanager
    def _host(self, url: URL) -> Iterator[Host]:
        """The host is dropped when nothing is in flight for it."""
        key = (url.raw_host, url.port)
        host = self._hosts.setdefault(key, Host())
        host.in_flight += 1
        try:
            yield host
        finally:
            host.in_flight -= 1
            if not host.in_flight:
                del self._hosts[key]


def _ids(event: JobChanged) -> dict[str, str | None]:
    return {"job_id": str(event.job.job_id), "webhook_id": message.webhook_id(event), "trace_id": event.trace_id}


def _given_up(event: JobChanged, to: str | None, attempts: int, answer: Answer) -> End:
    """The URL itself is not logged: it may contain a secret."""
    metrics.WEBHOOKS_GIVEN_UP.labels(answer.outcome).inc()
    log.warning(
        "webhook.given_up",
        **_ids(event),
        host=to,
        attempts=attempts,
        outcome=answer.outcome,
        error=answer.detail,
    )
    return "given_up"
