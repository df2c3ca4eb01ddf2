"""Submitting over a real socket: what is taken, what is refused, and what operators read."""

import hashlib
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from runtime.models import catalogue
from tests.contract.gateway.house import (
    API,
    MULTIPART,
    House,
    finish,
    is_problem,
    multipart,
    requested,
    submitted,
)
from tests.waiting import DEADLINE_S, wait_until

# Submitting


def test_the_name_of_a_telephone_file_says_what_it_is(house: House) -> None:
    answer = house.submit(b"speech", filename="call.ul")
    assert requested(house, answer.json["task_id"]).work.slicing.raw_format == "mulaw"


def test_a_submission_is_accepted_and_readable_at_once(house: House) -> None:
    answer = house.submit(b"RIFF", language="pt")
    said = answer.json

    assert answer.status == 202
    assert set(said) == {"success", "task_id", "status_url", "message", "submission_time"}
    assert said["success"] is True
    assert said["status_url"] == f"{API}/status/{UUID(said['task_id'])}" == answer.headers["Location"]
    assert datetime.fromisoformat(said["submission_time"]).tzinfo is not None
    first = house.get(said["status_url"])
    assert first.status == 200
    assert first.json == {
        "task_id": said["task_id"],
        "state": "PENDING",
        "message": "waiting to be transcribed",
        "filename": "a.wav",
        "submitted_at": said["submission_time"],
        "started_at": None,
        "ended_at": None,
        "retry_of": None,
        "model": {"name": "demo", "revision": catalogue.resolve("demo").ref.revision},
        "warnings": [],
        "progress": {"share": 0.0, "segments": []},
    }


def test_the_request_names_the_stored_audio_by_its_hash_and_all_that_was_asked(house: House) -> None:
    data = uuid4().bytes * 1000
    asked = submitted(house, data, language="PT", words="true", prompt="Ana", lane="bulk", webhook_url="https://example.org/h")

    assert asked.work.audio_id == hashlib.sha256(data).hexdigest()
    assert house.store.get(asked.work.audio.bucket, asked.work.audio.key) == data
    assert (asked.work.decoding.language, asked.work.decoding.words, asked.work.decoding.prompt) == ("pt", True, "Ana")
    assert (asked.job.lane, asked.job.webhook_url, asked.job.source) == ("bulk", "https://example.org/h", "http")
    assert asked.result is None


def test_an_audio_track_and_a_language_by_its_name_are_part_of_the_request(house: House) -> None:
    asked = submitted(house, uuid4().bytes, language="pt-BR", track="1")
    assert (asked.work.decoding.language, asked.work.slicing.track) == ("pt", 1)


def test_a_language_that_the_model_lacks_is_refused_with_those_that_it_has(house: House) -> None:
    refused = house.submit(language="French").json
    assert (refused["reason"], refused["known"]) == ("unsupported_language", ["en", "pt"])


def test_the_served_model_is_told_with_its_languages(house: House) -> None:
    (model,) = house.get("/api/models").json["models"]
    assert (model["id"], model["default"], model["languages"]) == ("demo", True, ["en", "pt"])
    assert model["revision"] == catalogue.resolve("demo").ref.revision
    assert model["state"] is None, "no transcriber runs in this process"
    assert [warning["code"] for warning in model["warnings"]] == ["demo_model"]


def test_fields_may_come_after_the_file(house: House) -> None:
    body = multipart([("language", "en")], uuid4().bytes, file_first=True)
    answer = house.ask("POST", API, body, MULTIPART)

    assert requested(house, answer.json["task_id"]).work.decoding.language == "en"


def test_the_same_audio_asked_for_alike_is_the_same_work_and_another_job(house: House) -> None:
    data = uuid4().bytes
    one, two, other = submitted(house, data), submitted(house, data), submitted(house, data, language="en")

    assert one.work.work_id == two.work.work_id != other.work.work_id
    assert one.job.job_id != two.job.job_id


def test_a_finished_transcript_is_named_in_the_request(house: House) -> None:
    data = uuid4().bytes
    finish(house, submitted(house, data))

    again = submitted(house, data)

    assert again.result is not None
    assert again.result.key == f"results/{again.work.work_id}.json"


