"""Uploads that a form was handed out for, with a store that takes none from clients: the form leads to the gateway."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from producers.gateway.submission import direct_uploads
from runtime.objects.keys import PROMISES, promise_key
from schemas import codec
from schemas.order import UploadPromised
from tests.contract.gateway.keyed import keyed
from tests.contract.gateway.running_gateway import (
    MULTIPART,
    Answer,
    RunningGateway,
    embedded,
    is_problem,
    multipart,
    requested,
    submitted,
)
from tests.contract.gateway.test_submissions import post as post_json
from tests.waiting import wait_until

UPLOADS = "/api/uploads"
MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway"), max_upload_bytes=MAX_BYTES) as gateway:
        yield gateway


def promised(gateway: RunningGateway, key: object = None, **fields: object) -> Answer:
    more = {"Idempotency-Key": str(key)} if key else {}
    return post_json(gateway, {"filename": "talk.wav", **fields}, UPLOADS, **more)


def upload(gateway: RunningGateway, promise: Answer, data: bytes) -> Answer:
    form = promise.json["upload"]
    return gateway.request(form["method"], form["url"], multipart([*form["fields"].items()], data, "renamed.wav"), MULTIPART)


def test_the_file_becomes_the_job_that_was_promised_with_its_options(gateway: RunningGateway) -> None:
    promise, data = promised(gateway, language="pt", words=True, formats=["srt"], priority="low"), uuid4().bytes
    assert promise.status == 201
    task_id = promise.json["task_id"]
    assert is_problem(gateway.get(promise.json["status_url"]), 404)["reason"] == "unknown_task"
    assert gateway.get(promise.json["upload_url"]).json["state"] == "WAITING"

    answer = upload(gateway, promise, data)

    assert (answer.status, answer.json["task_id"]) == (202, task_id)
    request = requested(gateway, task_id)
    assert (request.job.filename, request.job.lane, request.job.formats) == ("talk.wav", "bulk", ("srt",))
    assert (request.work.decoding.language, request.work.decoding.words) == ("pt", True)
    assert gateway.store.get("work", request.work.audio.key) == data
    assert gateway.get(promise.json["status_url"]).json["state"] == "PENDING"
    assert gateway.get(promise.json["upload_url"]).json["state"] == "RECEIVED"
    assert is_problem(upload(gateway, promise, data), 409)["reason"] == "uploaded"


def test_nothing_larger_than_was_declared_is_taken(gateway: RunningGateway) -> None:
    promise = promised(gateway, size_bytes=10)
    assert promise.json["max_bytes"] == 10
    assert is_problem(upload(gateway, promise, bytes(11)), 413)["reason"] == "too_large"
    assert upload(gateway, promise, bytes(10)).status == 202
    assert is_problem(promised(gateway, size_bytes=MAX_BYTES + 1), 413)["reason"] == "too_large"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"filename": None}, "bad_option"),
        ({"filename": ""}, "bad_option"),
        ({"size_bytes": 0}, "bad_option"),
        ({"size_bytes": True}, "bad_option"),
        ({"language": "xx"}, "unknown_language"),
        ({"words": []}, "bad_option"),
        ({"file": "a"}, "unknown_field"),
    ],
)
def test_what_could_never_become_a_job_is_not_promised(gateway: RunningGateway, fields: dict[str, object], reason: str) -> None:
    assert is_problem(promised(gateway, **fields), 400)["reason"] == reason


def test_an_upload_that_nobody_was_promised_is_unknown(gateway: RunningGateway) -> None:
    submitted_in_another_way = submitted(gateway).job.job_id
    for name in (uuid4(), "nonsense", submitted_in_another_way):
        assert is_problem(gateway.get(f"{UPLOADS}/{name}"), 404)["reason"] == "unknown_upload"
        answer = gateway.request("POST", f"{UPLOADS}/{name}", multipart([], b"x"), MULTIPART)
        assert is_problem(answer, 404)["reason"] == "unknown_upload"


def test_one_that_has_expired_takes_no_file(gateway: RunningGateway) -> None:
    promise = promised(gateway)
    key = promise_key(UUID(promise.json["task_id"]))
    record = codec.decode(UploadPromised, gateway.store.get("work", key))
    past = record.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    gateway.store.put("work", key, codec.encode(past))
    assert gateway.get(promise.json["upload_url"]).json["state"] == "EXPIRED"
    assert is_problem(upload(gateway, promise, b"x"), 410)["reason"] == "upload_expired"


def test_a_repeat_under_its_key_is_the_same_promise(gateway: RunningGateway) -> None:
    key = str(uuid4())
    first, again = promised(gateway, key), promised(gateway, key)
    assert first.json["task_id"] == again.json["task_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert is_problem(promised(gateway, key, language="en"), 422)["reason"] == "other_payload"


def test_promises_that_nothing_can_come_of_any_more_are_removed(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_uploads, "SWEEP_S", 0.0)
    folder = gateway.store.folder("work") / PROMISES
    old, new = promised(gateway).json["task_id"], promised(gateway).json["task_id"]
    days_ago = datetime.now(UTC) - timedelta(days=8)
    os.utime(folder / f"{old}.json", (days_ago.timestamp(), days_ago.timestamp()))
    promised(gateway)
    wait_until(lambda: not (folder / f"{old}.json").exists(), "the old promise to be removed")
    assert (folder / f"{new}.json").exists()


def test_a_promise_is_its_owners(tmp_path: Path) -> None:
    with keyed(tmp_path) as callers:
        alice, bob = callers.of("alice"), callers.of("bob")
        promise = promised(alice)
        assert is_problem(bob.get(promise.json["upload_url"]), 404)["reason"] == "unknown_upload"
        assert is_problem(upload(bob, promise, b"x"), 404)["reason"] == "unknown_upload"
        assert upload(alice, promise, b"x").status == 202
        assert requested(alice, promise.json["task_id"]).job.owner == "alice"
