"""One attempt of a delivery, with a receiver that answers from a list.

Real receivers are in tests/contract/webhooks.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp
import pytest

from runtime.objects import NotFound, StoreUnavailable
from schemas.codec import Undecodable
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.attempt import Answer, Order
from sinks.webhooks.circuit import OPEN_S, TRIPS_AFTER
from sinks.webhooks.courier import Attempted, Courier, Postponed, Result
from sinks.webhooks.recipients import HOST, PROVEN, UNPROVEN, Recipients
from tests.unit.sinks.webhooks.scene import NOW, SIGNER, URL, delivery, order
from tests.waiting import DEADLINE_S

OK = Answer("delivered", "status 200", 200)
DOWN = Answer("failed", "status 500", 500)
ABSENT = Answer("refused", "status 404", 404)
UNREACHABLE = Answer("unreachable", "ConnectionRefusedError")
T = TypeVar("T")


class Session:
    """Of a receiver that is not there."""

    async def close(self) -> None: ...


class Receiver:
    """The last answer holds on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, str, bytes]] = []

    async def post(
        self,
        session: aiohttp.ClientSession,
        order: Order,
        body: bytes,
    ) -> Answer:
        self.got.append((order.url, order.delivery.webhook_id, body))
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def read(delivery: WebhookDelivery) -> bytes:
    return b"{}"


