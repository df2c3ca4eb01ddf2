"""The HTTP interface over a real socket, the embedded broker and a directory store."""

import hashlib
import http.client
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from murmur.kafka.follower import Follower
from murmur.objects.transcripts import Transcripts
from schemas.jobs import CancelRequested, JobChanged, JobRequested, ResultSummary, State
from schemas.record import Failure
from schemas.segment import Segment
from schemas.topics import CANCELLATIONS, JOBS, PROGRESS, REQUESTS
from schemas.transcript import Transcript
from schemas.work import AudioInfo, WorkProgressed
from tests.contract.gateway.conftest import MULTIPART, Answer, House, multipart
from tests.waiting import wait_until

API = "/api/transcribe/async"


def requested(house: House, task_id: str) -> JobRequested:
    """The record on `requests`."""
    follower = Follower(house.kafka, (REQUESTS,))
    try:
        ends = follower.end_offsets()
        while not follower.reached(ends):
            for record in follower.poll(0.1):
                if isinstance(record.event, JobRequested) and str(record.event.job.job_id) == task_id:
                    assert record.key == record.event.work.work_id.encode()
                    return record.event
    finally:
        follower.close()
    raise AssertionError(f"no request of {task_id}")


def submitted(house: House, data: bytes | None = None, **fields: str) -> JobRequested:
    """A new job, its audio unlike any other's unless given."""
    answer = house.submit(data or uuid4().bytes, **fields)
    assert answer.status == 202
    return requested(house, answer.json["task_id"])


def tell(house: House, asked: JobRequested, state: State, **more: Any) -> None:
    """What the coordinator would say of the job; returns when the gateway has heard it."""
    work, job = asked.work, asked.job
    now = datetime.now(UTC)
    house.publish(
        JOBS,
        str(job.job_id),
        JobChanged(job=job, work_id=work.work_id, audio_id=work.audio_id, model=work.model, state=state, changed_at=now, **more),
    )
    wait_until(lambda: status(house, asked)["state"] == state, state, 10)


def finish(house: House, asked: JobRequested, *segments: Segment) -> None:
    transcript = Transcript(
        work_id=asked.work.work_id,
        audio_id=asked.work.audio_id,
        model=asked.work.model,
        decoding=asked.work.decoding,
        language="pt",
        language_probability=0.9,
        duration_s=2.0,
        speech_s=1.5,
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
        processing_s=0.5,
        created_at=datetime.now(UTC),
    )
    where = Transcripts(house.store, house.settings.work_bucket).write(transcript)
    tell(house, asked, "SUCCESS", result=ResultSummary(transcript=where, language="pt", duration_s=2.0, speech_s=1.5))


def status(house: House, asked: JobRequested) -> dict[str, Any]:
    answer = house.get(f"{API}/status/{asked.job.job_id}")
    assert answer.status == 200
    said: dict[str, Any] = answer.json
    return said


def is_problem(answer: Answer, code: int) -> dict[str, Any]:
    assert answer.status == code
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json
    assert document["status"] == code
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document


# Submitting


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
    wait_until(lambda: set(house.files()) <= set(before), "the upload to be gone", 5)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "fields",
    [
        {"model": "large-v3"},
        {"language": "klingon"},
        {"task": "x"},
        {"webhook_url": "file:///etc/passwd"},
        {"prompt": "a" * 2001},
    ],
)
def test_a_wrong_field_is_a_bad_request(house: House, fields: dict[str, str]) -> None:
    is_problem(house.ask("POST", API, multipart([*fields.items()], b"abc"), MULTIPART), 400)
    is_problem(house.ask("POST", API, multipart([*fields.items()], b"abc", file_first=True), MULTIPART), 400)


@pytest.mark.usefixtures("nothing_left")
def test_an_empty_file_is_a_bad_request(house: House) -> None:
    assert is_problem(house.submit(b""), 400)["reason"] == "empty_file"


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        multipart([("file", "a field and no file?")], b"x"),
        multipart([(f"f{number}", "x") for number in range(10_000)], b"x"),
        multipart([("prompt", "a" * 1_000_000)], b"x"),
        multipart([], b"cut off here")[:-30],
        multipart([], b"abc").replace(b'name="file"', b'name="audio"'),
        multipart([], b"abc").replace(b'name="file"; ', b""),
        multipart([], b"abc").replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n"),
        multipart([], b"x").replace(b'"a.wav"', b'"a.wav"\r\nX: ' + b"y" * 99_999),
    ],
    ids=["empty", "not", "twice", "fields", "field", "cut", "elsewhere", "nameless", "nested", "header"],
)
def test_a_malformed_body_is_a_bad_request(house: House, body: bytes) -> None:
    is_problem(house.ask("POST", API, body, MULTIPART), 400)


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
    head = (
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n%bContent-Length: 99999999999\r\n\r\n"
    )
    host, port = house.place.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head % (API.encode(), expect))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("sent_bytes", [100, 5 * 1024 * 1024, 10 * 1024 * 1024])
