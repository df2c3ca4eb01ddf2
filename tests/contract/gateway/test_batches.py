"""Many files in one request: an answer for each, and the state of all together."""

from collections.abc import Iterator
from uuid import uuid4

import orjson
import pytest

from producers.gateway.submission.batches import ITEMS_MAX, joint_state
from schemas.jobs import State
from schemas.record import Failure
from tests.contract.gateway.running_gateway import (
    BOUNDARY,
    MULTIPART,
    Answer,
    RunningGateway,
    embedded,
    finish,
    is_problem,
    publish_state,
    requested,
)
from tests.contract.gateway.test_submissions import JSON, cancelled, put

BATCH = "/api/transcribe/batch"
MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway"), max_upload_bytes=MAX_BYTES) as gateway:
        yield gateway


def form(files: list[tuple[str, bytes]], **fields: str) -> bytes:
    heads = [(f'name="file"; filename="{name}"', content) for name, content in files]
    heads += [(f'name="{name}"', text.encode()) for name, text in fields.items()]
    parts = [f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data for head, data in heads]
    return b"\r\n".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def post(gateway: RunningGateway, files: list[tuple[str, bytes]], key: str | None = None, **fields: str) -> Answer:
    more = {"Idempotency-Key": key} if key else {}
    return gateway.request("POST", BATCH, form(files, **fields), {**MULTIPART, **more})


def test_every_file_has_an_answer_and_a_bad_one_does_not_lose_the_others(gateway: RunningGateway) -> None:
    contents = [uuid4().bytes, uuid4().bytes]
    files = [("a.wav", contents[0]), ("empty.wav", b""), ("large.wav", bytes(MAX_BYTES + 1)), ("b.wav", contents[1])]
    answer = post(gateway, files, language="pt")

    assert answer.status == 202
    assert answer.json["success"] is False
    assert [job["filename"] for job in answer.json["jobs"]] == ["a.wav", "empty.wav", "large.wav", "b.wav"]
    assert [job["index"] for job in answer.json["jobs"]] == [0, 1, 2, 3]
    assert [job["success"] for job in answer.json["jobs"]] == [True, False, False, True]
    assert [job["problem"]["reason"] for job in answer.json["jobs"][1:3]] == ["empty", "too_large"]
    first, last = (requested(gateway, answer.json["jobs"][place]["task_id"]) for place in (0, 3))
    assert {str(job.job.batch_id) for job in (first, last)} == {answer.json["batch_id"]}
    assert (first.work.decoding.language, last.work.decoding.language) == ("pt", "pt")
    assert gateway.store.get("work", last.work.audio.key) == contents[1]


def test_a_batch_of_which_nothing_is_accepted_is_a_problem_and_leaves_nothing(gateway: RunningGateway) -> None:
    before = gateway.files()
    problem = is_problem(post(gateway, [("a.wav", b""), ("b.wav", b"")]), 422)
    assert problem["reason"] == "nothing_accepted"
    assert [job["problem"]["reason"] for job in problem["jobs"]] == ["empty", "empty"]
    assert is_problem(post(gateway, [("a.wav", b"x")], language="xx"), 422)["jobs"][0]["problem"]["reason"] == "unknown_language"
    assert gateway.files() == before


def test_a_list_of_objects_has_shared_options_and_own_ones(gateway: RunningGateway) -> None:
    items = [
        {"object": put(gateway, uuid4().bytes)},
        {"object": put(gateway, uuid4().bytes), "language": "en", "priority": "low"},
        {"object": {"bucket": "uploads", "key": "nothing"}},
        {"url": "http://10.0.0.1/a.wav"},
        {},
    ]
    body = orjson.dumps({"items": items, "language": "pt", "words": True})
    answer = gateway.request("POST", BATCH, body, JSON)

    assert answer.status == 202
    one, two, *bad = answer.json["jobs"]
    assert [job["problem"]["reason"] for job in bad] == ["unknown_object", "forbidden_address", "bad_request"]
    first, second = requested(gateway, one["task_id"]), requested(gateway, two["task_id"])
    assert (first.work.decoding.language, first.work.decoding.words, first.job.lane) == ("pt", True, None)
    assert (second.work.decoding.language, second.work.decoding.words, second.job.lane) == ("en", True, "bulk")


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": ["a"]}, {"items": [{}] * (ITEMS_MAX + 1)}])
def test_a_list_that_is_none_is_refused(gateway: RunningGateway, body: object) -> None:
    assert is_problem(gateway.request("POST", BATCH, orjson.dumps(body), JSON), 400)["reason"] == "bad_request"


def test_the_status_and_the_cancellation_of_a_batch_are_those_of_all_its_jobs(gateway: RunningGateway) -> None:
    accepted = post(gateway, [(f"{number}.wav", uuid4().bytes) for number in range(3)]).json
    where = accepted["batch_url"]
    done, failed, running = (requested(gateway, job["task_id"]) for job in accepted["jobs"])
    assert gateway.get(where).json["state"] == "PENDING"
    finish(gateway, done)
    publish_state(gateway, failed, "FAILURE", error=Failure(reason="corrupt", message="broken"))

    status = gateway.get(where).json
    assert (status["success"], status["state"], status["total"]) == (True, "STARTED", 3)
    assert status["counts"] == {"SUCCESS": 1, "FAILURE": 1, "PENDING": 1}
    assert [job["filename"] for job in status["jobs"]] == ["0.wav", "1.wav", "2.wav"]

    answer = gateway.request("DELETE", where)
    assert (answer.status, answer.json["cancelled"]) == (202, 1)
    assert running.job.job_id in cancelled(gateway)
    publish_state(gateway, running, "REVOKED")
    assert gateway.get(where).json["state"] == "FAILURE"
    assert gateway.request("DELETE", where).json["cancelled"] == 0


def test_a_batch_that_there_is_not_is_unknown(gateway: RunningGateway) -> None:
    for name in (uuid4(), "nonsense"):
        assert is_problem(gateway.get(f"/api/batches/{name}"), 404)["reason"] == "unknown_batch"


def test_a_repeat_under_its_key_is_the_same_batch(gateway: RunningGateway) -> None:
    files, key = [("a.wav", uuid4().bytes), ("bad.wav", b""), ("b.wav", uuid4().bytes)], str(uuid4())
    first, again = post(gateway, files, key), post(gateway, files, key)
    assert first.json["batch_id"] == again.json["batch_id"]
    assert [job.get("task_id") for job in first.json["jobs"]] == [job.get("task_id") for job in again.json["jobs"]]
    assert gateway.get(first.json["batch_url"]).json["total"] == 2
    other = post(gateway, files[:1], key)
    assert is_problem(other, 422)["reason"] == "other_payload"


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"PENDING": 2}, "PENDING"),
        ({"PENDING": 1, "SUCCESS": 1}, "STARTED"),
        ({"STARTED": 1, "FAILURE": 1}, "STARTED"),
        ({"SUCCESS": 2}, "SUCCESS"),
        ({"SUCCESS": 2, "REVOKED": 1}, "REVOKED"),
        ({"SUCCESS": 2, "REVOKED": 1, "FAILURE": 1}, "FAILURE"),
    ],
)
def test_the_joint_state(counts: dict[State, int], state: State) -> None:
    assert joint_state(counts) == state
