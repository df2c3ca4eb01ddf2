"""From an upload to its transcript, and all that can become of a job on the way."""

import io
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from murmur.dev import Dev
from schemas.topics import REVOCATIONS
from schemas.work import RunRevoked
from tests.clips import BY_NAME, CLIPS, Clip, without_samples, word_errors
from tests.event_stream import listening
from tests.pipeline.client import Client
from tests.pipeline.reading import events, transcribed, works
from tests.waiting import wait_until

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccf"
    "c0f01f0005050202c77a8a5f0000000049454e44ae426082"
)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.file)
def test_every_clip_is_transcribed_within_its_bound(client: Client, clip: Clip) -> None:
    status = client.ended(client.submit(clip.path))
    assert status["state"] == "SUCCESS"
    transcription = status["result"]["transcription"]
    assert word_errors(clip.text, transcription["text"]) <= clip.wer_max
    assert transcription["duration"] == pytest.approx(clip.duration_s, abs=0.2)
    if clip.text:
        assert transcription["language"] == clip.language


def variant(clip: str, seconds: int) -> bytes:
    """The same speech with a little silence behind it: other bytes, so another work."""
    with wave.open(str(BY_NAME[clip].path)) as source, io.BytesIO() as out:
        with wave.open(out, "wb") as target:
            target.setparams(source.getparams())
            target.writeframes(source.readframes(source.getnframes()))
            target.writeframes(bytes(2 * source.getframerate() * seconds))
        return out.getvalue()


def test_the_second_time_the_answer_comes_from_the_cache(client: Client) -> None:
    content = variant("en-command.wav", 1)
    first = client.ended(client.post("a.wav", content).json["task_id"])
    second = client.ended(client.post("another name.wav", content).json["task_id"])
    assert (first["result"]["cached"], second["result"]["cached"]) == (False, True)
    assert first["result"]["transcription"] == second["result"]["transcription"]


def test_twenty_identical_submits_at_once_are_twenty_jobs_and_one_transcription(client: Client, system: Dev) -> None:
    content = variant("en-command.wav", 2)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: client.post(f"{n}.wav", content), range(20)))
    tasks = {answer.json["task_id"] for answer in answers}
    assert len(tasks) == 20
    results = [client.ended(task) for task in tasks]
    assert {status["state"] for status in results} == {"SUCCESS"}
    assert sum(not status["result"]["cached"] for status in results) == 1
    (work,) = works(system, tasks)
    assert len(transcribed(system, {work})) == 1


def test_a_cancelled_job_stops_at_its_next_chunk(client: Client, system: Dev) -> None:
    task = client.submit(BY_NAME["en-two-minutes.flac"].path, prompt="so that it is a work of its own")
    wait_until(lambda: client.status(task)["progress"]["segments"], "the first text")
    assert client.cancel(task).status == 202
    status = client.ended(task)
    assert status["state"] == "REVOKED"
    assert client.cancel(task).status == 202
    (work,) = works(system, {task})
    assert len(events(system, REVOCATIONS, RunRevoked, lambda run: run.work_id == work)) == 1
    assert len(transcribed(system, {work})) < 14  # of 14 chunks, a transcriber that went on would have done all
    assert client.transcript(task, "txt").status == 409


def test_a_finished_job_can_no_longer_be_cancelled(client: Client) -> None:
    task = client.submit(BY_NAME["en-command.wav"].path)
    client.ended(task)
    answer = client.cancel(task)
    assert answer.status == 409
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("junk.mp3", b"this is not audio at all, whatever its name is." * 50, "unsupported"),
        ("picture.png", PNG, "unsupported"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n", "unsupported"),
        ("cut.wav", BY_NAME["en-command.wav"].path.read_bytes()[:20], "corrupt"),
    ],
)
def test_what_cannot_be_transcribed_is_refused_and_leaves_nothing(
    client: Client, system: Dev, name: str, content: bytes, reason: str
) -> None:
    uploads = system.settings.data_dir / "work" / "uploads"
    before = set(uploads.glob("*"))
    answer = client.post(name, content)
    assert (answer.status, answer.json["reason"]) == (422, reason)
    assert name not in {job["filename"] for job in client.request("GET", "/api/jobs?limit=500").json["jobs"]}
    assert set(uploads.glob("*")) == before


