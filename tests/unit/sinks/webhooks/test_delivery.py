"""A delivery from its job to its end, with a receiver that answers from a list.

Real receivers are in tests/contract/webhooks.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.typing import EventDict

from runtime.objects import NotFound, StoreUnavailable
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from schemas.record import TraceContext
from sinks.webhooks import delivery
from sinks.webhooks.attempt import Answer
from sinks.webhooks.delivery import Courier, End
from tests.ended import ended
from tests.waiting import DEADLINE_S

URL = "https://receiver.example/hook?token=hidden"
OK = Answer("delivered", "status 200")
DOWN = Answer("failed", "status 500")


class Receiver:
    """Answers from a list, the last answer again and again."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, str, bytes]] = []
        self.traces: list[TraceContext | None] = []

    async def post(self, url: str, webhook_id: str, body: bytes, trace: TraceContext | None = None) -> Answer:
        self.got.append((url, webhook_id, body))
        self.traces.append(trace)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def read(event: JobChanged) -> bytes:
    return b"{}"


class Slept(list[float]):
    """The pauses, which take no time."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def slept() -> Slept:
    return Slept()


def done(work: Coroutine[Any, Any, End]) -> End:
    return asyncio.run(work)


def test_what_fails_for_a_while_is_tried_again_with_the_same_id_and_body(slept: Slept) -> None:
    receiver = Receiver(DOWN, Answer("unreachable", "refused"), Answer("timed_out", "15 s"), OK)

    assert done(Courier(read, receiver.post, sleep=slept).deliver(ended(URL, state="SUCCESS"))) == "delivered"

    assert slept == [1.0, 5.0, 15.0]
    assert len(receiver.got) == 4
    assert len(set(receiver.got)) == 1


def test_what_keeps_failing_is_given_up_in_one_line_without_the_urls_secret(slept: Slept, logged: list[EventDict]) -> None:
    receiver = Receiver(DOWN)
    assert done(Courier(read, receiver.post, sleep=slept).deliver(ended(URL))) == "given_up"

    assert len(receiver.got) == 4
    assert logged == [
        {
            "event": "webhook.given_up",
            "log_level": "warning",
            "job_id": "00000000-0000-0000-0000-000000000001",
            "webhook_id": "msg_00000000-0000-0000-0000-000000000001_failure",
            "trace_id": None,
            "host": "receiver.example:443",
            "attempts": 4,
            "outcome": "failed",
            "error": "status 500",
        }
    ]


@pytest.mark.parametrize("outcome", ["refused", "redirected", "forbidden_address", "bad_url"])
def test_what_cannot_get_better_is_given_up_at_once(slept: Slept, outcome: Any) -> None:
    receiver = Receiver(Answer(outcome, "no"), OK)
    assert done(Courier(read, receiver.post, sleep=slept).deliver(ended(URL))) == "given_up"
    assert (len(receiver.got), slept) == (1, [])


def test_retry_after_lengthens_a_pause_and_never_shortens_it(slept: Slept) -> None:
    receiver = Receiver(Answer("failed", "status 429", 30.0), Answer("failed", "status 503", 2.0), OK)
    assert done(Courier(read, receiver.post, sleep=slept).deliver(ended(URL))) == "delivered"
    assert slept == [30.0, 5.0]


def test_a_receiver_with_a_retry_after_of_an_hour_is_given_up_without_another_attempt(slept: Slept) -> None:
    receiver = Receiver(Answer("failed", "status 429", 3600.0), OK)
    assert done(Courier(read, receiver.post, sleep=slept).deliver(ended(URL))) == "given_up"
    assert (len(receiver.got), slept) == (1, [])


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "https://", "https://me:secret@a.example/", "https://a.example:0/", "https://a.example:x/", "https://[::1/",
     "/path", "https://@a.example/", "javascript:alert(1)"],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_given_up_without_an_attempt(url: str) -> None:
    receiver = Receiver(OK)
    assert done(Courier(read, receiver.post).deliver(ended(url))) == "given_up"
    assert receiver.got == []


def test_waiting_for_an_unavailable_store_costs_no_attempt(slept: Slept) -> None:
    away = 6

    async def reading(event: JobChanged) -> bytes:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StoreUnavailable("no answer")
        return await read(event)

    receiver = Receiver(DOWN, OK)
    assert done(Courier(reading, receiver.post, sleep=slept).deliver(ended(URL, state="SUCCESS"))) == "delivered"
    *for_the_store, between_attempts = slept
    shortest = [1.0, 1.0, 2.0, 4.0, 5.0, 5.0]  # a second at least, as the error asks; longer by up to a quarter
    assert all(pause_s <= slept_s <= 1.25 * pause_s for pause_s, slept_s in zip(shortest, for_the_store, strict=True))
    assert between_attempts == 1.0
    assert len(receiver.got) == 2


def test_a_missing_transcript_is_undecodable() -> None:
    async def gone(event: JobChanged) -> bytes:
        raise NotFound("no such object")

    with pytest.raises(Undecodable) as error:
        done(Courier(gone, Receiver(OK).post).deliver(ended(URL, state="SUCCESS")))
    assert error.value.reason == "transcript_gone"


def test_the_receiver_gets_the_trace_of_the_request() -> None:
    receiver, trace = Receiver(OK), TraceContext(traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    event = ended(URL)
    event = event.model_copy(update={"job": event.job.model_copy(update={"trace": trace})})
    assert done(Courier(read, receiver.post).deliver(event)) == "delivered"
    assert receiver.traces == [trace]


def test_a_host_has_its_places_and_others_have_theirs() -> None:
    async def scene() -> None:
        stuck, full = asyncio.Event(), asyncio.Event()
        at_the_dead = 0

        async def post(url: str, webhook_id: str, body: bytes, trace: TraceContext | None = None) -> Answer:
            nonlocal at_the_dead
            if "dead" in url:
                at_the_dead += 1
                if at_the_dead == delivery.HOST_ATTEMPTS_MAX:
                    full.set()
                await stuck.wait()
            return OK

        courier = Courier(read, post)
        dead = [asyncio.ensure_future(courier.deliver(ended("https://dead.example/", n))) for n in range(300)]
        await asyncio.wait_for(full.wait(), DEADLINE_S)
        assert await asyncio.wait_for(courier.deliver(ended(URL)), DEADLINE_S) == "delivered"
        assert at_the_dead == delivery.HOST_ATTEMPTS_MAX
        stuck.set()
        assert set(await asyncio.gather(*dead)) == {"delivered"}

    asyncio.run(scene())


def test_a_host_that_struggles_cannot_fill_the_window(slept: Slept) -> None:
    async def scene() -> None:
        struggles = asyncio.Event()
        receiver = Receiver(DOWN)

        async def post(url: str, webhook_id: str, body: bytes, trace: TraceContext | None = None) -> Answer:
            if len(receiver.got) > delivery.STRUGGLES_AFTER:
                struggles.set()
                await asyncio.Event().wait()
            return await receiver.post(url, webhook_id, body)

        courier = Courier(read, post, sleep=slept)
        early = [asyncio.ensure_future(courier.deliver(ended(URL, n))) for n in range(delivery.HOST_SHARE)]
        await struggles.wait()
        tried = len(receiver.got)
        assert await courier.deliver(ended(URL, 9999)) == "given_up"
        assert len(receiver.got) == tried
        for one in early:
            one.cancel()

    asyncio.run(scene())


def test_a_burst_for_a_host_that_answers_is_delivered_completely(slept: Slept) -> None:
    async def scene() -> list[End]:
        courier = Courier(read, Receiver(DOWN, DOWN, OK).post, sleep=slept)
        return await asyncio.gather(*(courier.deliver(ended(URL, n)) for n in range(3 * delivery.HOST_SHARE)))

    assert set(asyncio.run(scene())) == {"delivered"}