def test_a_large_file_is_written_as_a_stream_with_the_same_hash(house: House) -> None:
    data = uuid4().bytes * (9 * 1024 * 1024 // 16)
    asked = submitted(house, data)

    assert asked.work.audio_id == hashlib.sha256(data).hexdigest()
    assert asked.work.audio.size_bytes == len(data)
    assert house.store.get(asked.work.audio.bucket, asked.work.audio.key) == data


def test_a_file_of_the_largest_size_is_taken(house: House) -> None:
    assert house.submit(bytes(house.settings.max_upload_bytes)).status == 202


# Refusals leave nothing behind


@pytest.fixture
def nothing_left(house: House) -> Iterator[None]:
    before = house.files()
    yield
    wait_until(lambda: set(house.files()) <= set(before), "the upload to be gone")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "fields",
    [
        {"model": "large-v3"},
        {"language": "klingon"},
        {"language": "fr"},
        {"track": "first"},
        {"task": "x"},
        {"webhook_url": "file:///etc/passwd"},
        {"webhook_url": "http://169.254.169.254/latest/meta-data/"},
        {"webhook_url": "http://10.0.0.7/hook"},
        {"langauge": "pt"},
        {"prompt": "a" * 2001},
    ],
)
def test_a_wrong_field_is_a_bad_request(house: House, fields: dict[str, str]) -> None:
    is_problem(house.ask("POST", API, multipart([*fields.items()], b"abc"), MULTIPART), 400)
    is_problem(house.ask("POST", API, multipart([*fields.items()], b"abc", file_first=True), MULTIPART), 400)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        multipart([("file", "a field and no file?")], b"x"),
        multipart([(f"f{number}", "x") for number in range(10_000)], b"x"),
        multipart([("prompt", "a" * 1_000_000)], b"x"),
        multipart([("language", "en")] * 20_000, b"x"),
        b"\n" * 5_000_000,
        multipart([], b"")[:-30],
        multipart([], b""),
        multipart([], b"abc").replace(b'; filename="a.wav"', b""),
        multipart([], b"cut off here")[:-30],
        multipart([], b"abc").replace(b'name="file"', b'name="audio"'),
        multipart([], b"abc").replace(b'name="file"; ', b""),
        multipart([], b"abc").replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n"),
        multipart([], b"x").replace(b'"a.wav"', b'"a.wav"\r\nX: ' + b"y" * 99_999),
    ],
    ids=[
        "empty",
        "not",
        "twice",
        "fields",
        "field",
        "repeats",
        "newlines",
        "nothing",
        "no bytes",
        "text",
        "cut",
        "elsewhere",
        "nameless",
        "nested",
        "header",
    ],
)
def test_a_malformed_body_is_a_bad_request(house: House, body: bytes) -> None:
    is_problem(house.ask("POST", API, body, MULTIPART), 400)


@pytest.mark.usefixtures("nothing_left")
def test_hostile_bodies_do_not_keep_others_waiting(house: House) -> None:
    bodies = [multipart([("language", "en")] * 100_000, b"x"), b"\n" * 5_000_000, b"\r\n--" * 1_000_000]
    with ThreadPoolExecutor(len(bodies)) as pool:
        refusals = [pool.submit(house.ask, "POST", API, body, MULTIPART) for body in bodies]
        waited_s = [_livez_s(house)]
        while not all(refusal.done() for refusal in refusals):
            waited_s.append(_livez_s(house))
    assert {refusal.result().status for refusal in refusals} == {400}
    assert max(waited_s) < 2  # without limits each of them took more than 5 s


def _livez_s(house: House) -> float:
    began_s = time.monotonic()
    assert house.get("/livez").status == 200
    return time.monotonic() - began_s


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("content_type", ["application/json", "multipart/mixed; boundary=x", "text/plain", ""])
def test_a_body_of_another_type_is_refused(house: House, content_type: str) -> None:
    is_problem(house.ask("POST", API, b"{}", {"Content-Type": content_type}), 415)


@pytest.mark.usefixtures("nothing_left")
def test_multipart_without_a_boundary_is_a_bad_request(house: House) -> None:
    is_problem(house.ask("POST", API, b"x", {"Content-Type": "multipart/form-data"}), 400)


