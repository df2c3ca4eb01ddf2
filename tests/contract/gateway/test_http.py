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
from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    RunningGateway,
    finish,
    is_problem,
    multipart,
    requested,
    submitted,
)
from tests.waiting import DEADLINE_S, wait_until

# Submitting


def test_the_suffix_of_a_telephone_file_selects_its_raw_format(gateway: RunningGateway) -> None:
    answer = gateway.submit(b"speech", filename="call.ul")
    assert requested(gateway, answer.json["task_id"]).work.slicing.raw_format == "mulaw"


def test_a_submission_is_accepted_and_readable_at_once(gateway: RunningGateway) -> None:
    answer = gateway.submit(b"RIFF", language="pt")
    document = answer.json

    assert answer.status == 202
    accepted = {"success", "task_id", "status_url", "message", "submission_time", "submitted_at", "audio", "estimate"}
    assert set(document) == accepted
    assert document["success"] is True
    assert document["status_url"] == f"{API}/status/{UUID(document['task_id'])}" == answer.headers["Location"]
    assert datetime.fromisoformat(document["submitted_at"]).tzinfo is not None
    assert 0 < document["submission_time"] < DEADLINE_S, "seconds"
    assert answer.headers["Retry-After"] == "1"
    first = gateway.get(document["status_url"])
    assert first.status == 200
    assert first.json == {
        "success": True,
        "task_id": document["task_id"],
        "work_id": first.json["work_id"],
        "state": "PENDING",
        "message": "waiting to be transcribed",
        "filename": "a.wav",
        "submitted_at": document["submitted_at"],
        "started_at": None,
        "ended_at": None,
        "retry_of": None,
        "model": {"name": "demo", "revision": catalogue.resolve("demo").ref.revision},
        "warnings": [],
        "timings": None,
        "files": None,
        "webhooks": [],
        "audio": None,
        "estimate": None,
        "progress": {"share": 0.0, "fraction": 0.0, "processed_s": None, "total_s": None, "eta_s": None, "segments": []},
    }


def test_the_request_has_the_hash_of_the_stored_audio_and_all_options(gateway: RunningGateway) -> None:
    data = uuid4().bytes * 1000
    submission = submitted(
        gateway, data, language="PT", words="true", prompt="Ana", lane="bulk", webhook_url="https://example.org/h"
    )

    assert submission.work.audio_id == hashlib.sha256(data).hexdigest()
    assert gateway.store.get(submission.work.audio.bucket, submission.work.audio.key) == data
    assert (submission.work.decoding.language, submission.work.decoding.words, submission.work.decoding.prompt) == (
        "pt",
        True,
        "Ana",
    )
    assert (submission.job.lane, submission.job.webhook_url, submission.job.source) == ("bulk", "https://example.org/h", "http")
    assert submission.result is None


def test_an_audio_track_and_a_language_by_its_name_are_part_of_the_request(gateway: RunningGateway) -> None:
    submission = submitted(gateway, uuid4().bytes, language="pt-BR", track="1")
    assert (submission.work.decoding.language, submission.work.slicing.track) == ("pt", 1)


def test_a_language_that_the_model_lacks_is_refused_with_those_that_it_has(gateway: RunningGateway) -> None:
    refused = gateway.submit(language="French").json
    assert (refused["reason"], refused["known"]) == ("unsupported_language", ["en", "pt"])


def test_the_served_model_is_reported_with_its_languages(gateway: RunningGateway) -> None:
    (model,) = gateway.get("/api/models").json["models"]
    assert (model["id"], model["default"], model["languages"]) == ("demo", True, ["en", "pt"])
    assert model["revision"] == catalogue.resolve("demo").ref.revision
    assert model["state"] is None, "no transcriber has reported"
    assert [warning["code"] for warning in model["warnings"]] == ["demo_model"]


def test_fields_may_come_after_the_file(gateway: RunningGateway) -> None:
    body = multipart([("language", "en")], uuid4().bytes, file_first=True)
    answer = gateway.request("POST", API, body, MULTIPART)

    assert requested(gateway, answer.json["task_id"]).work.decoding.language == "en"


