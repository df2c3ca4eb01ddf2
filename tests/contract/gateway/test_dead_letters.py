"""Dead letters over HTTP: listed, shown, replayed and dropped, and counted."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import orjson
import pytest

from runtime.kafka.follower import Follower
from schemas.topics import DEAD_LETTERS, UPLOADS
from tests.contract.brokers import write
from tests.contract.gateway.running_gateway import Answer, RunningGateway
from tests.letters import dead_letter, written
from tests.waiting import wait_until

PATH = "/api/dead-letters"
FOUR = (
    dead_letter(1),
    dead_letter(2, stage="slicer", topic="decodes"),
    dead_letter(3, reason="tombstone", value=None),
    dead_letter(4),
)


@pytest.fixture
def letters(gateway: RunningGateway) -> RunningGateway:
    write(gateway.kafka, DEAD_LETTERS, written(*FOUR))
    wait_until(lambda: gateway.get(PATH).json["waiting"] == 4, "the letters")
    return gateway


def post(gateway: RunningGateway, name: str, **body: Any) -> Answer:
    return gateway.request("POST", f"{PATH}/{name}", orjson.dumps(body), {"Content-Type": "application/json"})


def uploads(gateway: RunningGateway) -> list[bytes | None]:
    """The values of all records."""
    with closing(Follower(gateway.kafka, [UPLOADS])) as follower:
        ends, values = follower.end_offsets(), list[bytes | None]()
        while not follower.reached(ends):
            values += [record.value for record in follower.poll(0.1)]
    return values


def ids(answer: Mapping[str, Any]) -> list[str]:
    return [letter["id"] for letter in answer["dead_letters"]]


def test_they_are_listed_by_page_filtered_and_shown(letters: RunningGateway) -> None:
    first = letters.get(f"{PATH}?limit=3").json
    rest = letters.get(f"{PATH}?limit=3&cursor={first['next_cursor']}").json
    assert sorted(ids(first) + ids(rest)) == sorted(dead.subject for dead in FOUR)
    assert rest["next_cursor"] is None
    assert ids(letters.get(f"{PATH}?stage=slicer").json) == ["decodes-0@2"]
    assert ids(letters.get(f"{PATH}?reason=tombstone&topic=uploads").json) == ["uploads-0@3"]
    assert ids(letters.get(f"{PATH}?since=2100-01-01T00:00:00Z").json) == []
    shown = letters.get(f"{PATH}/by-id/uploads-0@1").json
    assert (shown["state"], shown["value"], shown["key"]) == ("waiting", FOUR[0].value, FOUR[0].key)
    assert shown["headers"] == [{"name": "from", "value": "/w=="}]
    assert shown["value_bytes"] == len("value 1")


def test_what_is_replayed_or_dropped_no_longer_counts(letters: RunningGateway) -> None:
    replayed = post(letters, "replay", ids=["uploads-0@1"]).json
    assert (replayed["count"], replayed["ids"], replayed["settled_before"]) == (1, ["uploads-0@1"], [])
    assert b"value 1" in uploads(letters)
    assert post(letters, "drop", stage="slicer").json["ids"] == ["decodes-0@2"]
    wait_until(lambda: letters.get("/api/health").json["retention"]["dead_letters"] == 2, "two letters less")
    assert ids(letters.get(f"{PATH}?state=replayed").json) == ["uploads-0@1"]
    assert ids(letters.get(f"{PATH}?state=dropped").json) == ["decodes-0@2"]
    shown = letters.get(f"{PATH}/by-id/uploads-0@1").json
    assert (shown["state"], shown["value"]) == ("replayed", None)


def test_a_second_replay_changes_nothing(letters: RunningGateway) -> None:
    assert post(letters, "replay", ids=["uploads-0@1", "uploads-0@4"]).json["count"] == 2
    again = post(letters, "replay", ids=["uploads-0@1", "uploads-0@4"]).json
    assert (again["count"], sorted(again["settled_before"])) == (0, ["uploads-0@1", "uploads-0@4"])
    assert post(letters, "replay", all=True).json["count"] == 2  # the other two
    assert post(letters, "drop", all=True).json["count"] == 0


def test_a_dry_run_says_which_and_does_nothing(letters: RunningGateway) -> None:
    answer = post(letters, "drop", all=True, dry_run=True).json
    assert (answer["count"], answer["dry_run"]) == (4, True)
    assert post(letters, "drop", all=True).json["count"] == 4


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 400, "bad_option"),
        ({"dry_run": True}, 400, "bad_option"),
        ({"ids": "uploads-0@1"}, 400, "bad_option"),
        ({"since": "yesterday"}, 400, "bad_option"),
        ({"id": ["uploads-0@1"]}, 400, "unknown_field"),
        ({"ids": ["uploads-0@99"]}, 404, "unknown_letter"),
    ],
)
def test_a_wrong_request_settles_nothing(letters: RunningGateway, body: dict[str, Any], status: int, reason: str) -> None:
    for name in ("replay", "drop"):
        answer = post(letters, name, **body)
        assert (answer.status, answer.json["reason"]) == (status, reason)
    assert letters.get(PATH).json["waiting"] == 4


def test_an_unknown_letter_is_not_found(gateway: RunningGateway) -> None:
    assert gateway.get(f"{PATH}/by-id/uploads-0@99").json["reason"] == "unknown_letter"


def test_a_value_in_the_store_is_replayed_from_there_and_deleted(gateway: RunningGateway) -> None:
    bucket = gateway.settings.work_bucket
    ref = gateway.store.put(bucket, "dead-letters/uploads-0@11", b"a large value").ref
    large = [dead_letter(offset, value=None, value_at=ref) for offset in (11, 12)]
    write(gateway.kafka, DEAD_LETTERS, written(*large))
    assert post(gateway, "replay", ids=["uploads-0@11"]).json["count"] == 1
    assert b"a large value" in uploads(gateway)
    assert list(gateway.store.list(bucket, "dead-letters/")) == []
    gone = post(gateway, "replay", ids=["uploads-0@12"])
    assert (gone.status, gone.json["reason"]) == (410, "gone")
