"""Files that a client without credentials sends to the store itself, with a form that the gateway has signed."""

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest

from tests.clips import BY_NAME, word_errors
from tests.services.running import Installation, Json, spoken
from tests.waiting import wait_until

CLIP = BY_NAME["en-command.wav"]


def promised(system: Installation, **fields: Any) -> Json:
    body = json.dumps({"filename": "talk.wav", **fields}).encode()
    answer = system.http.request("POST", "/api/uploads", body, {"Content-Type": "application/json"})
    assert answer.status == 201, answer.body
    return answer.json


def send(promise: Json, content: bytes, **changes: str) -> int:
    """As a browser sends a form; the store's status."""
    form = promise["upload"]
    boundary = uuid.uuid4().hex
    fields = {**form["fields"], **changes}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="any name.wav"\r\n\r\n'.encode()
    body = b"".join([*parts, head, content, f"\r\n--{boundary}--\r\n".encode()])
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(form["url"], body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(autouse=True)
def _gateway_answers(system: Installation) -> None:
    wait_until(system.http.ready, "the gateway")


def test_the_stores_event_makes_the_promised_job_with_its_options(system: Installation) -> None:
    promise = promised(system, language="en", words=True, formats=["vtt"])
    assert system.http.request("GET", promise["status_url"]).status == 404
    assert send(promise, spoken()) in (200, 201, 204)
    wait_until(lambda: system.http.request("GET", promise["status_url"]).status == 200, "the job")
    status = system.http.ended(promise["task_id"])
    assert (status["state"], status["filename"], list(status["files"])) == ("SUCCESS", "talk.wav", ["vtt"])
    transcription = status["result"]["transcription"]
    assert word_errors(CLIP.text, transcription["text"]) <= CLIP.wer_max
    assert transcription["segments"][0]["words"]
    assert system.http.request("GET", promise["upload_url"]).json["state"] == "RECEIVED"
    key = f"direct-uploads/{promise['task_id']}"
    assert key in system.objects("uploads")
    assert system.http.request("DELETE", f"/api/jobs/{promise['task_id']}").status == 200
    assert key not in system.objects("uploads")
    assert f"promised-uploads/{promise['task_id']}.json" not in system.objects("work")


def test_the_store_refuses_what_the_form_does_not_allow(system: Installation) -> None:
    content = spoken()
    small = promised(system, size_bytes=100)
    assert send(small, content) in (400, 403, 413)
    other_key = promised(system)
    assert send(other_key, content, key=f"direct-uploads/{uuid.uuid4()}") in (400, 403)
    assert send(promised(system), content, policy="e30=") in (400, 403)
    keys = system.objects("uploads")
    assert not [key for key in keys if key.endswith((small["task_id"], other_key["task_id"]))]
