"""Transcripts and audio as downloads: names, conditional and partial requests, compression, and hostile uploads."""

import gzip
import re
from collections.abc import Iterator
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest

from schemas.jobs import JobRequested
from schemas.record import ObjectRef
from schemas.segment import Segment
from schemas.topics import REQUESTS
from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    Answer,
    RunningGateway,
    embedded,
    finish,
    is_problem,
    multipart,
    requested,
    submitted,
)
from tests.waiting import wait_until

AUDIO = bytes(range(256)) * 4096  # 1 MiB
LONG = tuple(Segment(start=second, end=second + 1, text=f"A sentence, number {second}.") for second in range(100))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def transcript(gateway: RunningGateway) -> str:
    """The path of a transcript of some kilobytes, without its ending."""
    submission = submitted(gateway)
    finish(gateway, submission, *LONG)
    return f"{API}/{submission.job.job_id}/transcript"


@pytest.fixture(scope="module")
def audio(gateway: RunningGateway) -> str:
    """The path of the audio of a job."""
    return f"/api/jobs/{submitted(gateway, AUDIO).job.job_id}/audio"


def get(gateway: RunningGateway, path: str, **headers: str) -> Answer:
    return gateway.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def named(gateway: RunningGateway, filename: str, begins: bytes = b"bytes ") -> JobRequested:
    """A job of a file with that name, as a browser sends it."""
    body = multipart([], begins + uuid4().bytes, filename.replace('"', "%22"))
    answer = gateway.request("POST", API, body, MULTIPART)
    assert answer.status == 202
    return requested(gateway, answer.json["task_id"])


# Conditional requests


@pytest.mark.parametrize("ending", ["json", "txt", "srt", "vtt", "tsv"])
def test_a_transcript_that_the_client_has_is_not_sent_again(gateway: RunningGateway, transcript: str, ending: str) -> None:
    first = gateway.get(f"{transcript}.{ending}")
    again = get(gateway, f"{transcript}.{ending}", If_None_Match=first.headers["ETag"])
    other = get(gateway, f"{transcript}.{ending}", If_None_Match='"another"')

    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status, other.body) == (200, first.body)


def test_the_etag_of_a_compressed_transcript_counts_as_well(gateway: RunningGateway, transcript: str) -> None:
    first = get(gateway, f"{transcript}.vtt", Accept_Encoding="gzip")
    assert first.headers["ETag"].startswith("W/")
    assert get(gateway, f"{transcript}.vtt", Accept_Encoding="gzip", If_None_Match=first.headers["ETag"]).status == 304
    assert get(gateway, f"{transcript}.vtt", If_None_Match=f'"x", {first.headers["ETag"]}').status == 304
    assert get(gateway, f"{transcript}.vtt", If_None_Match="*").status == 304


def test_audio_that_the_client_has_is_not_sent_again(gateway: RunningGateway, audio: str) -> None:
    first = gateway.request("HEAD", audio)
    assert get(gateway, audio, If_None_Match=first.headers["ETag"]).status == 304
    assert get(gateway, audio, If_Modified_Since=first.headers["Last-Modified"]).status == 304
    assert get(gateway, audio, If_Modified_Since="Thu, 01 Jan 2015 00:00:00 GMT", Range="bytes=0-0").status == 206
    assert get(gateway, audio, If_Modified_Since="yesterday", Range="bytes=0-0").status == 206
    assert get(gateway, audio, If_Match=first.headers["ETag"], Range="bytes=0-0").status == 206
    assert is_problem(get(gateway, audio, If_Match='"another"'), 412)["reason"] == "precondition_failed"


# Ranges


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-", range(len(AUDIO))),
        ("bytes=0-0", range(1)),
        ("bytes=1000-1999", range(1000, 2000)),
        ("bytes=1048575-", range(1048575, 1048576)),
        ("bytes=-16", range(len(AUDIO) - 16, len(AUDIO))),
        ("bytes=-99999999", range(len(AUDIO))),
        ("bytes=500000-99999999", range(500_000, len(AUDIO))),
        ("Bytes = 3 - 5", range(3, 6)),
    ],
)
def test_a_range_of_the_audio_is_sent(gateway: RunningGateway, audio: str, wanted: str, expected: range) -> None:
    answer = get(gateway, audio, Range=wanted)

    assert answer.status == 206
    assert answer.body == AUDIO[expected.start : expected.stop]
    assert answer.headers["Content-Range"] == f"bytes {expected.start}-{expected.stop - 1}/{len(AUDIO)}"


