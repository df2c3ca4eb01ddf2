"""Clients of whisper-asr-webservice on a whole system, with requests as they send them."""

import wave
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Answer, Client
from tests.waiting import DEADLINE_S, wait_until

COMMAND, PORTUGUESE = BY_NAME["en-command.wav"], BY_NAME["pt-command.wav"]
BOUNDARY = "f1c2"


def samples(path: Path) -> bytes:
    """16 kHz mono s16le, as FFmpeg's format of that name has them."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        frames: bytes = file.readframes(file.getnframes())
    return frames


def post(client: Client, path: str, content: bytes, parameters: dict[str, str], filename: str = "audio_file") -> Answer:
    """As Python's `requests` sends bytes without a name: Bazarr's way."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio_file"; filename="{filename}"\r\n\r\n'
    body = b"".join([head.encode(), content, f"\r\n--{BOUNDARY}--\r\n".encode()])
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.request("POST", f"{path}?{urlencode(parameters)}", body, headers)


def own_files(client: Client, path: Path, **fields: str) -> dict[str, bytes]:
    task_id = client.submit(path, **fields)
    assert client.ended(task_id)["state"] == "SUCCESS"
    return {name: client.transcript(task_id, name).body for name in ("txt", "srt", "vtt", "tsv")}


def test_bazarr_gets_subtitles_for_samples_without_a_header(client: Client) -> None:
    own = own_files(client, COMMAND.path, language="en")
    video = "/films/A Garden (2026)/A Garden.mkv"
    parameters = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false", "video_file": video}
    answer = post(client, "/asr", samples(COMMAND.path), parameters)

    assert answer.status == 200
    assert answer.body == own["srt"]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_bazarr_detects_the_language_of_a_film(client: Client) -> None:
    answer = post(client, "/detect-language", samples(PORTUGUESE.path), {"encode": "false", "video_file": "None"})
    assert answer.status == 200
    assert answer.json["detected_language"] == "portuguese"
    assert answer.json["language_code"] == "pt"
    assert 0 < answer.json["confidence"] <= 1


@pytest.mark.parametrize("output", ["txt", "vtt", "tsv"])
def test_every_output_is_that_of_murmurs_own_file(client: Client, output: str) -> None:
    own = own_files(client, COMMAND.path)
    answer = post(client, "/asr", COMMAND.path.read_bytes(), {"encode": "true", "output": output}, "a command.wav")
    assert answer.body == own[output]
    assert answer.headers["content-disposition"] == f'attachment; filename="a%20command.wav.{output}"'


def test_the_output_json_has_whispers_own_form(client: Client) -> None:
    """As a request of n8n or axios, with the words."""
    answer = post(client, "/asr", COMMAND.path.read_bytes(), {"output": "json", "word_timestamps": "true", "encode": "true"})
    document = answer.json
    assert word_errors(COMMAND.text, document["text"]) <= COMMAND.wer_max
    assert document["language"] == "en"
    assert "".join(segment["text"] for segment in document["segments"]) == f" {document['text']}"
    words = [word["word"] for segment in document["segments"] for word in segment["words"]]
    assert "".join(words).strip() == document["text"]
    assert [segment["id"] for segment in document["segments"]] == list(range(len(document["segments"])))


def test_only_the_file_is_required_and_the_text_is_the_default(client: Client) -> None:
    answer = post(client, "/asr", COMMAND.path.read_bytes(), {})
    assert word_errors(COMMAND.text, answer.body.decode()) <= COMMAND.wer_max


def test_a_wav_file_may_say_that_it_is_not_to_be_encoded(client: Client) -> None:
    answer = post(client, "/asr", COMMAND.path.read_bytes(), {"encode": "false", "output": "tsv"}, "command.wav")
    assert answer.body == own_files(client, COMMAND.path)["tsv"]


def test_the_body_of_obsidians_plugin_is_read_as_it_writes_it_by_hand(client: Client) -> None:
    """Transcription for Obsidian: a media type in quotes, `blob` for a name, and neither a language nor an output."""
    boundary = "----Boundaryk3x9"
    head = 'Content-Disposition: form-data; name="audio_file"; filename="blob"\r\nContent-Type: "application/octet-stream"'
    body = f"--{boundary}\r\n{head}\r\n\r\n".encode() + COMMAND.path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    answer = client.request("POST", "/asr?task=transcribe", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    assert answer.body == own_files(client, COMMAND.path)["txt"]


def test_speakr_gets_segments_from_its_http_client(client: Client) -> None:
    parameters: dict[str, str | bool] = {
        "encode": True,
        "task": "transcribe",
        "output": "json",
        "diarize": True,
        "enable_diarization": True,
    }
    files = {"audio_file": ("reunião.wav", COMMAND.path.read_bytes(), "audio/wav")}
    answer = httpx.post(f"{client.address}/asr", params=parameters, files=files, timeout=DEADLINE_S).raise_for_status()
    document = answer.json()
    assert document["language"] == "en"
    assert {"start", "end", "text"} <= document["segments"][0].keys()
    models = httpx.get(f"{client.address}/v1/models", timeout=DEADLINE_S).raise_for_status()
    assert {"id", "owned_by"} <= models.json()["data"][0].keys()


def test_errors_are_problems(client: Client) -> None:
    unknown = post(client, "/asr", COMMAND.path.read_bytes(), {"language": "tlh"})
    wrong = post(client, "/asr", COMMAND.path.read_bytes(), {"output": "docx"})
    unreadable = post(client, "/asr", b"no audio", {})
    assert [(each.status, each.json["reason"]) for each in (unknown, wrong, unreadable)] == [
        (400, "unknown_language"),
        (400, "bad_parameter"),
        (422, "unsupported"),
    ]
    form = client.request("POST", "/asr", b"{}", {"Content-Type": "application/json"})
    assert (form.status, form.json["reason"]) == (415, "not_multipart")


def test_no_job_is_left_of_a_detection(client: Client) -> None:
    def detections() -> list[dict[str, Any]]:
        rows = client.request("GET", "/api/jobs?limit=500").json["jobs"]
        return [row for row in rows if row["filename"] == "for detection.wav"]

    answer = post(client, "/detect-language", PORTUGUESE.path.read_bytes(), {}, "for detection.wav")
    assert answer.json["language_code"] == "pt"
    wait_until(lambda: not detections(), "the job to be deleted")


def test_of_a_file_in_which_nobody_speaks_the_language_is_undetermined(client: Client) -> None:
    answer = post(client, "/detect-language", BY_NAME["silence.flac"].path.read_bytes(), {})
    assert answer.json == {"detected_language": "undetermined", "language_code": "und", "confidence": 0.0}


def test_the_language_of_a_long_file_is_that_of_its_first_speech(client: Client) -> None:
    answer = post(client, "/detect-language", BY_NAME["en-two-minutes.flac"].path.read_bytes(), {})
    assert answer.json["language_code"] == "en"
