"""Texts are corrected before their jobs end: by rules in a file that may change, by a model or, with a warning, not at all."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from murmur.dev import Dev
from runtime.settings import Settings
from tests import chat_server
from tests.chat_server import RunningChatServer
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.test_restart import address, start
from tests.waiting import DEADLINE_S, wait_until

CLIP = BY_NAME["en-command.wav"].path
OTHER = BY_NAME["pt-command.wav"].path
SHOUT = """
rules:
  - name: shout
    languages: [en]
    casing: upper
"""
BROKEN = """
rules:
  - name: shout
    casing: loud
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(SHOUT)
    return file


@pytest.fixture(scope="module")
def chat() -> Iterator[RunningChatServer]:
    with chat_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def corrected(settings_factory: Callable[..., Settings], rules: Path, chat: RunningChatServer) -> Iterator[Client]:
    """English texts in capitals by a rule; Portuguese ones are sent to a model that gives each line a mark at its end."""
    model = {"corrector_url": chat.url, "corrector_model": "good", "corrector_languages": "pt"}
    with Dev(settings_factory(correction_rules_file=rules, **model)) as system:
        system.wait_ready(DEADLINE_S)
        assert system.address is not None
        yield Client(system.address)


def transcription(status: dict[str, Any]) -> dict[str, Any]:
    assert status["state"] == "SUCCESS", status
    found: dict[str, Any] = status["result"]["transcription"]
    return found


def health(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.request("GET", "/api/health").json["correction"]
    return found


def test_the_text_is_corrected_and_the_raw_one_is_one_field_away(corrected: Client) -> None:
    task = corrected.submit(CLIP)
    status = corrected.ended(task)
    text = transcription(status)
    assert text["text"] == text["raw_text"].upper() != text["raw_text"]
    assert [segment["text"] for segment in text["segments"]] == [segment["raw_text"].upper() for segment in text["segments"]]
    correction = status["result"]["correction"]
    assert (correction["rules"], correction["segments_changed"]) == (["shout"], len(text["segments"]))
    assert corrected.transcript(task, "txt").body.decode().split() == text["text"].split()
    assert corrected.transcript(task, "json").json["raw_text"] == text["raw_text"]


def test_a_job_may_ask_for_the_raw_text_and_does_not_wait(corrected: Client) -> None:
    raw, both = corrected.submit(CLIP, correct="false"), corrected.submit(CLIP)
    text = transcription(corrected.ended(raw))
    assert "raw_text" not in text
    assert "correction" not in corrected.status(raw)["result"]
    assert transcription(corrected.ended(both))["raw_text"] == text["text"]


def test_answers_from_the_cache_are_corrected_by_the_rules_of_the_day(corrected: Client, rules: Path) -> None:
    before = corrected.submit(CLIP)
    shouted = transcription(corrected.ended(before))["text"]
    rules.write_text(SHOUT.replace("upper", "lower"))

    def whispered() -> bool:
        status = corrected.ended(corrected.submit(CLIP))
        assert status["result"]["cached"]
        return bool(transcription(status)["text"] == shouted.lower())

    wait_until(whispered, "the new rules")
    rules.write_text(BROKEN)
    assert transcription(corrected.ended(corrected.submit(CLIP)))["text"] == shouted.lower()
    assert transcription(corrected.status(before))["text"] == shouted
    wait_until(lambda: health(corrected)["status"] == "degraded", "the health to say so")
    assert "line 4, rule 'shout'" in health(corrected)["detail"]
    rules.write_text(SHOUT)
    wait_until(lambda: health(corrected) == {"status": "ok", "detail": None, "enabled": True, "rules": 1}, "its recovery")


def test_a_model_corrects_and_is_asked_once_for_the_same_text(corrected: Client, chat: RunningChatServer) -> None:
    text = transcription(corrected.ended(corrected.submit(OTHER)))
    assert text["text"] == " ".join(chat_server.good(segment["raw_text"]) for segment in text["segments"])
    asked = len(chat.asked())
    assert asked == 1
    assert transcription(corrected.ended(corrected.submit(OTHER, no_cache="true")))["text"] == text["text"]
    assert len(chat.asked()) == asked


def test_after_a_crash_texts_are_corrected_and_result_files_written_again(chat: RunningChatServer, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "rules.yaml"
    file.write_text(SHOUT)
    (data / "inbox").mkdir(parents=True)
    shutil.copy(CLIP, data / "inbox" / "drop.wav")
    written = data / "transcripts" / "drop.wav.txt"
    settings = {
        "MURMUR_CORRECTION_RULES_FILE": str(file),
        "MURMUR_CORRECTOR_URL": chat.url,
        "MURMUR_CORRECTOR_LANGUAGES": "pt",
        "MURMUR_CORRECTION_TIMEOUT_S": "600",
        "MURMUR_CORRECTOR_TIMEOUT_S": "600",
    }
    before = len(chat.asked())
    with start(data, tmp_path / "first.log", MURMUR_CORRECTOR_MODEL="slow", **settings) as first:
        task = Client(address(first)).submit(OTHER)
        wait_until(lambda: written.exists() and len(chat.asked()) > before, "the drop's file and the request to the model")
        client = Client(address(first))
        wait_until(lambda: client.request("GET", "/api/jobs?state=SUCCESS").json["jobs"], "the end of the drop's job")
        text = written.read_text()
        first.kill()
    written.unlink()
    with start(data, tmp_path / "second.log", MURMUR_CORRECTOR_MODEL="good", **settings) as second:
        status = Client(address(second)).ended(task)
        assert transcription(status)["text"] == " ".join(
            chat_server.good(segment["raw_text"]) for segment in transcription(status)["segments"]
        )
        wait_until(written.exists, "the drop's file")
        assert written.read_text() == text == text.upper()


def test_a_corrector_that_hangs_leaves_the_raw_text_with_a_warning_and_its_jobs_can_be_cancelled(
    settings_factory: Callable[..., Settings], chat: RunningChatServer
) -> None:
    slow = {"corrector_url": chat.url, "corrector_model": "slow", "correction_timeout_s": 3.0}
    with Dev(settings_factory(**slow)) as system:
        system.wait_ready(DEADLINE_S)
        assert system.address is not None
        client = Client(system.address)
        first, second, cancelled = (client.submit(CLIP) for _ in range(3))
        wait_until(lambda: any(each["model"] == "slow" for each in chat.asked()), "the request to the model")
        assert client.cancel(cancelled).status in (200, 202)
        assert client.ended(cancelled)["state"] == "REVOKED"
        for task in (first, second):
            status = client.ended(task)
            text = transcription(status)
            assert text.get("raw_text", text["text"]) == text["text"] != ""  # the corrector or the coordinator has ended it
            assert [warning["code"] for warning in status["warnings"]] == ["demo_model", "uncorrected"]
