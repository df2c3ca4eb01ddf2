"""The handler: what it takes, what it settles at once, what it forgets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.typing import EventDict

from runtime.kafka.messages import Partition, Received, Step
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from sinks.webhooks.sender import Finished
from sinks.webhooks.stage import IN_FLIGHT_MAX, WebhookHandler
from tests.ended import ended

NOW = datetime(2026, 1, 20, tzinfo=UTC)
URL = "https://receiver.example/"


class Deliveries:
    """Records its calls; the test decides what ends."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.ends: list[Finished] = []

    def start(self) -> None: ...

    def send(self, webhook_id: str, event: JobChanged) -> None:
        self.sent.append(webhook_id)

    def cancel(self, webhook_id: str) -> None:
        self.cancelled.append(webhook_id)

    def finished(self) -> Iterator[Finished]:
        ends, self.ends = self.ends, []
        return iter(ends)

    def close(self) -> None: ...


@pytest.fixture
def sender() -> Deliveries:
    return Deliveries()


@pytest.fixture
def handler(sender: Deliveries) -> WebhookHandler:
    return WebhookHandler(sender, lambda: NOW)


def record(event: JobChanged, offset: int = 0, partition: int = 0) -> Received[JobChanged]:
    return Received(Partition("jobs", partition), offset, b"key", b"value", event=event)


def job(number: int = 1) -> JobChanged:
    return ended(URL, number, at=NOW)


def settled(steps: Iterator[Step]) -> list[tuple[int, int]]:
    return [(s.settles.partition.number, s.settles.offset) for s in steps if s.settles is not None]


def test_a_tombstone_is_settled_at_once(handler: WebhookHandler, sender: Deliveries) -> None:
    gone: Received[JobChanged | None] = Received(Partition("jobs", 0), 0, b"key", None, event=None)
    assert settled(handler.handle([gone])) == [(0, 0)]
    assert not sender.sent


def test_a_record_without_a_url_or_of_an_unfinished_job_is_settled_at_once(handler: WebhookHandler, sender: Deliveries) -> None:
    records = [record(ended(None, at=NOW), 0), record(ended(URL, state="STARTED", at=NOW), 1)]
    assert settled(handler.handle(records)) == [(0, 0), (0, 1)]
    assert sender.sent == []


def test_a_record_is_settled_when_its_delivery_has_ended(handler: WebhookHandler, sender: Deliveries) -> None:
    assert settled(handler.handle([record(job(1), 0), record(job(2), 1), record(job(3), 2)])) == []
    first, second, third = sender.sent
    sender.ends = [(second, "delivered"), (third, "given_up")]
    assert settled(handler.handle([])) == [(0, 1), (0, 2)]
    sender.ends = [(first, "delivered")]
    assert settled(handler.handle([])) == [(0, 0)]


def test_a_repeated_record_is_delivered_once(handler: WebhookHandler, sender: Deliveries) -> None:
    assert settled(handler.handle([record(job(), 0), record(job(), 1)])) == []
    sender.ends = [(sender.sent[0], "delivered")]
    assert settled(handler.handle([])) == [(0, 0), (0, 1)]
    assert settled(handler.handle([record(job(), 2)])) == [(0, 2)]
    assert len(sender.sent) == 1


def test_a_repeat_of_what_was_given_up_is_tried_again(handler: WebhookHandler, sender: Deliveries) -> None:
    list(handler.handle([record(job(), 0)]))
    sender.ends = [(sender.sent[0], "given_up")]
    list(handler.handle([]))
    list(handler.handle([record(job(), 1)]))
    assert len(sender.sent) == 2


def test_a_missing_transcript_becomes_one_dead_letter(handler: WebhookHandler, sender: Deliveries) -> None:
    list(handler.handle([record(job(), 0), record(job(), 1)]))
    gone = Undecodable("transcript_gone", "no such object")
    sender.ends = [(sender.sent[0], gone)]
    assert [step.dead for step in handler.handle([])] == [gone, None]


def test_a_bug_in_a_delivery_ends_the_stage(handler: WebhookHandler, sender: Deliveries) -> None:
    list(handler.handle([record(job(), 0)]))
    sender.ends = [(sender.sent[0], ZeroDivisionError())]
    with pytest.raises(ZeroDivisionError):
        list(handler.handle([]))


def test_deliveries_of_a_revoked_partition_are_cancelled(handler: WebhookHandler, sender: Deliveries) -> None:
    list(handler.handle([record(job(1), 0, partition=0), record(job(2), 0, partition=1), record(job(1), 1, partition=1)]))
    one, two = sender.sent
    handler.on_revoke([Partition("jobs", 1)])
    assert sender.cancelled == [two]
    sender.ends = [(one, "delivered"), (two, "delivered")]
    assert settled(handler.handle([])) == [(0, 0)]
    assert settled(handler.handle([record(job(2), 0, partition=1)])) == [(1, 0)]  # it had been delivered all the same


def test_room_ends_when_the_window_is_full(handler: WebhookHandler, sender: Deliveries) -> None:
    assert handler.room("jobs") == IN_FLIGHT_MAX
    list(handler.handle([record(job(number), number) for number in range(IN_FLIGHT_MAX)]))
    assert handler.room("jobs") == 0
    sender.ends = [(sender.sent[0], "delivered")]
    list(handler.handle([]))
    assert handler.room("jobs") == 1


def test_jobs_that_ended_long_ago_are_not_delivered_when_the_group_starts_again(
    handler: WebhookHandler, sender: Deliveries, logged: list[EventDict]
) -> None:
    old = ended(URL, 1, at=NOW - timedelta(days=7, seconds=1))
    young = ended(URL, 2, at=NOW - timedelta(days=6, hours=23))
    assert settled(handler.handle([record(old, 0), record(young, 1)])) == [(0, 0)]
    assert len(sender.sent) == 1
    assert [line["outcome"] for line in logged if line["event"] == "webhook.given_up"] == ["too_old"]


def test_without_a_secret_nothing_is_sent_and_that_is_logged_once(logged: list[EventDict]) -> None:
    handler = WebhookHandler(None, lambda: NOW)
    handler.on_assign([Partition("jobs", 0)])
    assert settled(handler.handle([record(job(1), 0), record(job(2), 1)])) == [(0, 0), (0, 1)]
    (error,) = [line["error"] for line in logged if line["log_level"] == "error"]
    assert "MURMUR_WEBHOOK_SECRET" in error
    assert [line["event"] for line in logged].count("webhook.given_up") == 2
    handler.close()
