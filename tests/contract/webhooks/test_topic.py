"""The webhook sink on its topics: from a job's record to its receiver, and what survives a crash."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook
from structlog.typing import EventDict

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from schemas import codec
from schemas.deadletter import DeadLetter
from schemas.jobs import JobChanged
from schemas.record import Record
from schemas.topics import (
    DEAD_LETTERS,
    JOBS,
    PROGRESS,
    WEBHOOK_ATTEMPTS,
    WEBHOOK_DELIVERIES,
    WEBHOOK_ENDPOINT_STATES,
    WEBHOOK_ENDPOINTS,
    WEBHOOK_RETRIES,
    Topic,
)
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint, WebhookEndpointState
from schemas.work import WorkProgressed
from sinks.webhooks import build
from sinks.webhooks.circuit import TRIPS_AFTER
from tests.contract.brokers import running, whole, write
from tests.contract.webhooks.receiver import Got, Receiver
from tests.ended import SECRET, WORK_ID, ended
from tests.processes import Process
from tests.waiting import wait_until

SOON_S = (0.0, 0.05, 0.05)
NEVER_S = (0.0, 86_400.0)
JOBS_OF_AN_OUTAGE = 60


def settings(delays_s: tuple[float, ...] = SOON_S, **more: Any) -> Settings:
    return Settings(webhook_secret=SecretStr(SECRET), webhook_allow_private=True, webhook_delays_s=delays_s, **more)


@pytest.fixture
def stage(kafka: Kafka, objects: DirectoryStore) -> Callable[..., Stage]:
    def make(using: Settings | None = None, **more: Any) -> Stage:
        return build(Resources(using or settings(**more), kafka, objects, catalogue.resolve("demo")))

    return make


def publish(kafka: Kafka, *events: JobChanged) -> None:
    write(kafka, JOBS, [(str(event.job.job_id).encode(), codec.encode(event)) for event in events], partition=0)


def register(kafka: Kafka, url: str, endpoint_id: str = "ep_1", **fields: Any) -> WebhookEndpoint:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    times = {"created_at": long_ago, "changed_at": long_ago, "enabled_at": long_ago}
    secrets = [{"secret": SECRET, "created_at": long_ago}]
    usual = {"endpoint_id": endpoint_id, "owner": "default", "url": url, "secrets": secrets}
    endpoint = WebhookEndpoint.model_validate({**usual, **times, **fields})
    write(kafka, WEBHOOK_ENDPOINTS, [(endpoint_id.encode(), codec.encode(endpoint))])
    return endpoint


def offset(kafka: Kafka, topic: Topic = JOBS) -> int:
    """How many records of the topic are settled, in all partitions."""
    return sum(kafka.offsets.committed("webhooks", (topic,)).values())


def rows(kafka: Kafka, count: int) -> list[WebhookAttempted]:
    records = [codec.decode(WebhookAttempted, message.value()) for message in whole(kafka, WEBHOOK_ATTEMPTS, count)]
    return sorted(records, key=lambda row: row.attempted_at)


def all_of(kafka: Kafka, topic: Topic, kind: type[Record], count: int) -> list[Any]:
    return [codec.decode(kind, message.value()) for message in whole(kafka, topic, count)]


def test_from_the_jobs_topic_to_the_receiver(kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]) -> None:
    url = receiver.url("/ok")
    quiet = [ended(None, 1, "SUCCESS"), ended(url, 2, "STARTED")]
    publish(kafka, *quiet, ended(url, 2, "SUCCESS"), ended(url, 3), ended(url, 4, "REVOKED"))

    with running(stage()):
        receiver.wait("/ok", 3)
        wait_until(lambda: (offset(kafka), offset(kafka, WEBHOOK_DELIVERIES)) == (5, 3), "all settled")

    assert sorted(got.webhook_id[-9:] for got in receiver.got) == ["2_success", "3_failure", "4_revoked"]
    assert {got.document["success"] for got in receiver.got} == {True, False}
    assert {(row.outcome, row.state, row.attempt) for row in rows(kafka, 3)} == {("delivered", "delivered", 1)}


def test_a_failed_attempt_is_repeated_with_the_same_id_and_body_until_there_is_no_further_one(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    publish(kafka, ended(receiver.url("/flaky"), 1), ended(receiver.url("/down"), 2))

    with running(stage()):
        found = rows(kafka, 5)

    outcomes = {which: [row.state for row in found if row.webhook_id[-9] == which] for which in "12"}
    assert outcomes == {"1": ["pending", "delivered"], "2": ["pending", "pending", "given_up"]}
    assert [row.attempt for row in found if row.webhook_id[-9] == "2"] == [1, 2, 3]
    assert len({(got.webhook_id, got.body) for got in receiver.at("/down")}) == 1


def test_what_waits_for_its_next_attempt_holds_up_nothing_and_outlives_the_process(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    publish(kafka, *(ended(receiver.url("/flaky"), number) for number in range(3)))
    with running(stage(delays_s=NEVER_S)):
        found = rows(kafka, 3)
        wait_until(lambda: offset(kafka, WEBHOOK_DELIVERIES) == 3, "the first attempts to be settled")
        publish(kafka, ended(receiver.url("/ok"), 9))
        receiver.wait("/ok", 1)
    assert sorted(row.state for row in found) == ["delivered", "delivered", "pending"]
    assert offset(kafka, WEBHOOK_RETRIES[0]) == 0

    (waiting,) = all_of(kafka, WEBHOOK_RETRIES[0], WebhookDelivery, 1)
    due = waiting.model_copy(update={"due_at": datetime.now(UTC)})
    with running(stage(delays_s=NEVER_S)):
        write(kafka, WEBHOOK_RETRIES[1], [(waiting.recipient.encode(), codec.encode(due))])
        receiver.wait("/flaky", 4)
    assert len({(got.webhook_id, got.body) for got in receiver.at("/flaky")}) == 3


def test_urls_that_are_not_there_or_hang_delay_no_other_at_the_same_host(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    """Many applications have their hooks at one host, and without API keys all jobs have one owner."""
    others = [ended(receiver.url(path), number) for number, path in enumerate(("/absent", "/slow") * (TRIPS_AFTER + 1))]
    publish(kafka, *others)
    with running(stage(delays_s=NEVER_S)):
        receiver.wait("/absent", TRIPS_AFTER)
        receiver.wait("/slow", 1)
        publish(
            kafka, *(ended(receiver.url(f"/ok/{number}"), 100 + number) for number in range(3)), ended(receiver.url("/ok"), 99)
        )
        receiver.wait("/ok", 1)
        wait_until(lambda: all(receiver.at(f"/ok/{number}") for number in range(3)), "the others")


def test_while_receivers_hang_on_a_real_broker_all_others_get_theirs(
    real_kafka: Kafka, receiver: Receiver, objects: DirectoryStore
) -> None:
    """Endpoints and jobs' own URLs, all at one host: some hang, some are not there."""
    register(real_kafka, receiver.url("/slow"), "ep_hangs")
    healthy = [f"/ok/{number}" for number in range(10)]
    for number, path in enumerate(healthy):
        register(real_kafka, receiver.url(path), f"ep_{number}")
    own = [f"/ok/own-{number}" if number % 3 == 0 else ("/slow", "/absent")[number % 2] for number in range(30)]
    publish(real_kafka, *(ended(receiver.url(path), number) for number, path in enumerate(own)))
    with running(build(Resources(settings(NEVER_S), real_kafka, objects, catalogue.resolve("demo")))):
        expected = {path: len(own) for path in healthy} | {path: 1 for path in own if path.startswith("/ok")}
        wait_until(lambda: {path: len(receiver.at(path)) for path in expected} == expected, "all but what hangs")
    assert receiver.at("/slow")
    assert not receiver.release.is_set()