def test_the_same_audio_and_options_are_the_same_work_and_another_job(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    one, two, other = submitted(gateway, data), submitted(gateway, data), submitted(gateway, data, language="en")

    assert one.work.work_id == two.work.work_id != other.work.work_id
    assert one.job.job_id != two.job.job_id


def test_a_finished_transcript_is_named_in_the_request(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    finish(gateway, submitted(gateway, data))

    again = submitted(gateway, data)

    assert again.result is not None
    assert again.result.key == f"results/{again.work.work_id}.json"


def test_a_large_file_is_written_as_a_stream_with_the_same_hash(gateway: RunningGateway) -> None:
    data = uuid4().bytes * (9 * 1024 * 1024 // 16)
    submission = submitted(gateway, data)

    assert submission.work.audio_id == hashlib.sha256(data).hexdigest()
    assert submission.work.audio.size_bytes == len(data)
    assert gateway.store.get(submission.work.audio.bucket, submission.work.audio.key) == data


def test_a_file_of_the_largest_size_is_accepted(gateway: RunningGateway) -> None:
    assert gateway.submit(bytes(gateway.settings.max_upload_bytes)).status == 202


# Refusals leave nothing behind


@pytest.fixture
def nothing_left(gateway: RunningGateway) -> Iterator[None]:
    before = gateway.files()
    yield
    wait_until(lambda: set(gateway.files()) <= set(before), "the upload to be gone")


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
def test_a_wrong_field_is_a_bad_request(gateway: RunningGateway, fields: dict[str, str]) -> None:
    is_problem(gateway.request("POST", API, multipart([*fields.items()], b"abc"), MULTIPART), 400)
    is_problem(gateway.request("POST", API, multipart([*fields.items()], b"abc", file_first=True), MULTIPART), 400)


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
def test_a_malformed_body_is_a_bad_request(gateway: RunningGateway, body: bytes) -> None:
    is_problem(gateway.request("POST", API, body, MULTIPART), 400)


@pytest.mark.usefixtures("nothing_left")
def test_hostile_bodies_do_not_keep_others_waiting(gateway: RunningGateway) -> None:
    bodies = [multipart([("language", "en")] * 100_000, b"x"), b"\n" * 5_000_000, b"\r\n--" * 1_000_000]
    with ThreadPoolExecutor(len(bodies)) as pool:
        refusals = [pool.submit(gateway.request, "POST", API, body, MULTIPART) for body in bodies]
        waited_s = [_livez_s(gateway)]
        while not all(refusal.done() for refusal in refusals):
            waited_s.append(_livez_s(gateway))
    assert {refusal.result().status for refusal in refusals} == {400}
    assert max(waited_s) < 2  # without limits each of them took more than 5 s


def _livez_s(gateway: RunningGateway) -> float:
    began_s = time.monotonic()
    assert gateway.get("/livez").status == 200
    return time.monotonic() - began_s


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("content_type", ["application/xml", "multipart/mixed; boundary=x", "text/plain", ""])
def test_a_body_of_another_type_is_refused(gateway: RunningGateway, content_type: str) -> None:
    is_problem(gateway.request("POST", API, b"{}", {"Content-Type": content_type}), 415)


@pytest.mark.usefixtures("nothing_left")
def test_multipart_without_a_boundary_is_a_bad_request(gateway: RunningGateway) -> None:
    is_problem(gateway.request("POST", API, b"x", {"Content-Type": "multipart/form-data"}), 400)


@pytest.mark.usefixtures("nothing_left")
def test_a_file_beyond_the_limit_is_refused_while_it_is_read(gateway: RunningGateway) -> None:
    is_problem(gateway.submit(bytes(gateway.settings.max_upload_bytes + 1)), 413)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_length_beyond_the_limit_is_refused_before_the_body(gateway: RunningGateway, expect: bytes) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    head += b"%bContent-Length: 99999999999\r\n\r\n"
    host, port = gateway.netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(head % (API.encode(), expect))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("sent_bytes", [100, 5 * 1024 * 1024, 10 * 1024 * 1024])
def test_a_client_that_disconnects_leaves_nothing_in_the_store(gateway: RunningGateway, sent_bytes: int) -> None:
    body = multipart([], bytes(11 * 1024 * 1024))
    head = f"POST {API} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {MULTIPART['Content-Type']}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    host, port = gateway.netloc.split(":")
    aborted = aborted_uploads(gateway)
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(head.encode() + body[:sent_bytes])
    wait_until(lambda: aborted_uploads(gateway) > aborted, "the upload to be given up")


def aborted_uploads(gateway: RunningGateway) -> float:
    text = gateway.get("/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("murmur_uploads_aborted_total{"))


# The framework's own errors, and what operators read


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/nothing", 404), ("PUT", API, 405), ("POST", "/", 405), ("GET", API, 405)],
)
def test_the_frameworks_errors_are_problems_too(gateway: RunningGateway, method: str, path: str, code: int) -> None:
    answer = gateway.request(method, path)
    is_problem(answer, code)
    assert ("Allow" in answer.headers) == (code == 405)


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/healthz", "/metrics", "/api/jobs", "/api/models", "/api/gpu-status", "/api/stats"]
)
def test_a_slash_at_the_end_makes_no_difference(gateway: RunningGateway, path: str) -> None:
    assert gateway.get(f"{path}/").status == gateway.get(path).status == 200


def test_a_slash_at_the_end_makes_no_difference_to_a_job(gateway: RunningGateway) -> None:
    answer = gateway.request("POST", f"{API}/", multipart([], uuid4().bytes), MULTIPART)
    task_id = answer.json["task_id"]
    assert gateway.get(f"{API}/status/{task_id}/").json["state"] == "PENDING"
    assert gateway.get(f"{API}/{task_id}/transcript.txt/").status == 409
    assert gateway.request("DELETE", f"{API}/{task_id}/").status == 202


@pytest.mark.parametrize("path", ["/api/models?all=1", f"{API}/status/{UUID(int=1)}?waits=1", "/api/jobs?limit=1&status=FAILURE"])
def test_an_unknown_parameter_is_named_with_the_known_ones(gateway: RunningGateway, path: str) -> None:
    problem = is_problem(gateway.get(path), 400)
    assert problem["reason"] == "unknown_parameter"
    assert path.rpartition("&")[2].rpartition("?")[2].partition("=")[0] in problem["detail"]
    assert ("state" in problem["known"]) == path.startswith("/api/jobs")


def test_an_unknown_expect_header_is_a_problem(gateway: RunningGateway) -> None:
    is_problem(gateway.request("GET", "/livez", headers={"Expect": "miracles"}), 417)


@pytest.mark.parametrize(
    "raw", [b"G\x01T / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"]
)
def test_a_malformed_request_line_is_a_problem_too(gateway: RunningGateway, raw: bytes) -> None:
    host, port = gateway.netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)
    assert b" 400 Bad Request\r\n" in answer
    assert b"application/problem+json" in answer


def test_it_is_alive_and_ready(gateway: RunningGateway) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert gateway.get(path).status == 200


def test_it_is_not_ready_while_another_stage_is_not(gateway: RunningGateway) -> None:
    gateway.stage.readiness = lambda: {"transcriber": "the model is warming up", "slicer": None}
    try:
        document = is_problem(gateway.get("/readyz"), 503)
        assert gateway.get("/livez").status == 200
    finally:
        gateway.stage.readiness = dict

    assert document["waiting_for"] == {"transcriber": "the model is warming up"}


def test_metrics_are_labelled_by_the_routes_template(gateway: RunningGateway) -> None:
    gateway.get(f"{API}/status/{uuid4()}")
    gateway.get("/no/such/place")
    text = gateway.get("/metrics").body.decode()

    routes = set(re.findall(r'murmur_http_request_seconds_count\{method="GET",route="([^"]*)"', text))
    assert {f"{API}/status/{{task_id}}", "unmatched"} <= routes
    assert "/no/such/place" not in text
    assert 'murmur_jobs{state="PENDING"}' in text


def test_a_method_that_http_does_not_have_makes_no_series(gateway: RunningGateway) -> None:
    assert gateway.request("BREW", "/livez").status == 400
    assert "BREW" not in gateway.get("/metrics").body.decode()
