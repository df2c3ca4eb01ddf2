"""What follows a job shows every segment once, also when the chunks of a file are done in another order than the file's."""

import http.server
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests import processes

ROOT = Path(__file__).parents[2]
TASK = "00000000-0000-4000-8000-000000000001"
STATUS_URL = f"/api/transcribe/async/status/{TASK}"


def segment(start: float, text: str) -> dict[str, Any]:
    return {"start": start, "end": start + 5.0, "text": text}


FIRST, SECOND, THIRD, LAST = segment(0.0, "first"), segment(10.0, "second"), segment(20.0, "third"), segment(30.0, "last")


def running(*segments: dict[str, Any]) -> dict[str, Any]:
    return {"task_id": TASK, "state": "STARTED", "message": "transcribing", "progress": {"share": 0.5, "segments": segments}}


def done(*segments: dict[str, Any]) -> dict[str, Any]:
    text = " ".join(each["text"] for each in segments)
    result = {"success": True, "transcription": {"text": text, "segments": segments}}
    return {**running(), "state": "SUCCESS", "message": "transcribed", "result": result}


# The middle of the file is done first, its beginning next; the last chunk is never seen but in the result.
TOLD = [running(SECOND), running(FIRST, SECOND), running(FIRST, SECOND, THIRD), done(FIRST, SECOND, THIRD, LAST)]


@pytest.fixture
def gateway() -> Iterator[str]:
    """Takes any submission, and answers the n-th question for its status with the n-th document."""
    left = list(TOLD)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._send(202, {"task_id": TASK, "status_url": STATUS_URL})

        def do_GET(self) -> None:
            self._send(200, left.pop(0) if len(left) > 1 else left[0])

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests print nothing."""

        def _send(self, status: int, document: dict[str, Any]) -> None:
            body = orjson.dumps(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def words_of(command: Sequence[str | Path], environment: dict[str, str]) -> list[str]:
    """The last word of each line that it printed."""
    run = processes.run(*command, cwd=ROOT, given=environment)
    assert run.returncode == 0, run.stderr
    return [line.split()[-1] for line in run.stdout.splitlines()]


def test_the_example_client_shows_every_segment_once(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    shown = words_of([sys.executable, ROOT / "examples" / "client.py", tmp_path / "a.wav", "--url", gateway], {})
    assert shown[:-1] == ["second", "first", "third", "last"]
    assert shown[-1] == "last", "the whole text ends it"


def test_murmur_watch_shows_every_segment_once(gateway: str) -> None:
    command = [sys.executable, "-c", "from murmur.cli import main; main()", "watch", TASK]
    assert words_of(command, {"MURMUR_GATEWAY_URL": gateway}) == ["second", "first", "third", "last"]