def test_a_pause_between_two_delays_goes_through_the_topic_of_the_shorter_one(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    publish(kafka, ended(receiver.url("/busy")))  # 429, again after 1 s
    with running(stage(delays_s=(0.0, 0.3, 600.0))):
        found = rows(kafka, 2)
        waited = all_of(kafka, WEBHOOK_RETRIES[0], WebhookDelivery, 3)
    assert [row.state for row in found] == ["pending", "delivered"]
    assert found[0].next_attempt_at is not None
    assert found[1].attempted_at >= found[0].next_attempt_at
    assert {(each.attempt, each.due_at) for each in waited} == {(2, found[0].next_attempt_at)}


def test_a_sender_that_crashes_between_the_response_and_the_commit_repeats_the_same_id(
    kafka: Kafka, objects: DirectoryStore, tmp_path: Path, stage: Callable[..., Stage]
) -> None:
    victims: list[int] = []

    def kill(_got: object) -> None:
        """The receiver has the request; its sender will never commit it."""
        if victims:
            os.kill(victims.pop(), signal.SIGKILL)

    with Receiver(on_ok=kill) as receiver:
        with process(kafka, tmp_path / "work") as victim:
            victims.append(victim.pid)
            publish(kafka, ended(receiver.url("/ok"), state="SUCCESS"))
            assert victim.wait() == -signal.SIGKILL
        assert offset(kafka, WEBHOOK_DELIVERIES) < 1
        with running(stage()):
            wait_until(lambda: offset(kafka, WEBHOOK_DELIVERIES) >= 1, "the second delivery")

        assert len(receiver.got) >= 2
        assert len({(got.webhook_id, got.body) for got in receiver.got}) == 1


def test_it_waits_for_an_unavailable_store(
    kafka: Kafka, receiver: Receiver, objects: DirectoryStore, tmp_path: Path, stage: Callable[..., Stage]
) -> None:
    (tmp_path / "work").rename(tmp_path / "away")
    publish(kafka, ended(receiver.url("/ok"), 1, "SUCCESS"), ended(receiver.url("/ok"), 2))

    with running(stage()):
        receiver.wait("/ok", 1)
        (tmp_path / "away").rename(tmp_path / "work")
        wait_until(lambda: offset(kafka, WEBHOOK_DELIVERIES) == 2, "both")

    assert [got.document["success"] for got in receiver.got] == [False, True]


def test_a_missing_transcript_becomes_a_dead_letter(
    kafka: Kafka, receiver: Receiver, objects: DirectoryStore, stage: Callable[..., Stage]
) -> None:
    objects.delete("work", next(iter(objects.list("work"))).key)
    publish(kafka, ended(receiver.url("/ok"), 1, "SUCCESS"), ended(receiver.url("/ok"), 2))

    with running(stage()):
        (dead,) = all_of(kafka, DEAD_LETTERS, DeadLetter, 1)
        wait_until(lambda: offset(kafka, WEBHOOK_DELIVERIES) == 2, "both settled")

    assert (dead.stage, dead.reason) == ("webhooks", "transcript_gone")
    assert len(receiver.got) == 1


def test_without_a_secret_nothing_is_sent_and_nothing_waits(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage], logged: list[EventDict]
) -> None:
    publish(kafka, ended(receiver.url("/ok")))

    with running(stage(Settings(webhook_allow_private=True))):
        wait_until(lambda: offset(kafka) == 1, "it is settled")

    assert receiver.got == []
    assert ["set MURMUR_WEBHOOK_SECRET" in line["error"] for line in logged if line["log_level"] == "error"] == [True]