@pytest.mark.parametrize("wanted", ["bytes=1048576-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_beyond_the_end_says_how_many_bytes_there_are(gateway: RunningGateway, audio: str, wanted: str) -> None:
    answer = get(gateway, audio, Range=wanted)
    assert is_problem(answer, 416)["size_bytes"] == len(AUDIO)
    assert answer.headers["Content-Range"] == f"bytes */{len(AUDIO)}"


@pytest.mark.parametrize(
    "wanted", ["bytes=2-1", "bytes=x-", "bytes=", "bytes=-", "items=0-1", "bytes=0-1,3-4", "bytes=" + "9" * 30 + "-"]
)
def test_a_range_that_cannot_be_understood_is_ignored(gateway: RunningGateway, audio: str, wanted: str) -> None:
    answer = get(gateway, audio, Range=wanted)
    assert (answer.status, len(answer.body)) == (200, len(AUDIO))


def test_a_range_of_other_content_is_not_mixed_with_the_old(gateway: RunningGateway, audio: str, transcript: str) -> None:
    for path in (audio, f"{transcript}.txt"):
        whole = gateway.get(path)
        etag = whole.headers["ETag"]
        assert get(gateway, path, Range="bytes=0-9", If_Range=etag).body == whole.body[:10]
        assert get(gateway, path, Range="bytes=0-9", If_Range='"another"').body == whole.body
        assert get(gateway, path, Range="bytes=0-9", If_Range=f"W/{etag}").body == whole.body
        assert get(gateway, path, Range="bytes=0-9", If_Range="Thu, 01 Jan 2015 00:00:00 GMT").body == whole.body
    modified = gateway.request("HEAD", audio).headers["Last-Modified"]
    assert get(gateway, audio, Range="bytes=0-9", If_Range=modified).status == 206


def test_a_range_of_a_transcript_is_of_its_uncompressed_bytes(gateway: RunningGateway, transcript: str) -> None:
    whole = gateway.get(f"{transcript}.srt").body
    part = get(gateway, f"{transcript}.srt", Range="bytes=100-199", Accept_Encoding="gzip")
    assert (part.status, part.body) == (206, whole[100:200])
    assert "Content-Encoding" not in part.headers
    is_problem(get(gateway, f"{transcript}.srt", Range=f"bytes={len(whole)}-"), 416)


# Compression


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.5", "*", "deflate, GZIP"])
def test_text_is_compressed_for_who_accepts_it(gateway: RunningGateway, transcript: str, accepted: str) -> None:
    for path in (
        f"{transcript}.json",
        f"{transcript}.txt",
        transcript.replace("async/", "async/status/").rpartition("/")[0],
        "/",
    ):
        plain, small = gateway.get(path), get(gateway, path, Accept_Encoding=accepted)
        assert small.headers["Content-Encoding"] == "gzip"
        assert int(small.headers["Content-Length"]) == len(small.body) < len(plain.body)
        assert gzip.decompress(small.body) == plain.body
        assert "Accept-Encoding" in small.headers["Vary"]
        assert "Accept-Encoding" in plain.headers["Vary"]
        assert gateway.request("HEAD", path).headers["Content-Length"] == str(len(plain.body))


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "deflate", "*;q=0", "gzip;q=0, *", "gzip;q=x"])
def test_text_is_not_compressed_for_others(gateway: RunningGateway, transcript: str, accepted: str) -> None:
    assert "Content-Encoding" not in get(gateway, f"{transcript}.json", Accept_Encoding=accepted).headers


def test_audio_events_and_what_is_short_are_never_compressed(gateway: RunningGateway, audio: str, transcript: str) -> None:
    for path in (audio, transcript.replace("transcript", "events"), "/livez"):
        answer = get(gateway, path, Accept_Encoding="gzip")
        assert answer.status == 200
        assert "Content-Encoding" not in answer.headers


# HEAD and OPTIONS


