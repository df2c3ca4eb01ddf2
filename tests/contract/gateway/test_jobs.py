"""Jobs on their way and at their end, as HTTP clients see them."""

import http.client
import threading
from typing import Any

import orjson
import pytest

from runtime.kafka.follower import Follower
from runtime.objects.keys import transcript_key
from schemas.jobs import CancelRequested, JobRequested, ResultSummary, State
from schemas.record import Failure
from schemas.segment import Segment
from schemas.topics import CANCELLATIONS
from tests.contract.gateway.house import API, House, finish, is_problem, progressed, status, submitted, tell
from tests.waiting import DEADLINE_S, wait_until


def test_a_finished_job_gives_its_result(house: House) -> None:
    asked = submitted(house)
    finish(house, asked, Segment(start=0, end=1, text="Olá."))
    said = status(house, asked)

    assert said["progress"] == {"share": 1.0, "segments": []}
    result = said["result"]
    assert set(result) == {"success", "transcription", "model", "processing_time", "warnings", "audio_info", "cached"}
    assert result["model"] == said["model"] == asked.work.model.model_dump()
    assert result["warnings"] == []
    assert set(said["result"]["transcription"]) == {"text", "segments", "language", "duration"}
    assert said["result"]["transcription"]["text"] == "Olá."
    assert said["result"]["cached"] is False


def test_a_failed_job_says_why(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "FAILURE", error=Failure(reason="no_audio", message="it contains no audio"))
    said = status(house, asked)

    assert said["error"] == {"reason": "no_audio", "message": "it contains no audio"}
    assert "result" not in said


def test_progress_has_the_share_and_the_segments_so_far(house: House) -> None:
    asked = submitted(house)
    tell(house, asked, "STARTED")
    progressed(house, asked, 0.25, "Olá.")

    said = wait_until(lambda: (s := status(house, asked))["progress"]["share"] and s, "progress")

    assert said["progress"]["share"] == 0.25
    assert [segment["text"] for segment in said["progress"]["segments"]] == ["Olá."]
    assert said["message"] == "transcribing, 25% done"


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


def test_a_damaged_transcript_is_said_and_no_internal_error(house: House) -> None:
    request = submitted(house)
    house.store.put(house.settings.work_bucket, transcript_key(request.work.work_id), b"{damaged")
    tell(house, request, "SUCCESS", result=ResultSummary(transcript=request.work.audio, language=None, duration_s=0, speech_s=0))

    assert "damaged" in status(house, request)["message"]
    assert is_problem(house.get(f"{API}/{request.job.job_id}/transcript.txt"), 410)["reason"] == "damaged"


def test_cancelling_asks_the_coordinator_and_says_so_again_when_it_is_done(house: House) -> None:
    asked = submitted(house)
    first = house.ask("DELETE", f"{API}/{asked.job.job_id}")
    assert (first.status, first.json["state"]) == (202, "PENDING")
    assert set(first.json) == {"task_id", "state", "message"}
    follower = Follower(house.kafka, (CANCELLATIONS,))
    events = wait_until(lambda: [record.event for record in follower.poll(0.1)], "the cancellation")
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


@pytest.mark.parametrize("task_id", ["0b5c6a52-90fd-4c8e-9d0a-1f1d2f0a7f11", "abc", "0", "%00", "..", "a" * 2000])
def test_an_unknown_task_is_not_found(house: House, task_id: str) -> None:
    for method, path in (("GET", f"{API}/status/{task_id}"), ("DELETE", f"{API}/{task_id}"), ("GET", f"{API}/{task_id}/events")):
        is_problem(house.ask(method, path), 404)


def test_events_tell_the_state_the_segments_and_the_end(house: House) -> None:
    asked = submitted(house)
    events: list[tuple[str, Any]] = []
    listening = threading.Thread(target=listen, args=(house, asked, events))
    listening.start()
    wait_until(lambda: events, "the first event")
    tell(house, asked, "STARTED")
    progressed(house, asked, 0.5, "Olá.")
    wait_until(lambda: [data for kind, data in events if kind == "progress"], "progress")
    finish(house, asked, Segment(start=0, end=1, text="Olá. Tudo bem?"))
    listening.join(DEADLINE_S)

    assert not listening.is_alive()
    assert [data["state"] for kind, data in events if kind == "status"] == ["PENDING", "STARTED", "SUCCESS"]
    told = [segment["text"] for kind, data in events if kind == "progress" for segment in data["segments"]]
    assert told == ["Olá."]
    assert events[-1][1]["result"]["transcription"]["text"] == "Olá. Tudo bem?"


def listen(house: House, asked: JobRequested, events: list[tuple[str, Any]]) -> None:
    connection = http.client.HTTPConnection(house.place, timeout=DEADLINE_S)
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
