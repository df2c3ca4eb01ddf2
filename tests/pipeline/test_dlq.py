"""What a running system cannot understand becomes a dead letter, whole; `murmur dlq` lists, shows and replays it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from murmur.dev import Dev
from runtime.kafka.deadletters import Letters
from runtime.kafka.writer import Writer
from runtime.objects import NotFound
from runtime.settings import Settings
from schemas import codec
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.jobs import JobRequested
from schemas.topics import CHUNK_RESULTS, DEAD_LETTERS, REQUESTS, UPLOADS, Topic
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.reading import events, records
from tests.processes import Murmur, only_line
from tests.waiting import DEADLINE_S, wait_until

PLACE = ("topic", "partition", "offset")
STAGE = {REQUESTS: "coordinator", CHUNK_RESULTS: "coordinator", UPLOADS: "intake"}


@pytest.fixture
def murmur(system: Dev, tmp_path: Path) -> Murmur:
    assert system.broker is not None
    return Murmur(tmp_path, {"MURMUR_KAFKA_BOOTSTRAP": system.broker.bootstrap})


def produce(system: Dev, topic: Topic, value: bytes | None, key: str | None = None) -> str:
    """The record's key, by which its letter is found: a new one unless it is given."""
    key = key or f"test-{uuid.uuid4()}"
    kafka = system.resources.kafka
    producer = kafka.producer("test")
    producer.produce(kafka.name(topic), key=key.encode(), value=value, headers=[("from", b"a test")])
    assert producer.flush(DEADLINE_S) == 0
    return key


def letters(murmur: Murmur, key: str, *options: str) -> list[dict[str, Any]]:
    """Of the record with this key; of a settled one the mark, which has no key."""
    done = murmur("dlq", "list", "--json", *options)
    assert done.returncode == 0, done.stderr
    wanted = {DeadLetter.wrap(key.encode()), None} if options else {DeadLetter.wrap(key.encode())}
    return [letter for letter in map(json.loads, done.stdout.splitlines()) if letter["key"] in wanted]


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (REQUESTS, b"\xff not JSON \x1b[31m", "not_json"),
        (REQUESTS, b'{"job": 1}', "wrong_schema"),
        (REQUESTS, b'{"version": 99}', "unknown_version"),
        (REQUESTS, None, "tombstone"),
        (CHUNK_RESULTS, b"[]", "wrong_schema"),
        (CHUNK_RESULTS, None, "tombstone"),
        (UPLOADS, b"not JSON", "not_json"),
        (UPLOADS, b'{"Records": 1}', "wrong_schema"),
        (UPLOADS, b'{"a": 1}', "wrong_schema"),
        (UPLOADS, None, "tombstone"),
    ],
)
def test_undecodable_records_are_kept_completely_and_the_stage_continues(
    system: Dev, client: Client, topic: Topic, value: bytes | None, reason: str
) -> None:
    key = produce(system, topic, value)
    (letter,) = wait_until(
        lambda: events(system, DEAD_LETTERS, DeadLetter, lambda letter: letter.key == DeadLetter.wrap(key.encode())), "the letter"
    )
    assert (letter.topic, letter.stage, letter.reason) == (topic.name, STAGE[topic], reason)
    assert letter.value == DeadLetter.wrap(value)
    assert letter.headers == (("from", DeadLetter.wrap(b"a test")),)
    assert system.not_ready()[STAGE[topic]] is None
    assert client.ended(client.submit(BY_NAME["en-command.wav"].path))["state"] == "SUCCESS"


@pytest.mark.parametrize("value", [b"\xff not JSON \x1b[31m", None])
def test_a_dead_letter_is_listed_shown_and_printed_as_it_was(system: Dev, murmur: Murmur, value: bytes | None) -> None:
    key = produce(system, REQUESTS, value)
    (letter,) = wait_until(lambda: letters(murmur, key), "the dead letter")
    assert letter["value"] == DeadLetter.wrap(value)
    assert letter["headers"] == [["from", DeadLetter.wrap(b"a test")]]
    letter_id = letter["id"]
    assert letter_id == f"{letter['topic']}-{letter['partition']}@{letter['offset']}~coordinator~{system.resources.kafka.epoch}"
    shown = murmur("dlq", "show", letter_id)
    assert key in shown.stdout
    assert "\x1b" not in shown.stdout
    assert murmur.raw("dlq", "show", letter_id, "--raw") == (value or b"")
    assert f"{letter_id}  " in murmur("dlq", "list").stdout


def test_a_record_too_large_for_a_letter_is_kept_in_the_store_and_can_be_replayed(
    system: Dev, client: Client, murmur: Murmur
) -> None:
    value = b"x" * 1_500_000
    key = produce(system, UPLOADS, value)
    (letter,) = wait_until(lambda: letters(murmur, key), "the dead letter")
    assert (letter["value"], letter["reason"]) == (None, "not_json")
    assert system.resources.objects.get(letter["value_at"]["bucket"], letter["value_at"]["key"]) == value
    assert letter["value_at"]["key"] in murmur("dlq", "show", letter["id"]).stdout
    store = {"MURMUR_STORE": "directory", "MURMUR_STORE_DIR": str(system.settings.data_dir)}
    local = Murmur(murmur.cwd, {**murmur.environment, **store})
    assert local.raw("dlq", "show", letter["id"], "--raw") == value
    assert local("dlq", "replay", letter["id"]).returncode == 0
    (again,) = wait_until(lambda: [one for one in letters(murmur, key) if one["id"] != letter["id"]], "the second letter")
    assert again["value_at"]["key"] != letter["value_at"]["key"]
    with pytest.raises(NotFound):
        system.resources.objects.get(letter["value_at"]["bucket"], letter["value_at"]["key"])
    assert client.ended(client.submit(BY_NAME["en-command.wav"].path))["state"] == "SUCCESS"


