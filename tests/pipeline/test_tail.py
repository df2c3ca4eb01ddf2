"""`murmur tail` prints transcripts from the topic, and says where a long text is."""

import json
from pathlib import Path

import pytest

from murmur.dev import Dev
from processors.coordinator import reports
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.processes import Murmur, only_line

CLIP = BY_NAME["en-command.wav"]


@pytest.fixture
def murmur(system: Dev, tmp_path: Path) -> Murmur:
    assert system.broker is not None
    store = {"MURMUR_STORE": "directory", "MURMUR_STORE_DIR": str(system.settings.data_dir)}
    return Murmur(tmp_path, {"MURMUR_KAFKA_BOOTSTRAP": system.broker.bootstrap, **store})


def submitted(client: Client, name: str) -> str:
    answer = client.post(name, CLIP.path.read_bytes())
    assert answer.status == 202, answer.body
    return str(answer.json["task_id"])


def test_transcripts_are_printed_as_lines_and_as_records(client: Client, murmur: Murmur) -> None:
    task = submitted(client, "tail me.wav")
    client.ended(task)
    head, *lines = murmur("tail", "--since", "1h", "--no-follow", "--file", "TAIL ME").stdout.splitlines()
    assert head.endswith(task)
    assert "tail me.wav  en, " in head
    assert word_errors(CLIP.text, " ".join(lines)) <= CLIP.wer_max
    record = json.loads(only_line(murmur("tail", "--since", "1h", "-n", "1", "--file", "tail me", "--json").stdout))
    assert (record["job"]["job_id"], record["result"]["language"]) == (task, "en")


def test_others_are_not_printed(client: Client, murmur: Murmur) -> None:
    client.ended(submitted(client, "tail me.wav"))
    for option in (("--owner", "nobody"), ("--language", "pt"), ("--file", "nothing")):
        assert murmur("tail", "--since", "1h", "--no-follow", "--file", "tail me", *option).stdout == ""


def test_a_long_text_is_a_pointer_that_can_be_resolved(client: Client, murmur: Murmur, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "INLINE_MAX_BYTES", 1)
    task = submitted(client, "long.wav")
    client.ended(task)
    tail = ("tail", "--since", "1h", "--no-follow", "--file", "long.wav")
    _, pointer = murmur(*tail).stdout.splitlines()
    assert f"murmur result {task}" in pointer
    _, *lines = murmur(*tail, "--resolve").stdout.splitlines()
    assert word_errors(CLIP.text, " ".join(lines)) <= CLIP.wer_max


@pytest.mark.parametrize("options", [("--since", "yesterday"), ("--no-follow",)])
def test_wrong_options_are_one_line(murmur: Murmur, options: tuple[str, ...]) -> None:
    done = murmur("tail", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert only_line(done.stderr).startswith("murmur: ")