class Slept(list[float]):
    """The pauses, which take no time."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


def courier(receiver: Any, reading: Any = read, clock: Clock | None = None, slept: Slept | None = None) -> Courier:
    clock = clock or Clock()
    recipients = Recipients(lambda tls: Session(), clock)  # type: ignore[arg-type, return-value]
    return Courier(reading, receiver.post, recipients, lambda: NOW, Slept() if slept is None else slept)


def done(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def outcome(result: Result) -> str:
    assert isinstance(result, Attempted)
    return result.answer.outcome


def test_an_attempt_is_one_post_whatever_comes_of_it() -> None:
    receiver = Receiver(DOWN)
    assert done(courier(receiver).attempt(order())) == Attempted(DOWN, NOW, 0.0)
    assert receiver.got == [(URL, "msg_1_failure", b"{}")]


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "https://", "https://me:secret@a.example/", "https://a.example:0/", "https://a.example:x/", "https://[::1/",
     "/path", "https://@a.example/", "javascript:alert(1)"],
)  # fmt: skip
def test_nothing_is_sent_to_a_url_that_cannot_be_used(url: str) -> None:
    receiver = Receiver(OK)
    assert outcome(done(courier(receiver).attempt(Order(delivery(), "key", url, SIGNER)))) == "bad_url"
    assert receiver.got == []


def test_waiting_for_an_unavailable_store_is_no_attempt() -> None:
    away = 6

    async def reading(delivery: WebhookDelivery) -> bytes:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StoreUnavailable("no answer")
        return await read(delivery)

    receiver, slept = Receiver(OK), Slept()
    assert outcome(done(courier(receiver, reading, slept=slept).attempt(order()))) == "delivered"
    shortest = [1.0, 1.0, 2.0, 4.0, 5.0, 5.0]  # a second at least, as the error asks; longer by up to a quarter
    assert all(pause_s <= slept_s <= 1.25 * pause_s for pause_s, slept_s in zip(shortest, slept, strict=True))
    assert len(receiver.got) == 1


def test_a_missing_transcript_is_undecodable() -> None:
    async def gone(delivery: WebhookDelivery) -> bytes:
        raise NotFound("no such object")

    with pytest.raises(Undecodable) as error:
        done(courier(Receiver(OK), gone).attempt(order()))
    assert error.value.reason == "transcript_gone"


async def failing(sending: Courier, *, host: str = "receiver", urls: int = 1) -> None:
    """So often that the circuit opens."""
    for number in range(TRIPS_AFTER):
        await sending.attempt(order(number, host, f"{URL}&{number % urls}"))


def test_what_a_receiver_that_keeps_failing_gets_is_a_probe_now_and_then_and_the_rest_is_postponed() -> None:
    async def scene() -> None:
        receiver, clock = Receiver(DOWN), Clock()
        sending = courier(receiver, clock=clock)
        await failing(sending)
        assert await sending.attempt(order(99, url=f"{URL}&0")) == Postponed(OPEN_S)
        assert outcome(await sending.attempt(order(1, "another"))) == "failed"
        clock.now_s += OPEN_S
        results = await asyncio.gather(*(sending.attempt(order(number, url=f"{URL}&0")) for number in range(20)))
        assert [result for result in results if not isinstance(result, Attempted)] == [Postponed(2 * OPEN_S)] * 19
        assert len(receiver.got) == TRIPS_AFTER + 2

    done(scene())


def test_the_rest_waits_for_the_result_of_a_probe_and_follows_a_success() -> None:
    async def scene() -> None:
        receiver, clock = Receiver(*[DOWN] * TRIPS_AFTER, OK), Clock()
        sending = courier(receiver, clock=clock)
        await failing(sending)
        clock.now_s += OPEN_S
        results = await asyncio.gather(*(sending.attempt(order(number, url=f"{URL}&0")) for number in range(20)))
        assert {outcome(result) for result in results} == {"delivered"}

    done(scene())


def test_what_an_open_circuit_has_postponed_often_enough_counts_as_an_attempt_but_the_last_one_is_made() -> None:
    async def scene() -> None:
        receiver = Receiver(DOWN)
        sending = courier(receiver)
        await failing(sending)
        url = f"{URL}&0"
        assert outcome(await sending.attempt(order(97, url=url, may_wait_for_probe=False))) == "circuit_open"
        assert outcome(await sending.attempt(order(98, url=url, may_wait_for_probe=False, is_last=True))) == "failed"
        assert isinstance(await sending.attempt(order(99, url=url, is_last=True)), Postponed)

    done(scene())


def test_a_url_that_is_not_there_delays_no_other_at_its_host() -> None:
    async def scene() -> None:
        receiver = Receiver(*[ABSENT] * TRIPS_AFTER, OK)
        sending = courier(receiver)
        await failing(sending)
        assert outcome(await sending.attempt(order(9))) == "delivered"

    done(scene())


def test_several_urls_at_a_host_that_is_down_postpone_what_is_for_another_one_there() -> None:
    async def scene() -> None:
        sending = courier(Receiver(UNREACHABLE))
        await failing(sending, urls=TRIPS_AFTER)
        assert await sending.attempt(order(9)) == Postponed(OPEN_S)
        await failing(sending, host="another", urls=TRIPS_AFTER - 1)
        assert outcome(await sending.attempt(order(9, "another"))) == "unreachable"

    done(scene())


def test_a_receiver_that_asked_for_a_pause_has_it_and_so_has_the_attempt_that_failed() -> None:
    async def scene() -> None:
        receiver = Receiver(Answer("failed", "status 429", 429, after_s=60.0), OK)
        sending = courier(receiver)
        first = await sending.attempt(order(1))
        assert isinstance(first, Attempted)
        assert first.pause_s == 60.0
        assert await sending.attempt(order(2)) == Postponed(60.0)
        assert outcome(await sending.attempt(order(3, may_wait=False))) == "delivered"  # it has been postponed for long enough
        assert len(receiver.got) == 2

    done(scene())


def test_an_overloaded_receiver_has_a_pause_without_asking() -> None:
    async def scene() -> None:
        sending = courier(Receiver(Answer("failed", "status 429", 429)))
        await sending.attempt(order(1))
        assert await sending.attempt(order(2)) == Postponed(OPEN_S)

    done(scene())


class Stuck(Receiver):
    """Answers when it is let; `full`: all places of the receiver are taken."""

    def __init__(self) -> None:
        super().__init__(OK)
        self.let, self.full = asyncio.Event(), asyncio.Event()
        self.most = 0

    async def post(self, *arguments: Any, **options: Any) -> Answer:
        self.most += 1
        if self.most == UNPROVEN.places:
            self.full.set()
        await self.let.wait()
        return OK


def test_a_receiver_has_its_places_and_others_have_theirs() -> None:
    async def scene() -> None:
        dead, healthy = Stuck(), Receiver(OK)

        class Both:
            async def post(self, session: Any, order: Order, body: bytes) -> Answer:
                return await (healthy if order.host == "healthy" else dead).post(session, order, body)

        sending = courier(Both())
        waiting = [asyncio.ensure_future(sending.attempt(order(number, "dead"))) for number in range(PROVEN.count_max)]
        await asyncio.wait_for(dead.full.wait(), DEADLINE_S)
        assert outcome(await asyncio.wait_for(sending.attempt(order(999, "healthy")), DEADLINE_S)) == "delivered"
        assert dead.most == UNPROVEN.places
        dead.let.set()
        assert {outcome(result) for result in await asyncio.gather(*waiting)} == {"delivered"}

    done(scene())


def test_what_a_receiver_that_hangs_cannot_take_is_postponed() -> None:
    async def scene() -> None:
        dead, clock = Stuck(), Clock()
        sending = courier(dead, clock=clock)
        waiting = [asyncio.ensure_future(sending.attempt(order(number))) for number in range(PROVEN.count_max)]
        await asyncio.wait_for(dead.full.wait(), DEADLINE_S)
        clock.now_s += 3.0
        assert isinstance(await asyncio.wait_for(sending.attempt(order(999)), DEADLINE_S), Postponed)
        for one in waiting:
            one.cancel()

    done(scene())


def test_a_burst_for_a_receiver_that_answers_is_delivered_completely() -> None:
    async def scene() -> list[Result]:
        sending = courier(Receiver(OK))
        return await asyncio.gather(*(sending.attempt(order(number)) for number in range(10 * PROVEN.count_max)))

    assert {outcome(result) for result in done(scene())} == {"delivered"}


def test_urls_that_hang_leave_a_place_for_another_one_at_their_host() -> None:
    async def scene() -> None:
        hanging, healthy = Stuck(), Receiver(OK)

        class Mixed:
            async def post(self, session: Any, order: Order, body: bytes) -> Answer:
                return await (healthy if order.url == URL else hanging).post(session, order, body)

        sending = courier(Mixed())
        numbers = range(PROVEN.count_max)
        waiting = [asyncio.ensure_future(sending.attempt(order(number, url=f"{URL}&{number % 3}"))) for number in numbers]
        await asyncio.wait_for(hanging.full.wait(), DEADLINE_S)
        assert outcome(await asyncio.wait_for(sending.attempt(order(999)), DEADLINE_S)) == "delivered"
        assert hanging.most == 3 * UNPROVEN.places
        for one in waiting:
            one.cancel()

    done(scene())


def test_of_a_host_that_hangs_with_every_url_only_some_deliveries_wait_in_memory() -> None:
    async def scene() -> None:
        dead, clock = Stuck(), Clock()
        sending = courier(dead, clock=clock)
        waiting = [
            asyncio.ensure_future(sending.attempt(order(number, url=f"{URL}&{number}"))) for number in range(HOST.count_max)
        ]
        await asyncio.wait_for(dead.full.wait(), DEADLINE_S)
        clock.now_s += 3.0
        assert await asyncio.wait_for(sending.attempt(order(999)), DEADLINE_S) == Postponed(65 * 3.0 / HOST.places)
        assert dead.most == HOST.places
        for one in waiting:
            one.cancel()

    done(scene())