def test_what_is_still_undecodable_becomes_a_dead_letter_again(system: Dev, murmur: Murmur) -> None:
    key = produce(system, REQUESTS, b"nonsense")
    (letter,) = wait_until(lambda: letters(murmur, key), "the dead letter")
    replayed = murmur("dlq", "replay", letter["id"])
    assert (replayed.returncode, only_line(replayed.stdout)) == (0, "replayed 1")
    (again,) = wait_until(lambda: [one for one in letters(murmur, key) if one["id"] != letter["id"]], "the second letter")
    assert again["value"] == letter["value"]
    assert dict(again["headers"])["murmur-replayed"] is not None
    (settled,) = [one for one in letters(murmur, key, "--settled") if one["id"] == letter["id"]]
    assert settled["settled"]["outcome"] == "replayed"


def test_a_letter_is_replayed_once_and_not_after_it_was_dropped(system: Dev, murmur: Murmur) -> None:
    key = produce(system, REQUESTS, b"nonsense")
    (letter,) = wait_until(lambda: letters(murmur, key), "the dead letter")
    assert murmur("dlq", "replay", letter["id"]).stdout == "replayed 1\n"
    assert murmur("dlq", "replay", letter["id"]).stdout == "replayed 0\n"
    (again,) = wait_until(lambda: letters(murmur, key), "the second letter")
    would = murmur("dlq", "drop", again["id"], "--dry-run")
    assert (would.stdout, would.stderr) == (f"{again['id']}\n", "would be dropped 1\n")
    assert murmur("dlq", "drop", again["id"]).stdout == "dropped 1\n"
    after = murmur("dlq", "replay", again["id"])
    assert (after.stdout, after.stderr) == ("replayed 0\n", "settled before: 1\n")
    assert letters(murmur, key) == []
    assert "dropped" in murmur("dlq", "show", again["id"]).stdout


def test_a_good_record_that_died_is_handled_when_it_is_replayed(system: Dev, client: Client, murmur: Murmur) -> None:
    """As after an update: what an older version could not understand, this one can."""
    client.ended(client.submit(BY_NAME["en-command.wav"].path))
    record = next(r for r in reversed(records(system, REQUESTS)) if isinstance(r.event, JobRequested))
    assert isinstance(record.event, JobRequested)
    job_id = uuid.uuid4()
    request = record.event.model_copy(update={"job": record.event.job.model_copy(update={"job_id": job_id})})
    died = replace(record, offset=1_000_000, value=codec.encode(request))
    kafka = system.resources.kafka
    writer = Writer(kafka, kafka.producer("test"), "test")
    letter = Letters("coordinator", kafka.epoch).letter(died, Undecodable("unknown_version", "test"), datetime.now(UTC))
    writer.send(letter)
    assert writer.flush(DEADLINE_S)
    assert murmur("dlq", "replay", str(letter.key)).returncode == 0
    assert client.ended(str(job_id))["state"] == "SUCCESS"


def test_a_letter_that_waits_and_one_at_the_same_place_after_a_restart_are_two(
    settings_factory: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_factory()
    with Dev(settings, only=("gateway", "intake")) as first:
        first.wait_ready(DEADLINE_S)
        produce(first, UPLOADS, b"before", key="same")
        (before,) = waiting_over_http(first, 1)
    with Dev(settings, only=("gateway", "intake")) as second:
        second.wait_ready(DEADLINE_S)
        produce(second, UPLOADS, b"after", key="same")
        after, again = waiting_over_http(second, 2)
        assert again == before
        assert after["id"] != before["id"]
        assert [after[name] for name in PLACE] == [before[name] for name in PLACE]
        assert second.broker is not None
        murmur = Murmur(tmp_path, {"MURMUR_KAFKA_BOOTSTRAP": second.broker.bootstrap})
        assert murmur.raw("dlq", "show", before["id"], "--raw") == b"before"
        shown = over_http(second, "GET", f"/by-id/{after['id']}")
        assert DeadLetter.unwrap(shown["value"]) == b"after"
        assert murmur("dlq", "drop", after["id"]).stdout == "dropped 1\n"
        assert over_http(second, "POST", "/replay", ids=[before["id"]])["ids"] == [before["id"]]
        (replayed,) = wait_until(lambda: [one for one in letters(murmur, "same") if one["id"] != before["id"]], "the new letter")
        assert DeadLetter.unwrap(replayed["value"]) == b"before"


def waiting_over_http(system: Dev, count: int) -> list[dict[str, Any]]:
    """The newest first, once there are so many."""

    def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = over_http(system, "GET", "")["dead_letters"]
        return found if len(found) == count else None

    return wait_until(look, f"{count} dead letters") or []


def over_http(system: Dev, method: str, path: str, **body: object) -> dict[str, Any]:
    assert system.address is not None
    content = json.dumps(body).encode() if body else None
    answer = Client(system.address).request(method, f"/api/dead-letters{path}", content, {"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize(
    "command",
    [("show", "requests-0@987654"), ("replay", "requests-0@987654"), ("replay",), ("drop", "requests-0@987654"), ("drop",)],
)
def test_a_letter_that_is_none_is_wrong_use(murmur: Murmur, command: tuple[str, ...]) -> None:
    done = murmur("dlq", *command)
    assert done.returncode == 2
    assert only_line(done.stderr).startswith("murmur: ")


def test_without_a_broker_it_ends_with_one_line(tmp_path: Path) -> None:
    done = Murmur(tmp_path, {"MURMUR_KAFKA_BOOTSTRAP": "127.0.0.1:1"})("dlq", "list")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
