"""Ways in which work comes in: a body as JSON, objects in the store, waiting for the result, options that change no text."""

import hashlib
import http.client
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import orjson
import pytest
from prometheus_client import REGISTRY

from runtime.formats import FORMATS
from runtime.kafka.follower import Follower
from runtime.objects.keys import direct_upload_key
from schemas.jobs import CancelRequested, JobRequested
from schemas.segment import Segment
from schemas.topics import CANCELLATIONS
from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    Answer,
    RunningGateway,
    finish,
    is_problem,
    multipart,
    requested,
    status,
    submitted,
)
from tests.waiting import DEADLINE_S, wait_until

JSON = {"Content-Type": "application/json"}


def post(gateway: RunningGateway, body: object, path: str = API, **headers: str) -> Answer:
    return gateway.request("POST", path, orjson.dumps(body), {**JSON, **headers})


def put(gateway: RunningGateway, data: bytes, key: str = "") -> dict[str, str]:
    """An object in the uploads bucket."""
    key = key or f"{uuid4()}.wav"
    gateway.store.put(gateway.settings.uploads_bucket, key, data)
    return {"bucket": gateway.settings.uploads_bucket, "key": key}


# Options


def test_options_that_change_no_text_are_in_the_request_and_not_in_the_work(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    plain = submitted(gateway, data)
    other = submitted(gateway, data, priority="low", formats="srt,vtt", no_cache="true")
    assert plain.work.work_id == other.work.work_id
    assert (other.job.lane, other.job.formats, other.no_cache) == ("bulk", ("srt", "vtt"), True)
    assert (plain.job.lane, plain.job.formats, plain.no_cache) == (None, None, False)


def test_a_stored_transcript_does_not_answer_no_cache(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    finish(gateway, submitted(gateway, data))
    assert submitted(gateway, data).result is not None
    assert submitted(gateway, data, no_cache="true").result is None


def test_the_status_links_to_the_formats_that_were_asked_for(gateway: RunningGateway) -> None:
    some, all_of_them = submitted(gateway, formats="vtt,txt"), submitted(gateway)
    assert status(gateway, some)["files"] is None
    finish(gateway, some, Segment(start=0, end=1, text="Olá."))
    finish(gateway, all_of_them)
    files = status(gateway, some)["files"]
    assert list(files) == ["vtt", "txt"]
    assert gateway.get(files["txt"]).body == "Olá.\n".encode()
    assert list(status(gateway, all_of_them)["files"]) == list(FORMATS)


def test_a_replaced_transcript_is_what_the_new_job_shows_and_not_what_is_in_memory(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    before = submitted(gateway, data)
    finish(gateway, before, Segment(start=0, end=1, text="Before."))
    assert status(gateway, before)["result"]["transcription"]["text"] == "Before."
    after = submitted(gateway, data, no_cache="true")
    finish(gateway, after, Segment(start=0, end=1, text="After."))
    assert status(gateway, after)["result"]["transcription"]["text"] == "After."


# JSON


def test_an_object_in_the_store_is_read_where_it_is(gateway: RunningGateway) -> None:
    data = uuid4().bytes * 1000
    where = put(gateway, data)
    answer = post(gateway, {"object": where, "language": "PT", "words": True, "track": 1, "temperature": [0, 0.2]})
    assert answer.status == 202
    request = requested(gateway, answer.json["task_id"])
    assert request.work.audio_id == hashlib.sha256(data).hexdigest()
    assert (request.work.audio.bucket, request.work.audio.key) == (where["bucket"], where["key"])
    assert request.job.stored == request.work.audio
    assert (request.job.filename, request.job.dropped, request.job.files) == (where["key"], None, ())
    assert (request.work.decoding.language, request.work.decoding.words, request.work.slicing.track) == ("pt", True, 1)
    assert request.work.decoding.temperature == (0.0, 0.2)


def test_an_object_and_an_upload_with_the_same_content_are_the_same_work(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    by_name = requested(gateway, post(gateway, {"object": put(gateway, data)}).json["task_id"])
    assert by_name.work.work_id == submitted(gateway, data, filename="a.wav").work.work_id


def test_formats_of_an_object_are_written_beside_it(gateway: RunningGateway) -> None:
    where = put(gateway, uuid4().bytes, f"{uuid4()}/talk.wav")
    answer = post(gateway, {"object": where, "formats": ["srt", "tsv"], "filename": "other.wav"})
    job = requested(gateway, answer.json["task_id"]).job
    assert (job.filename, job.files) == ("other.wav", (f"{where['key']}.srt", f"{where['key']}.tsv"))


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ([], 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"object": {"bucket": "uploads", "key": "a"}, "url": "https://example.org/a"}, 400, "bad_request"),
        ({"object": {"bucket": "uploads"}}, 400, "bad_option"),
        ({"object": {"bucket": "uploads", "key": "a", "more": 1}}, 400, "bad_option"),
        ({"object": "uploads/a"}, 400, "bad_option"),
        ({"url": 7}, 400, "bad_option"),
        ({"url": "https://example.org/a", "colour": "red"}, 400, "unknown_field"),
        ({"url": "https://example.org/a", "words": {}}, 400, "bad_option"),
        ({"url": "https://example.org/a", "beam_size": 99}, 400, "bad_option"),
        ({"url": "https://example.org/a", "language": "xx"}, 400, "unknown_language"),
        ({"url": "ftp://example.org/a"}, 400, "bad_url"),
        ({"url": "https://user:password@example.org/a"}, 400, "bad_url"),
        ({"url": "https://x..example.org/a"}, 400, "bad_url"),
        ({"url": "http://127.0.0.1/a"}, 400, "forbidden_address"),
        ({"url": "http://[::ffff:10.0.0.1]/a"}, 400, "forbidden_address"),
        ({"url": "http://169.254.169.254/latest"}, 400, "forbidden_address"),
        ({"object": {"bucket": "work", "key": "uploads/a"}}, 403, "forbidden_bucket"),
        ({"object": {"bucket": "elsewhere", "key": "a"}}, 403, "forbidden_bucket"),
        ({"object": {"bucket": "uploads", "key": direct_upload_key(uuid4())}}, 403, "forbidden_bucket"),
        ({"object": {"bucket": "uploads", "key": "no such object"}}, 404, "unknown_object"),
        ({"object": {"bucket": "uploads", "key": "../elsewhere/a"}}, 400, "bad_request"),
    ],
)
def test_a_wrong_json_body_is_refused_with_its_reason(gateway: RunningGateway, body: object, code: int, reason: str) -> None:
    assert is_problem(post(gateway, body), code)["reason"] == reason


def test_json_that_is_none_or_too_large_is_refused(gateway: RunningGateway) -> None:
    assert is_problem(gateway.request("POST", API, b'{"url": ', JSON), 400)["reason"] == "bad_request"
    large = orjson.dumps({"url": "https://example.org/", "prompt": "x" * 2**20})
    assert is_problem(gateway.request("POST", API, large, JSON), 413)["reason"] == "too_large"
    empty = put(gateway, b"")
    assert is_problem(post(gateway, {"object": empty}), 400)["reason"] == "empty"


# Waiting for the transcript


def waiting(gateway: RunningGateway, filename: str) -> JobRequested:
    """The job of this file, whose submitter still waits for the response."""

    def listed() -> list[str]:
        return [job["task_id"] for job in gateway.get("/api/jobs").json["jobs"] if job["filename"] == filename]

    (task_id,) = wait_until(listed, "the job")
    return requested(gateway, task_id)


def test_the_response_waits_for_the_transcript(gateway: RunningGateway) -> None:
    filename = f"{uuid4()}.wav"
    body = multipart([], uuid4().bytes, filename)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(gateway.request, "POST", "/api/transcribe", body, MULTIPART)
        job = waiting(gateway, filename)
        finish(gateway, job, Segment(start=0, end=1, text="Olá."))
        assert answer.result(DEADLINE_S).status == 200
    assert answer.result().json == status(gateway, job)
    assert answer.result().json["result"]["transcription"]["text"] == "Olá."


def test_after_the_bound_the_response_is_the_address_of_the_job(gateway: RunningGateway) -> None:
    answer = gateway.request("POST", "/api/transcribe?wait_s=0", multipart([], uuid4().bytes), MULTIPART)
    assert answer.status == 202
    assert answer.headers["Location"] == answer.json["status_url"]
    assert gateway.get(answer.json["status_url"]).json["state"] == "PENDING"


def test_a_bound_that_is_no_number_of_seconds_is_refused(gateway: RunningGateway) -> None:
    for wrong in ("-1", "nan", "soon"):
        answer = gateway.request("POST", f"/api/transcribe?wait_s={wrong}", multipart([], b"x"), MULTIPART)
        assert is_problem(answer, 400)["reason"] == "bad_parameter"


@pytest.mark.parametrize("cancels", [True, False])
def test_a_client_that_goes_leaves_its_job_unless_it_said_otherwise(gateway: RunningGateway, cancels: bool) -> None:
    filename, gone_before = f"{uuid4()}.wav", disconnected()
    connection = http.client.HTTPConnection(gateway.netloc, timeout=DEADLINE_S)
    path = f"/api/transcribe?cancel_on_disconnect={str(cancels).lower()}"
    connection.request("POST", path, multipart([], uuid4().bytes, filename), MULTIPART)
    job = waiting(gateway, filename).job
    connection.close()
    wait_until(lambda: disconnected() > gone_before, "the gateway to notice")
    assert (job.job_id in cancelled(gateway)) == cancels


def disconnected() -> float:
    labels = {"route": "/api/transcribe", "method": "POST", "status": "400"}
    return REGISTRY.get_sample_value("murmur_http_request_seconds_count", labels) or 0.0


def cancelled(gateway: RunningGateway) -> list[UUID]:
    """The jobs whose cancellation was requested."""
    follower = Follower(gateway.kafka, (CANCELLATIONS,))
    found = []
    try:
        ends = follower.end_offsets()
        while not follower.reached(ends):
            found += [record.event.job_id for record in follower.poll(0.1) if isinstance(record.event, CancelRequested)]
    finally:
        follower.close()
    return found
