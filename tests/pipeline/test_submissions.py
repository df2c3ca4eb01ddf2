"""Ways to submit, through the whole system: waiting for the transcript, transcribing again, batches, objects, URLs."""

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from murmur.dev import Dev
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Answer, Client
from tests.pipeline.test_http import variant
from tests.waiting import wait_until

COMMAND = BY_NAME["en-command.wav"]


@pytest.fixture
def content() -> bytes:
    """The clip with a chunk behind it that is skipped: it sounds the same, and no other content is like it."""
    whole = variant("en-command.wav", 1)
    return whole + b"JUNK" + (16).to_bytes(4, "little") + uuid4().bytes


def form(content: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode() for name, text in fields.items()]
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return b"".join([*parts, head, content, b"\r\n--b--\r\n"]), {"Content-Type": "multipart/form-data; boundary=b"}


def post_json(client: Client, path: str, body: object) -> Answer:
    return client.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def test_the_response_that_waits_has_the_transcript_and_a_repeat_has_it_from_the_cache(client: Client, content: bytes) -> None:
    first, again = (client.request("POST", "/api/transcribe", *form(content)) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert word_errors(COMMAND.text, first.json["result"]["transcription"]["text"]) <= COMMAND.wer_max
    assert (first.json["result"]["cached"], again.json["result"]["cached"]) == (False, True)
    assert client.request("GET", first.json["files"]["txt"]).status == 200


def test_no_cache_transcribes_again_and_its_result_is_the_cached_one_from_then_on(client: Client, content: bytes) -> None:
    def transcribed(**fields: str) -> dict[str, Any]:
        result: dict[str, Any] = client.request("POST", "/api/transcribe", *form(content, **fields)).json["result"]
        return result

    first, again, after = transcribed(), transcribed(no_cache="true"), transcribed()
    assert [result["cached"] for result in (first, again, after)] == [False, False, True]
    assert again["timings"]["inference_s"] > 0
    assert again["timings"] != first["timings"]
    assert after["timings"] == again["timings"], "the timings of a result are those of the work that produced it"


def test_a_batch_ends_when_all_its_jobs_have_ended(client: Client, content: bytes) -> None:
    files = [("a.wav", content), ("no audio.wav", b"this is no sound"), ("b.wav", content + b"JUNK\0\0\0\0")]
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + data for name, data in files
    ]
    body = b"\r\n".join([*parts, b"--b--\r\n"])
    answer = client.request("POST", "/api/transcribe/batch", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert [job["success"] for job in answer.json["jobs"]] == [True, False, True]
    batch = wait_until(
        lambda: found if (found := client.request("GET", answer.json["batch_url"]).json)["state"] == "SUCCESS" else None,
        "the batch to end",
    )
    assert batch is not None
    assert (batch["total"], batch["counts"], batch["share"]) == (2, {"SUCCESS": 2}, 1.0)


def test_result_files_of_an_object_are_written_in_the_formats_that_were_asked_for(
    client: Client, system: Dev, inbox: Path, outbox: Path, content: bytes
) -> None:
    name = f"{uuid4()}.wav"
    (inbox / name).write_bytes(content)
    where = {"bucket": system.settings.uploads_bucket, "key": name}
    task = post_json(client, "/api/transcribe/async", {"object": where, "formats": ["tsv"], "words": True}).json["task_id"]
    status = client.ended(task)
    assert list(status["files"]) == ["tsv"]
    wait_until((outbox / f"{name}.tsv").is_file, "the file beside those of the drop")
    assert (outbox / f"{name}.tsv").read_text().startswith("start\tend\ttext\n")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback, with a clip."""
    shutil.copy(COMMAND.path, tmp_path / "clip.wav")
    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""


def test_a_url_is_fetched_and_transcribed(client: Client, web: str) -> None:
    answer = post_json(client, "/api/transcribe", {"url": f"{web}/clip.wav?session=1", "language": "en"})
    assert answer.status == 200
    assert answer.json["filename"] == "clip.wav"
    assert word_errors(COMMAND.text, answer.json["result"]["transcription"]["text"]) <= COMMAND.wer_max
    assert UUID(answer.json["task_id"])
    assert post_json(client, "/api/transcribe", {"url": f"{web}/nothing.wav"}).json["reason"] == "fetch_refused"