def test_a_client_that_goes_away_leaves_nothing(house: House, sent_bytes: int) -> None:
    body = multipart([], bytes(11 * 1024 * 1024))
    head = f"POST {API} HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    host, port = house.place.split(":")
    aborted = aborted_uploads(house)
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode() + body[:sent_bytes])
    wait_until(lambda: aborted_uploads(house) > aborted, "the upload to be given up", 10)


def aborted_uploads(house: House) -> float:
    text = house.get("/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("murmur_uploads_aborted_total{"))


# Jobs on their way


def test_a_finished_job_gives_its_result(house: House) -> None:
    asked = submitted(house)
    finish(house, asked, Segment(start=0, end=1, text="Olá."))
    said = status(house, asked)

    assert said["progress"] == {"share": 1.0, "segments": []}
    assert set(said["result"]) == {"success", "transcription", "processing_time", "audio_info", "cached"}
    assert set(said["result"]["transcription"]) == {"text", "segments", "language", "duration"}
    assert said["result"]["transcription"]["text"] == "Olá."
    assert said["result"]["cached"] is False


def test_a_failed_job_says_why(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "FAILURE", error=Failure(reason="no_audio", message="there is no sound in it"))
    said = status(house, asked)

    assert said["error"] == {"reason": "no_audio", "message": "there is no sound in it"}
    assert "result" not in said


def test_progress_has_the_share_and_the_segments_so_far(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "STARTED")
    progressed(house, asked, 0.25, "Olá.")

    said = wait_until(lambda: (s := status(house, asked))["progress"]["share"] and s, "progress", 10)

    assert said["progress"]["share"] == 0.25
    assert [segment["text"] for segment in said["progress"]["segments"]] == ["Olá."]
    assert said["message"] == "transcribing, 25% done"


def progressed(house: House, asked: JobRequested, share: float, text: str) -> None:
    segment = Segment(start=share, end=share + 1, text=text)
    span = (int(share * 100) * 16000, int(share * 100 + 1) * 16000)
    event = WorkProgressed(work_id=asked.work.work_id, run="0-1", span=span, share=share, segments=(segment,))
    house.publish(PROGRESS, asked.work.work_id, event)


@pytest.mark.parametrize(
    ("name", "content_type", "begins"),
    [
        ("json", "application/json", b"{"),
        ("txt", "text/plain", "Olá.".encode()),
        ("srt", "application/x-subrip", b"1\n00:00:00,000"),
        ("vtt", "text/vtt", b"WEBVTT"),
        ("tsv", "text/tab-separated-values", b"start"),
    ],
)
def test_a_transcript_comes_in_every_format(house: House, name: str, content_type: str, begins: bytes) -> None:
    asked = submitted(house)
    finish(house, asked, Segment(start=0, end=1, text="Olá."))
    answer = house.get(f"{API}/{asked.job.job_id}/transcript.{name}")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.body.startswith(begins)


def test_there_is_no_transcript_before_the_end_nor_in_another_format_nor_when_it_is_gone(house: House) -> None:
    asked = submitted(house)
    where = f"{API}/{asked.job.job_id}/transcript"
    assert is_problem(house.get(f"{where}.txt"), 409)["state"] == "PENDING"
    is_problem(house.get(f"{where}.docx"), 404)

    tell(house, asked, "SUCCESS", result=ResultSummary(transcript=asked.work.audio, language=None, duration_s=0, speech_s=0))

    is_problem(house.get(f"{where}.txt"), 410)
    assert "result" not in status(house, asked)


def test_cancelling_asks_the_coordinator_and_says_so_again_when_it_is_done(house: House) -> None:
    asked = submitted(house)
    first = house.ask("DELETE", f"{API}/{asked.job.job_id}")
    assert (first.status, first.json["state"]) == (202, "PENDING")
    assert set(first.json) == {"task_id", "state", "message"}
    follower = Follower(house.kafka, (CANCELLATIONS,))
    events = wait_until(lambda: [record.event for record in follower.poll(0.1)], "the cancellation", 10)
    follower.close()
    assert [event.job_id for event in events if isinstance(event, CancelRequested)] == [asked.job.job_id]

    tell(house, asked, "REVOKED")

    again = house.ask("DELETE", f"{API}/{asked.job.job_id}")
    assert (again.status, again.json["state"]) == (202, "REVOKED")


@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE"])
def test_what_has_ended_cannot_be_cancelled(house: House, end: State) -> None:
    asked = submitted(house)
    tell(house, asked, end)

    assert is_problem(house.ask("DELETE", f"{API}/{asked.job.job_id}"), 409)["state"] == end


@pytest.mark.parametrize("task_id", [str(uuid4()), "abc", "0", "%00", "..", "a" * 2000])
def test_an_unknown_task_is_not_found(house: House, task_id: str) -> None:
    for method, path in (("GET", f"{API}/status/{task_id}"), ("DELETE", f"{API}/{task_id}"), ("GET", f"{API}/{task_id}/events")):
        is_problem(house.ask(method, path), 404)


def test_events_tell_the_state_the_segments_and_the_end(house: House) -> None:
    asked = submitted(house)
    events: list[tuple[str, Any]] = []
    listening = threading.Thread(target=listen, args=(house, asked, events))
    listening.start()
    wait_until(lambda: events, "the first event", 10)
    tell(house, asked, "STARTED")
    progressed(house, asked, 0.5, "Olá.")
    wait_until(lambda: [data for kind, data in events if kind == "progress"], "progress", 10)
    finish(house, asked, Segment(start=0, end=1, text="Olá. Tudo bem?"))
    listening.join(10)

    assert not listening.is_alive()
    assert [data["state"] for kind, data in events if kind == "status"] == ["PENDING", "STARTED", "SUCCESS"]
    told = [segment["text"] for kind, data in events if kind == "progress" for segment in data["segments"]]
    assert told == ["Olá."]
    assert events[-1][1]["result"]["transcription"]["text"] == "Olá. Tudo bem?"


def listen(house: House, asked: JobRequested, events: list[tuple[str, Any]]) -> None:
    connection = http.client.HTTPConnection(house.place, timeout=20)
    connection.request("GET", f"{API}/{asked.job.job_id}/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"
    kind = ""
    for line in answer:
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            events.append((kind, orjson.loads(line[6:])))
    connection.close()


def test_events_of_an_ended_job_are_its_status(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "REVOKED")
    events: list[tuple[str, Any]] = []
    listen(house, asked, events)

    assert [(kind, data["state"]) for kind, data in events] == [("status", "REVOKED")]


def test_the_list_has_the_newest_jobs_and_the_counts(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "FAILURE", error=Failure(reason="no_audio", message="nothing in it"))
    said = house.get("/api/jobs?limit=1").json

    assert [job["task_id"] for job in said["jobs"]] == [str(asked.job.job_id)]
    assert said["counts"]["FAILURE"] >= 1
    assert {job["state"] for job in house.get("/api/jobs?state=failure").json["jobs"]} == {"FAILURE"}


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=²", "limit=99999999999", "state=DONE", "state="])
def test_a_list_that_cannot_be_is_a_bad_request(house: House, query: str) -> None:
    is_problem(house.get(f"/api/jobs?{query.replace('²', '%C2%B2')}"), 400)


# The framework's own errors, and what operators read


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/nothing", 404), ("PUT", API, 405), ("POST", "/", 405), ("GET", API, 405), ("OPTIONS", "/metrics", 405)],
)
def test_the_frameworks_errors_are_problems_too(house: House, method: str, path: str, code: int) -> None:
    answer = house.ask(method, path)
    is_problem(answer, code)
    assert ("Allow" in answer.headers) == (code == 405)


def test_an_expectation_that_nobody_knows_is_a_problem(house: House) -> None:
    is_problem(house.ask("GET", "/livez", headers={"Expect": "miracles"}), 417)


@pytest.mark.parametrize(
    "raw", [b"G\x01T / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"]
)
def test_what_is_no_request_is_a_problem_too(house: House, raw: bytes) -> None:
    host, port = house.place.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
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
