"""The webhook sink on its topic: from a job's record to its receiver, and what survives a crash."""

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr
from structlog.typing import EventDict

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from schemas import codec
from schemas.deadletter import DeadLetter
from schemas.jobs import JobChanged
from schemas.topics import DEAD_LETTERS, JOBS
from sinks.webhooks import build
from tests.contract.brokers import committed, running, whole, write
from tests.contract.webhooks.receiver import Receiver
from tests.ended import SECRET, ended
from tests.processes import Process
from tests.waiting import wait_until


@pytest.fixture
def stage(kafka: Kafka, objects: DirectoryStore) -> Callable[[], Stage]:
    settings = Settings(webhook_secret=SecretStr(SECRET), webhook_allow_private=True)
    return lambda: build(Resources(settings, kafka, objects, catalogue.resolve("demo")))


def publish(kafka: Kafka, *events: JobChanged) -> None:
    write(kafka, JOBS, [(str(event.job.job_id).encode(), codec.encode(event)) for event in events], partition=0)


def offset(kafka: Kafka) -> int:
    return int(committed(kafka, "webhooks", JOBS).offset)


def test_from_the_jobs_topic_to_the_receiver(kafka: Kafka, receiver: Receiver, stage: Callable[[], Stage]) -> None:
    url = receiver.url("/ok")
    quiet = [ended(None, 1, "SUCCESS"), ended(url, 2, "STARTED")]
    publish(kafka, *quiet, ended(url, 2, "SUCCESS"), ended(url, 3), ended(url, 4, "REVOKED"), ended(url, 3))

    with running(stage()):
        wait_until(lambda: offset(kafka) == 6, "all settled")

    assert sorted(got.webhook_id[-9:] for got in receiver.got) == ["2_success", "3_failure", "4_revoked"]
    assert {got.document["success"] for got in receiver.got} == {True, False}


def test_a_record_is_committed_only_after_its_delivery(kafka: Kafka, receiver: Receiver, stage: Callable[[], Stage]) -> None:
    publish(kafka, ended(receiver.url("/ok"), 1), ended(receiver.url("/slow"), 2), ended(receiver.url("/ok"), 3))

    with running(stage()):
        receiver.wait("/slow", 1)
        receiver.wait("/ok", 2)
        wait_until(lambda: offset(kafka) == 1, "the first record's offset")
    assert offset(kafka) == 1

    with running(stage()):
        again = receiver.wait("/slow", 2)
        receiver.release.set()
    assert len({(got.webhook_id, got.body) for got in again}) == 1


def test_a_sender_that_crashes_between_the_response_and_the_commit_repeats_the_same_id(
    kafka: Kafka, objects: DirectoryStore, tmp_path: Path, stage: Callable[[], Stage]
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
        assert offset(kafka) < 1
        with running(stage()):
            wait_until(lambda: offset(kafka) == 1, "the second delivery")

        assert len(receiver.got) == 2
        assert len({(got.webhook_id, got.body) for got in receiver.got}) == 1


def test_it_waits_for_an_unavailable_store(
    kafka: Kafka, receiver: Receiver, objects: DirectoryStore, tmp_path: Path, stage: Callable[[], Stage]
) -> None:
    (tmp_path / "work").rename(tmp_path / "away")
    publish(kafka, ended(receiver.url("/ok"), 1, "SUCCESS"), ended(receiver.url("/ok"), 2))

    with running(stage()):
        receiver.wait("/ok", 1)
        assert offset(kafka) < 1
        (tmp_path / "away").rename(tmp_path / "work")
        wait_until(lambda: offset(kafka) == 2, "both")

    assert [got.document["success"] for got in receiver.got] == [False, True]


def test_a_missing_transcript_becomes_a_dead_letter(
    kafka: Kafka, receiver: Receiver, objects: DirectoryStore, stage: Callable[[], Stage]
) -> None:
    objects.delete("work", next(iter(objects.list("work"))).key)
    publish(kafka, ended(receiver.url("/ok"), 1, "SUCCESS"), ended(receiver.url("/ok"), 2))

    with running(stage()):
        dead = codec.decode(DeadLetter, whole(kafka, DEAD_LETTERS, 1)[0].value())
        wait_until(lambda: offset(kafka) == 2, "both settled")

    assert (dead.stage, dead.reason) == ("webhooks", "transcript_gone")
    assert len(receiver.got) == 1


def test_without_a_secret_nothing_is_sent_and_nothing_waits(
    kafka: Kafka, receiver: Receiver, objects: DirectoryStore, logged: list[EventDict]
) -> None:
    publish(kafka, ended(receiver.url("/ok")))
    unsigned = build(Resources(Settings(webhook_allow_private=True), kafka, objects, catalogue.resolve("demo")))

    with running(unsigned):
        wait_until(lambda: offset(kafka) == 1, "it is settled")

    assert receiver.got == []
    assert ["set MURMUR_WEBHOOK_SECRET" in line["error"] for line in logged if line["log_level"] == "error"] == [True]


def test_old_jobs_are_not_delivered_again_when_the_group_is_new(
    kafka: Kafka, receiver: Receiver, stage: Callable[[], Stage]
) -> None:
    url = receiver.url("/ok")
    publish(kafka, ended(url, 1, at=datetime.now(UTC) - timedelta(days=8)), ended(url, 2))

    with running(stage()):
        wait_until(lambda: offset(kafka) == 2, "both settled")

    assert [got.webhook_id[-9:] for got in receiver.got] == ["2_failure"]


def process(kafka: Kafka, work: Path) -> Process:
    """The sink as a process of its own."""
    given = {"bootstrap": kafka.bootstrap, "prefix": kafka.prefix, "extra": dict(kafka.consumer_extra), "work": str(work)}
    return Process(["-m", "tests.contract.webhooks.child", orjson.dumps(given).decode()], {}, work.parent / "sink.log")