def test_old_jobs_are_not_delivered_again_when_the_group_is_new(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    url = receiver.url("/ok")
    publish(kafka, ended(url, 1, at=datetime.now(UTC) - timedelta(days=8)), ended(url, 2))

    with running(stage()):
        receiver.wait("/ok", 1)
        wait_until(lambda: offset(kafka) == 2, "both settled")

    assert [got.webhook_id[-9:] for got in receiver.got] == ["2_failure"]


def test_an_endpoint_gets_its_owners_jobs_signed_with_its_own_keys(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    new = "whsec_" + "bmV3" * 8
    now = datetime.now(UTC)
    old = {"secret": SECRET, "created_at": now, "valid_until": now + timedelta(hours=1)}
    register(kafka, receiver.url("/ok"), secrets=[old, {"secret": new, "created_at": now}])
    register(kafka, receiver.url("/says"), "ep_2", owner="somebody-else")
    publish(kafka, ended(None, 1), ended(receiver.url("/down"), 2, "STARTED"))

    with running(stage(Settings(webhook_allow_private=True))):
        (got,) = receiver.wait("/ok", 1)
        (row,) = rows(kafka, 1)

    Webhook(new).verify(got.body, got.headers)  # the receiver has verified the old one
    assert (row.endpoint_id, row.state) == ("ep_1", "delivered")
    assert [each.path for each in receiver.got] == ["/ok"]


def test_410_disables_an_endpoint_and_another_one_is_notified(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage], logged: list[EventDict]
) -> None:
    register(kafka, receiver.url("/gone"))
    register(kafka, receiver.url("/ok"), "ep_2", events=["endpoint.disabled"])
    publish(kafka, ended(None, 1))

    with running(stage()):
        (got,) = receiver.wait("/ok", 1)
        (state,) = all_of(kafka, WEBHOOK_ENDPOINT_STATES, WebhookEndpointState, 1)
        publish(kafka, ended(None, 2))
        wait_until(lambda: offset(kafka) == 2, "the second job")

    assert (state.endpoint_id, state.reason) == ("ep_1", "gone")
    assert got.document["type"] == "endpoint.disabled"
    assert got.document["data"]["endpoint_id"] == "ep_1"
    assert len(receiver.at("/gone")) == 1
    assert [line["reason"] for line in logged if line["event"] == "webhook.endpoint_disabled"] == ["gone"]


def test_an_endpoint_that_only_fails_is_disabled_and_a_resend_reaches_it_once_it_is_enabled_again(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    endpoint = register(kafka, receiver.url("/down"))
    publish(kafka, ended(None, 1))
    with running(stage(webhook_disable_after_s=0.01)):
        states = all_of(kafka, WEBHOOK_ENDPOINT_STATES, WebhookEndpointState, 2)
        first = rows(kafka, 2)[0]
    disabled = max(states, key=lambda state: state.changed_at)
    assert (disabled.reason, disabled.failing_since) == ("failing", first.attempted_at)

    now = datetime.now(UTC)
    repaired = endpoint.model_copy(update={"url": receiver.url("/ok"), "enabled_at": now, "changed_at": now})
    write(kafka, WEBHOOK_ENDPOINTS, [(b"ep_1", codec.encode(repaired))])
    resend = all_of(kafka, WEBHOOK_DELIVERIES, WebhookDelivery, 1)[0].model_copy(update={"requested_at": now, "due_at": now})
    with running(stage()):
        write(kafka, WEBHOOK_DELIVERIES, [(b"ep_1", codec.encode(resend))])
        receiver.wait("/ok", 1)
    assert len({(got.webhook_id, got.body) for got in receiver.got}) == 1


def test_after_an_outage_all_is_delivered_although_senders_are_killed(
    real_kafka: Kafka, objects: DirectoryStore, tmp_path: Path
) -> None:
    """A day of 75 hours, compressed to seconds."""
    delays_s = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    with Receiver() as away:
        url = away.url("/ok")
    publish(real_kafka, *(ended(url, number) for number in range(JOBS_OF_AN_OUTAGE)))
    with process(real_kafka, tmp_path / "work", delays_s) as victim, process(real_kafka, tmp_path / "work", delays_s) as other:
        whole(real_kafka, WEBHOOK_ATTEMPTS, 2 * JOBS_OF_AN_OUTAGE)
        victim.kill()
        with process(real_kafka, tmp_path / "work", delays_s), Receiver(port=away.server_port) as back:
            wait_until(lambda: len({got.webhook_id for got in back.got}) == JOBS_OF_AN_OUTAGE, "all of them")
            other.kill()
    assert len({(got.webhook_id, got.body) for got in back.got}) == JOBS_OF_AN_OUTAGE

    found = rows(real_kafka, 3 * JOBS_OF_AN_OUTAGE)
    assert "given_up" not in {row.state for row in found}
    first: dict[tuple[str, int], datetime] = {}
    for row in found:
        first.setdefault((row.webhook_id, row.attempt), row.attempted_at)
    early = [
        (which, attempt, at - before)
        for (which, attempt), at in first.items()
        if (before := first.get((which, attempt - 1))) and (at - before).total_seconds() < 0.9 * delays_s[attempt - 1]
    ]
    assert early == []


def process(kafka: Kafka, work: Path, delays_s: tuple[float, ...] = SOON_S) -> Process:
    """The sink as a process of its own."""
    given = {"bootstrap": kafka.bootstrap, "prefix": kafka.prefix, "extra": dict(kafka.consumer_extra), "work": str(work)}
    arguments = orjson.dumps({**given, "delays_s": delays_s}).decode()
    return Process(["-m", "tests.contract.webhooks.child", arguments], {}, work.parent / f"sink-{uuid4()}.log")


def test_the_progress_of_a_job_goes_to_the_endpoints_that_ask_for_it(
    kafka: Kafka, receiver: Receiver, stage: Callable[..., Stage]
) -> None:
    register(kafka, receiver.url("/ok/ends"), "ep_1")
    publish(kafka, ended(None, 1, "STARTED", duration_s=10.0), ended(None, 2, "STARTED"), ended(None, 3, "STARTED"))
    write(kafka, JOBS, [(str(UUID(int=3)).encode(), None)], partition=0)  # it was deleted
    half = codec.encode(WorkProgressed(work_id=WORK_ID, run="0-1", span=(0, 1), share=0.5, segments=()))

    def sent() -> list[Got]:
        """Read from when the sink reads it: so it is written until then. A repeat has no event of its own."""
        write(kafka, PROGRESS, [(WORK_ID.encode(), half)])
        return receiver.at("/ok/progress")

    with running(stage()):
        wait_until(lambda: offset(kafka) == 4, "the jobs")
        assert "webhooks-progress" not in {thread.name for thread in threading.enumerate()}
        register(kafka, receiver.url("/ok/progress"), "ep_2", events=("transcription.progress",))
        wait_until(lambda: len(sent()) == 2, "an event of each job that runs")
        publish(kafka, ended(None, 1), ended(None, 2))
        receiver.wait("/ok/ends", 2)
        assert {row.state for row in rows(kafka, 4)} == {"delivered"}

    first, second = sorted(receiver.at("/ok/progress"), key=lambda got: got.webhook_id)
    assert [got.webhook_id for got in (first, second)] == [f"msg_{UUID(int=number)}_progress_50" for number in (1, 2)]
    assert first.document["progress"] == {"fraction": 0.5, "processed_s": 5.0, "total_s": 10.0, "eta_s": None}
    assert (first.document["type"], first.document["state"]) == ("transcription.progress", "STARTED")