def test_head_has_the_headers_of_get_and_no_body(gateway: RunningGateway, audio: str, transcript: str) -> None:
    for path in (audio, f"{transcript}.txt", transcript.replace("transcript", "events"), "/livez", "/api/jobs", "/", "/docs"):
        head, whole = gateway.request("HEAD", path), gateway.get(path)
        assert (head.status, head.body) == (whole.status, b"")
        changing = {"Date", "Connection", "Transfer-Encoding"}
        assert {name: head.headers.get(name) for name in whole.headers.keys() - changing} == {
            name: whole.headers[name] for name in whole.headers.keys() - changing
        }
    missing = gateway.request("HEAD", f"/api/jobs/{uuid4()}/audio")
    assert (missing.status, missing.body) == (404, b"")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        (API, "OPTIONS, POST"),
        (f"{API}/{UUID(int=1)}/events", "GET, HEAD, OPTIONS"),
        ("/api/jobs", "GET, HEAD, OPTIONS"),
        (f"/api/jobs/{UUID(int=1)}", "DELETE, OPTIONS"),
        ("/livez/", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_the_methods_of_a_path(gateway: RunningGateway, path: str, methods: str) -> None:
    answer = gateway.request("OPTIONS", path)
    assert (answer.status, answer.body, answer.headers["Allow"]) == (204, b"", methods)
    assert is_problem(gateway.request("PUT", path), 405)["reason"] == "method_not_allowed"
    assert gateway.request("PUT", path).headers["Allow"] == methods


def test_options_of_no_path_is_not_found(gateway: RunningGateway) -> None:
    is_problem(gateway.request("OPTIONS", "/nothing"), 404)


# Names


@pytest.mark.parametrize(
    ("filename", "plain", "whole"),
    [
        ("talk.wav", "talk.srt", "talk.srt"),
        ("two words.tar.mp3", "two words.tar.srt", "two words.tar.srt"),
        ("no ending", "no ending.srt", "no ending.srt"),
        (".hidden", ".hidden.srt", ".hidden.srt"),
        ("Dr. Silva", "Dr. Silva.srt", "Dr. Silva.srt"),
        ("reunião.wav", "reuniao.srt", "reunião.srt"),
        ("会議.m4a", "download.srt", "会議.srt"),
        ('a"; filename="b.exe', "a_; filename=_b.srt", 'a"; filename="b.srt'),
        ("100%.wav", "100_.srt", "100%.srt"),
        ("it's.wav", "it_s.srt", "it's.srt"),
        ("..\\..\\evil.wav", "evil.srt", "evil.srt"),
    ],
)
def test_a_transcript_has_the_name_of_its_file_with_the_ending_of_its_format(
    gateway: RunningGateway, filename: str, plain: str, whole: str
) -> None:
    submission = named(gateway, filename)
    finish(gateway, submission)
    header = gateway.get(f"{API}/{submission.job.job_id}/transcript.srt").headers["Content-Disposition"]

    found = re.fullmatch(r"inline; filename=\"([^\"\\]*)\"(?:; filename\*=UTF-8''([\w!#$&+.^`|~%-]+))?", header, re.ASCII)
    assert found is not None
    assert found[1] == plain
    assert unquote(found[2] or found[1]) == whole


def test_a_name_cannot_add_headers(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    evil = submission.job.model_copy(update={"job_id": uuid4(), "filename": "a\r\nSet-Cookie: b=c\r\n\r\n<script>.wav"})
    gateway.publish(REQUESTS, submission.work.work_id, submission.model_copy(update={"job": evil}))
    path = f"/api/jobs/{evil.job_id}/audio"
    wait_until(lambda: gateway.get(path).status == 200, "the job")
    answer = gateway.get(path)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith('inline; filename="aSet-Cookie_ b=c_script_.wav"; filename*=')


# Audio


def test_the_audio_of_a_job_is_what_was_submitted(gateway: RunningGateway, audio: str) -> None:
    answer = gateway.get(audio)
    assert (answer.status, answer.body) == (200, AUDIO)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Length"] == str(len(AUDIO))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"] == 'inline; filename="a.wav"'


@pytest.mark.parametrize(
    "filename", ["page.html", "image.svg", "page.xhtml", "script.js", "document.pdf", "no ending", "a.wav.html"]
)
def test_an_upload_never_becomes_a_page_of_this_origin(gateway: RunningGateway, filename: str) -> None:
    submission = named(gateway, filename)
    answer = gateway.get(f"/api/jobs/{submission.job.job_id}/audio")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_file_without_an_ending_that_was_not_probed_has_the_type_of_its_content(gateway: RunningGateway) -> None:
    submission = named(gateway, "a recording", begins=b"fLaC\0\0\0\x22")
    assert submission.job.audio is None
    path = f"/api/jobs/{submission.job.job_id}/audio"
    for answer in (gateway.get(path), gateway.request("HEAD", path), get(gateway, path, Range="bytes=9-")):
        assert answer.headers["Content-Type"] == "audio/flac"
        assert answer.headers["Content-Disposition"].startswith("inline; ")


def test_the_audio_of_a_dropped_file_is_that_object_and_is_gone_when_it_is_replaced(gateway: RunningGateway) -> None:
    ref = gateway.store.put(gateway.settings.work_bucket, "drops/calls/monday.mp3", b"the first").ref
    submission = submitted(gateway)
    job = submission.job.model_copy(update={"job_id": uuid4(), "source": "drop", "dropped": ref, "filename": "monday.mp3"})
    work = submission.work.model_copy(update={"audio": ref})
    gateway.publish(REQUESTS, work.work_id, JobRequested(job=job, work=work))
    path = f"/api/jobs/{job.job_id}/audio"
    wait_until(lambda: gateway.get(path).status == 200, "the drop")

    answer = gateway.get(path)
    assert (answer.body, answer.headers["Content-Type"]) == (b"the first", "audio/mpeg")

    gateway.store.put(ref.bucket, ref.key, b"the second")
    assert is_problem(gateway.get(path), 410)["reason"] == "audio_gone"
    assert is_problem(get(gateway, path, Range="bytes=0-1"), 410)["reason"] == "audio_gone"


def test_audio_that_is_no_longer_in_the_store_is_gone(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    audio: ObjectRef = submission.work.audio
    gateway.store.delete(audio.bucket, audio.key)
    path = f"/api/jobs/{submission.job.job_id}/audio"

    assert is_problem(gateway.get(path), 410)["reason"] == "audio_gone"
    assert gateway.request("HEAD", path).status == 410
    is_problem(gateway.get(f"/api/jobs/{UUID(int=7)}/audio"), 404)


def test_the_audio_of_a_job_that_was_cancelled_is_still_there_and_that_of_a_deleted_one_is_not(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    path = f"/api/jobs/{submission.job.job_id}/audio"
    finish(gateway, submission)
    assert gateway.get(path).status == 200

    gateway.request("DELETE", f"/api/jobs/{submission.job.job_id}")
    is_problem(gateway.get(path), 404)
