"""Repeated submissions under an Idempotency-Key: one job, whichever gateway is asked, also after a restart."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from tests.contract.gateway.keyed import keyed
from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    Answer,
    RunningGateway,
    is_problem,
    multipart,
    publish_state,
    requested,
    running,
)
from tests.contract.gateway.test_submissions import post as post_json
from tests.contract.gateway.test_submissions import put
from tests.waiting import DEADLINE_S, wait_until


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with EmbeddedBroker() as broker:
        yield broker.kafka()


@pytest.fixture(scope="module")
def gateway(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running(kafka, tmp_path_factory.mktemp("gateway")) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


def post(gateway: RunningGateway, key: str, data: bytes, **fields: str) -> Answer:
    return gateway.request("POST", API, multipart([*fields.items()], data), {**MULTIPART, "Idempotency-Key": key})


def test_a_repeat_has_the_same_task_and_leaves_no_second_upload(gateway: RunningGateway) -> None:
    key, data = str(uuid4()), uuid4().bytes
    first = post(gateway, key, data, language="pt")
    files = gateway.files()
    again = post(gateway, f'"{key}"', data, language="pt")
    assert (first.status, again.status) == (202, 202)
    assert again.json["task_id"] == first.json["task_id"]
    assert again.json["submitted_at"] == first.json["submitted_at"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert gateway.files() == files
    request = requested(gateway, first.json["task_id"])
    assert gateway.store.get("work", request.work.audio.key) == data
    assert request.job.stored == request.work.audio


@pytest.mark.parametrize("change", ["the file", "a field", "the name"])
def test_something_else_under_the_same_key_is_refused(gateway: RunningGateway, change: str) -> None:
    key, data = str(uuid4()), uuid4().bytes
    assert post(gateway, key, data).status == 202
    files = gateway.files()
    if change == "the name":
        body = multipart([], data, "other.wav")
        other = gateway.request("POST", API, body, {**MULTIPART, "Idempotency-Key": key})
    elif change == "a field":
        other = post(gateway, key, data, language="en")
    else:
        other = post(gateway, key, uuid4().bytes)
    assert is_problem(other, 422)["reason"] == "other_payload"
    assert gateway.files() == files


def test_a_second_request_while_the_first_is_read_waits_its_turn(gateway: RunningGateway) -> None:
    key, data = str(uuid4()), uuid4().bytes
    body = multipart([], data)
    connection = http.client.HTTPConnection(gateway.netloc, timeout=DEADLINE_S)
    connection.putrequest("POST", API)
    for name, value in {**MULTIPART, "Idempotency-Key": key, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:-10])
    meanwhile = wait_until(
        lambda: answer if (answer := post(gateway, key, uuid4().bytes)).status == 409 else None, "the first to be read"
    )
    assert meanwhile is not None
    problem = is_problem(meanwhile, 409)
    assert (problem["reason"], meanwhile.headers["Retry-After"]) == ("in_progress", "1")
    connection.send(body[-10:])
    assert connection.getresponse().status in (202, 422)
    connection.close()


def test_json_is_compared_by_its_body_and_nothing_is_read_again(gateway: RunningGateway) -> None:
    key, where = str(uuid4()), put(gateway, uuid4().bytes)
    first = post_json(gateway, {"object": where, "words": True}, **{"Idempotency-Key": key})
    gateway.store.delete(where["bucket"], where["key"])
    again = post_json(gateway, {"words": True, "object": where}, **{"Idempotency-Key": key})
    assert again.json["task_id"] == first.json["task_id"]
    other = post_json(gateway, {"object": where}, **{"Idempotency-Key": key})
    assert is_problem(other, 422)["reason"] == "other_payload"


def test_the_key_of_a_deleted_job_cannot_be_used_again(gateway: RunningGateway) -> None:
    key, data = str(uuid4()), uuid4().bytes
    job = requested(gateway, post(gateway, key, data).json["task_id"])
    publish_state(gateway, job, "REVOKED")
    before = {*gateway.files()}
    assert gateway.request("DELETE", f"/api/jobs/{job.job.job_id}").status == 200
    assert len(before - {*gateway.files()}) == 1, "its upload is deleted"
    assert is_problem(post(gateway, key, data), 409)["reason"] == "key_used"


def test_what_was_refused_is_tried_again(gateway: RunningGateway) -> None:
    key = str(uuid4())
    assert post(gateway, key, b"", language="pt").status == 400
    assert post(gateway, key, uuid4().bytes).status == 202


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "ol\xe1"])
def test_a_key_that_is_none_is_refused(gateway: RunningGateway, key: str) -> None:
    assert is_problem(post(gateway, key, b"x"), 400)["reason"] == "bad_request"


def test_another_gateway_and_one_that_was_restarted_agree(gateway: RunningGateway, kafka: Kafka, tmp_path: Path) -> None:
    key, data = str(uuid4()), uuid4().bytes
    first = post(gateway, key, data).json["task_id"]
    for _ in range(2):
        with running(kafka, tmp_path) as other:
            wait_until(lambda other=other: other.stage.not_ready() is None, "the other gateway")  # type: ignore[misc]
            assert post(other, key, data).json["task_id"] == first
            assert is_problem(post(other, key, b"other"), 422)["reason"] == "other_payload"


def test_owners_have_keys_of_their_own(tmp_path: Path) -> None:
    with keyed(tmp_path) as callers:
        key, data = str(uuid4()), uuid4().bytes
        alice, bob = post(callers.of("alice"), key, data), post(callers.of("bob"), key, data + b"more")
        assert (alice.status, bob.status) == (202, 202)
        assert alice.json["task_id"] != bob.json["task_id"]
