"""The programs in examples/ and the curl lines of the documents, run as they stand against one `murmur dev`."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from murmur.dev import Dev
from runtime.settings import Settings
from tests import processes
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.processes import ROOT, Process, only_line
from tests.waiting import DEADLINE_S, wait_until

EXAMPLES = ROOT / "examples"
SECRET = "whsec_bXVybXVyLXRlc3RzLWtub3ctdGhpcy1zZWNyZXQ="
DOCUMENTED = "http://127.0.0.1:8511"
PAGES = ("README.md", "docs/http.md", "docs/http-submissions.md")
CLIP = BY_NAME["en-command.wav"]


@pytest.fixture(scope="module")
def hooked(settings_factory: Callable[..., Settings]) -> Iterator[Dev]:
    """A system that signs webhooks and delivers them to this machine."""
    with Dev(settings_factory(webhook_secret=SECRET, webhook_allow_private=True)) as system:
        system.wait_ready(DEADLINE_S)
        yield system


@pytest.fixture
def gateway(hooked: Dev) -> str:
    assert hooked.address is not None
    return hooked.address


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return processes.run(*command, cwd=ROOT, given=environment)


def test_the_shell_script_prints_subtitles(gateway: str) -> None:
    done = run("bash", EXAMPLES / "submit.sh", CLIP.path, MURMUR_GATEWAY_URL=gateway)
    assert done.returncode == 0, done.stderr
    assert " --> " in done.stdout
    assert word_errors(CLIP.text, " ".join(re.findall(r"(?m)^[^\d\n].*$", done.stdout))) <= CLIP.wer_max


def test_the_shell_script_prints_why_a_file_failed(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "letter.mp3").write_text("Dear reader, this is a letter.")
    done = run("bash", EXAMPLES / "submit.sh", tmp_path / "letter.mp3", gateway)
    assert done.returncode == 1
    assert "unsupported" in done.stderr


def test_the_python_client_prints_segments_and_the_text(gateway: str) -> None:
    done = run(sys.executable, EXAMPLES / "client.py", CLIP.path, "--language", "en", MURMUR_GATEWAY_URL=gateway)
    assert done.returncode == 0, done.stderr
    assert word_errors(CLIP.text, done.stdout.splitlines()[-1]) <= CLIP.wer_max
    assert only_line(done.stderr).startswith("note: The demo model has a vocabulary")


def test_the_python_client_prints_what_was_refused(gateway: str) -> None:
    done = run(sys.executable, EXAMPLES / "client.py", CLIP.path, "--url", gateway, "--language", "klingon")
    assert done.returncode == 1
    assert "klingon" in done.stderr


@pytest.mark.parametrize("program", [(sys.executable, EXAMPLES / "client.py"), ("bash", EXAMPLES / "submit.sh")])
@pytest.mark.parametrize(
    ("file", "url", "named"),
    [
        (CLIP.path, "http://127.0.0.1:1", "no gateway .*http://127.0.0.1:1.*: start one with `make dev`"),
        (CLIP.path, "nowhere", "no gateway .*nowhere"),
        ("no such file.mp3", DOCUMENTED, "no such file.mp3"),
        (EXAMPLES, DOCUMENTED, "examples"),
    ],
)
def test_what_a_client_cannot_do_is_one_line(program: tuple[str | Path, ...], file: str | Path, url: str, named: str) -> None:
    done = run(*program, file, MURMUR_GATEWAY_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(named, only_line(done.stderr))


def test_a_subscriber_without_a_broker_ends_with_one_line() -> None:
    done = run(sys.executable, EXAMPLES / "subscribe.py", "--bootstrap", "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert only_line(done.stderr).startswith("no Kafka broker answers at 127.0.0.1:1 ")


def test_the_webhook_receiver_checks_the_signature_and_prints_the_text(gateway: str, tmp_path: Path) -> None:
    log = tmp_path / "receiver.log"
    arguments = [str(EXAMPLES / "webhook_receiver.py"), "--port", "0", "--secret", SECRET]
    with Process(arguments, {}, log) as receiver:
        wait_until(lambda: receiver.printed("listening on "), "the receiver")
        url = log.read_text().split()[-1]
        client = Client(gateway)
        task = client.submit(CLIP.path, webhook_url=f"{url}/")
        forged = Client(url).request(
            "POST", "/", b"{}", {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
        )
        assert forged.status == 401
        wait_until(lambda: receiver.printed(f"{task}  done"), "the webhook")
    line = next(line for line in log.read_text().splitlines() if line.startswith(task))
    assert client.status(task)["result"]["transcription"]["text"].split()[0] in line


def test_the_subscriber_prints_transcripts(hooked: Dev, gateway: str) -> None:
    assert hooked.broker is not None
    Client(gateway).ended(Client(gateway).submit(CLIP.path))
    done = run(sys.executable, EXAMPLES / "subscribe.py", "--bootstrap", hooked.broker.bootstrap, "--count", "1")
    assert done.returncode == 0, done.stderr
    progress, text = done.stdout.splitlines()[:2]
    assert " job " in progress
    assert word_errors(CLIP.text, text) <= CLIP.wer_max


def curls(page: str) -> list[str]:
    """Every curl of the page: lines of code, and commands in back-quotes."""
    text = (ROOT / page).read_text()
    code = [line for block in re.findall(r"(?ms)^```sh\n(.*?)^```", text) for line in block.splitlines()]
    return [line for line in code if line.startswith("curl ")] + re.findall(r"`(curl [^`\n]+)`", text)


# A job that has ended with a transcript can neither be cancelled nor retried.
REFUSED_AFTER_SUCCESS = ("DELETE http://127.0.0.1:8511/api/transcribe/async/$TASK_ID", "/api/jobs/$TASK_ID/retry")


@pytest.mark.parametrize("page", PAGES)
def test_the_curl_lines_of_the_documents_work(page: str, hooked: Dev, gateway: str, tmp_path: Path) -> None:
    """In a folder with the files that they name, with TASK_ID set to a job that has ended, and the port of this system."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    for name in ("talk.mp4", "meeting.mp4"):
        shutil.copy(BY_NAME["en-video.mp4"].path, tmp_path / name)
    assert hooked.settings.inbox is not None
    shutil.copy(BY_NAME["en-video.mp4"].path, hooked.settings.inbox / "talk.mp4")
    client = Client(gateway)
    task = client.submit(CLIP.path)
    client.ended(task)
    lines = curls(page)
    assert len(lines) >= 3
    for line in lines:
        command = f"{line.replace(DOCUMENTED, gateway)} --silent --show-error --write-out '\\n%{{http_code}}'"
        done = processes.run("bash", "-c", command, cwd=tmp_path, given={"TASK_ID": task})
        assert done.returncode == 0, done.stderr
        expected = "409" if line.endswith(REFUSED_AFTER_SUCCESS) else "20"
        assert done.stdout.splitlines()[-1].startswith(expected), f"{line}\n{done.stdout}"