@pytest.mark.usefixtures("nothing_left")
def test_a_file_beyond_the_limit_is_refused_while_it_is_read(house: House) -> None:
    is_problem(house.submit(bytes(house.settings.max_upload_bytes + 1)), 413)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_length_beyond_the_limit_is_refused_before_the_body(house: House, expect: bytes) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    head += b"%bContent-Length: 99999999999\r\n\r\n"
    host, port = house.place.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(head % (API.encode(), expect))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("sent_bytes", [100, 5 * 1024 * 1024, 10 * 1024 * 1024])
def test_a_client_that_goes_away_leaves_nothing(house: House, sent_bytes: int) -> None:
    body = multipart([], bytes(11 * 1024 * 1024))
    head = f"POST {API} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {MULTIPART['Content-Type']}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    host, port = house.place.split(":")
    aborted = aborted_uploads(house)
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(head.encode() + body[:sent_bytes])
    wait_until(lambda: aborted_uploads(house) > aborted, "the upload to be given up")


def aborted_uploads(house: House) -> float:
    text = house.get("/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("murmur_uploads_aborted_total{"))


# The framework's own errors, and what operators read


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/nothing", 404), ("PUT", API, 405), ("POST", "/", 405), ("GET", API, 405), ("OPTIONS", "/metrics", 405)],
)
def test_the_frameworks_errors_are_problems_too(house: House, method: str, path: str, code: int) -> None:
    answer = house.ask(method, path)
    is_problem(answer, code)
    assert ("Allow" in answer.headers) == (code == 405)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics", "/api/jobs", "/api/models", "/api/stats"])
def test_a_slash_at_the_end_makes_no_difference(house: House, path: str) -> None:
    assert house.get(f"{path}/").status == house.get(path).status == 200


def test_a_slash_at_the_end_makes_no_difference_to_a_job(house: House) -> None:
    answer = house.ask("POST", f"{API}/", multipart([], uuid4().bytes), MULTIPART)
    task_id = answer.json["task_id"]
    assert house.get(f"{API}/status/{task_id}/").json["state"] == "PENDING"
    assert house.get(f"{API}/{task_id}/transcript.txt/").status == 409
    assert house.ask("DELETE", f"{API}/{task_id}/").status == 202


@pytest.mark.parametrize("path", ["/api/models?all=1", f"{API}/status/{UUID(int=1)}?wait=1", "/api/jobs?limit=1&status=FAILURE"])
def test_an_unknown_parameter_is_named_with_the_known_ones(house: House, path: str) -> None:
    problem = is_problem(house.get(path), 400)
    assert problem["reason"] == "unknown_parameter"
    assert path.rpartition("&")[2].rpartition("?")[2].partition("=")[0] in problem["detail"]
    assert ("state" in problem["known"]) == path.startswith("/api/jobs")


def test_an_expectation_that_nobody_knows_is_a_problem(house: House) -> None:
    is_problem(house.ask("GET", "/livez", headers={"Expect": "miracles"}), 417)


@pytest.mark.parametrize(
    "raw", [b"G\x01T / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"]
)
def test_what_is_no_request_is_a_problem_too(house: House, raw: bytes) -> None:
    host, port = house.place.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)
    assert b" 400 Bad Request\r\n" in answer
    assert b"application/problem+json" in answer


def test_it_is_alive_and_ready(house: House) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert house.get(path).status == 200


def test_it_is_not_ready_while_another_stage_is_not(house: House) -> None:
    house.gateway.readiness = lambda: {"transcriber": "the model is warming up", "slicer": None}
    try:
        document = is_problem(house.get("/readyz"), 503)
        assert house.get("/livez").status == 200
    finally:
        house.gateway.readiness = dict

    assert document["waiting_for"] == {"transcriber": "the model is warming up"}


def test_metrics_are_labelled_by_the_routes_template(house: House) -> None:
    house.get(f"{API}/status/{uuid4()}")
    house.get("/no/such/place")
    text = house.get("/metrics").body.decode()

    routes = set(re.findall(r'murmur_http_request_seconds_count\{method="GET",route="([^"]*)"', text))
    assert {f"{API}/status/{{task_id}}", "unmatched"} <= routes
    assert "/no/such/place" not in text
    assert 'murmur_jobs{state="PENDING"}' in text


def test_the_page_needs_nothing_from_elsewhere(house: House) -> None:
    answer = house.get("/")
    page = answer.body.decode()

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+["']""", page) == []
    assert "innerHTML" not in page  # names of files and spoken text are shown, never parsed