def test_a_track_that_does_not_exist_is_refused_with_those_that_do(client: Client) -> None:
    answer = client.post("talk.mp4", BY_NAME["en-video.mp4"].path.read_bytes(), track="1")
    assert (answer.status, answer.json["reason"]) == (422, "unknown_track")
    assert "0 (1 channel)" in answer.json["detail"]


def test_a_file_without_samples_fails_with_a_typed_reason(client: Client) -> None:
    status = client.ended(client.post("silent.wav", without_samples()).json["task_id"])
    assert status["state"] == "FAILURE"
    assert status["error"]["reason"] == "no_audio"


def test_the_answer_and_the_status_have_what_the_file_states_and_how_long_it_may_take(client: Client) -> None:
    client.ended(client.submit(BY_NAME["en-command.wav"].path, prompt="for the speed"))
    clip = BY_NAME["en-two-minutes.flac"]
    accepted = client.post(clip.path.name, clip.path.read_bytes(), prompt="for the estimate").json
    audio = accepted["audio"]
    assert (audio["container"], audio["codec"], len(audio["tracks"])) == ("flac", "flac", 1)
    assert audio["duration"] == pytest.approx(clip.duration_s, abs=0.01)
    assert 0 < accepted["estimate"]["min"] < accepted["estimate"]["max"]
    status = client.status(accepted["task_id"])
    assert status["audio"] == audio
    assert status["state"] == "SUCCESS" or status["estimate"]["min"] <= accepted["estimate"]["min"]
    ended = client.ended(accepted["task_id"])
    assert (ended["audio"], ended["estimate"]) == (audio, None)


def test_events_have_the_segments_of_the_result_in_order_of_time_while_they_are_made(client: Client) -> None:
    task = client.submit(BY_NAME["en-two-minutes.flac"].path, prompt="a work of its own, to listen to")
    with listening(client.address.removeprefix("http://"), f"/api/transcribe/async/{task}/events") as stream:
        received = list(stream)
    made = [event.data["segments"] for event in received if event.kind == "progress" and event.data["segments"]]
    segments = [segment for some in made for segment in some]
    end = received[-1].data
    assert segments == end["result"]["transcription"]["segments"]
    assert segments == sorted(segments, key=lambda segment: segment["start"])
    assert len(made) > 1
    status = client.request("GET", f"/api/transcribe/async/status/{task}?wait=30&until=ended").json
    assert (status["state"], status["progress"]["fraction"]) == ("SUCCESS", 1.0)


def test_an_empty_upload_makes_no_job(client: Client) -> None:
    answer = client.post("empty.mp3", b"")
    assert (answer.status, answer.json["reason"]) == (400, "empty")


@pytest.mark.parametrize("name", ["silence.flac", "noise.flac", "tones.flac"])
def test_sound_without_speech_is_a_success_with_an_empty_text(client: Client, name: str) -> None:
    task = client.submit(BY_NAME[name].path)
    status = client.ended(task)
    assert (status["state"], status["result"]["transcription"]["text"]) == ("SUCCESS", "")
    assert {client.transcript(task, kind).status for kind in ("json", "txt", "srt", "vtt")} == {200}


def test_http_jobs_write_nothing_to_the_outbox(client: Client, outbox: Path) -> None:
    client.ended(client.post("only-over-http.wav", variant("en-command.wav", 3)).json["task_id"])
    assert not list(outbox.rglob("only-over-http*"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/page", 404),
        ("PUT", "/api/transcribe/async", 405),
        ("GET", "/api/transcribe/async/status/00000000-0000-4000-8000-000000000000", 404),
        ("POST", "/api/transcribe/async", 415),
    ],
)
def test_every_error_is_a_problem_document(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json["status"] == status
