"""Options of a job reach the model by every way in: HTTP, `murmur submit`, `murmur transcribe`, and the settings for drops."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speech import recordings
from murmur.word_errors import words
from tests.pipeline.client import Client
from tests.processes import Murmur, Process, only_line
from tests.speech.conftest import Weights, italian
from tests.waiting import wait_until

NAMES = recordings.FOLDER / "names.flac"
HOTWORDS, SYMBOLS, AND_CHICAGO = "Oliver, Henderson", "-1", "-1,4842"  # 4842: the token of " Chicago" in the English models
INSTALLATION = {"MURMUR_HOTWORDS": HOTWORDS, "MURMUR_SUPPRESS_TOKENS": AND_CHICAGO, "MURMUR_TEMPERATURE": "0"}
NO_HINTS = {"hotwords": "", "suppress_tokens": SYMBOLS}
# The fields of a job, words that its text has, and words that it does not have.
ASKED = {
    "the settings": ({}, {"oliver"}, {"her", "chicago"}),
    "hotwords": ({"hotwords": "Margret"}, {"margret"}, {"margaret", "chicago"}),
    "no hints": (NO_HINTS, {"her", "whether", "chicago"}, {"oliver"}),
    "initial_prompt": ({**NO_HINTS, "initial_prompt": "Margret and Olivier Hendersen."}, {"margret", "hendersen"}, {"margaret"}),
    "beam_size": ({**NO_HINTS, "beam_size": "1"}, {"oliver"}, {"her"}),
    "suppress_tokens": ({**NO_HINTS, "suppress_tokens": AND_CHICAGO}, {"her"}, {"chicago", "oliver"}),
}


@pytest.fixture(scope="module")
def environment(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("requests")
    models = {"MURMUR_MODELS_DIR": str(weights("tiny.en").parent), "MURMUR_MODEL": "tiny.en", "MURMUR_MODELS": "base"}
    weights("base")
    return {**INSTALLATION, **models, "MURMUR_DEVICE": "cpu", "MURMUR_DATA_DIR": str(folder), "MURMUR_GATEWAY_PORT": "0"}


@pytest.fixture(scope="module")
def dev(environment: dict[str, str]) -> Iterator[Process]:
    with Murmur(Path(environment["MURMUR_DATA_DIR"]), environment).start("dev") as process:
        wait_until(lambda: process.printed("Kafka clients"), "murmur dev to be ready")
        yield process


@pytest.fixture
def client(dev: Process) -> Client:
    return Client(dev.output().partition("murmur is ready:")[2].split()[0])


def has(text: str, gained: set[str], lost: set[str]) -> bool:
    return gained <= set(words(text)) and not lost & set(words(text))


def arguments(fields: dict[str, str]) -> list[str]:
    """As on a command line."""
    return [part for name, value in fields.items() for part in (f"--{name.replace('_', '-')}", value)]


def submitted(murmur: Murmur, file: Path, fields: dict[str, str]) -> str:
    done = murmur("submit", file, *arguments(fields))
    assert done.returncode == 0, done.stderr
    return only_line(done.stdout)


@pytest.mark.parametrize("asked", ASKED)
def test_over_http_the_request_wins_over_the_settings(asked: str, client: Client) -> None:
    fields, gained, lost = ASKED[asked]
    ended = client.ended(client.submit(NAMES, **fields))
    assert has(ended["result"]["transcription"]["text"], gained, lost)


@pytest.mark.parametrize("asked", ASKED)
def test_submit_sends_the_options_of_the_command_line(asked: str, client: Client, tmp_path: Path) -> None:
    fields, gained, lost = ASKED[asked]
    murmur = Murmur(tmp_path, {"MURMUR_GATEWAY_URL": client.address})
    task = submitted(murmur, NAMES, fields)
    assert has(client.ended(task)["result"]["transcription"]["text"], gained, lost)


@pytest.mark.parametrize("asked", ["the settings", "no hints", "beam_size"])
def test_transcribe_has_the_same_options(asked: str, environment: dict[str, str], tmp_path: Path) -> None:
    fields, gained, lost = ASKED[asked]
    done = Murmur(tmp_path, environment)("transcribe", NAMES, "--out", ".", "--formats", "txt", *arguments(fields))
    assert done.returncode == 0, done.stderr
    assert has((tmp_path / "names.txt").read_text(), gained, lost)


def test_a_drop_has_the_options_of_the_settings(dev: Process, environment: dict[str, str]) -> None:
    data = Path(environment["MURMUR_DATA_DIR"])
    (data / "inbox" / "dropped.flac").write_bytes(NAMES.read_bytes())
    result = data / "transcripts" / "dropped.flac.json"
    wait_until(lambda: dev.printed("Kafka clients") and result.exists(), "the result of the drop")
    assert has(json.loads(result.read_bytes())["text"], *ASKED["the settings"][1:])


def test_all_options_are_in_the_work_of_the_job(client: Client, environment: dict[str, str]) -> None:
    """Also those that have no effect on this text, or one that depends on chance."""
    fields = {
        "temperature": "0.2,0.4",
        "filters": "letters",
        "vad_threshold": "0.4",
        "min_speech_duration_ms": "100",
        "min_silence_duration_ms": "1000",
        "speech_pad_ms": "200",
        "max_chunk_s": "20",
    }
    task = client.submit(NAMES, **fields)
    assert client.ended(task)["state"] == "SUCCESS"
    work = newest_transcript(environment)
    decoding, slicing = work["decoding"], work["slicing"]
    assert (decoding["temperature"], decoding["filters"], decoding["hotwords"]) == ([0.2, 0.4], ["letters"], HOTWORDS)
    assert {
        "vad_threshold": 0.4,
        "min_speech_s": 0.1,
        "min_silence_s": 1.0,
        "speech_pad_s": 0.2,
        "max_chunk_s": 20.0,
    }.items() <= (slicing.items())


def newest_transcript(environment: dict[str, str]) -> dict[str, Any]:
    stored = (Path(environment["MURMUR_DATA_DIR"]) / "work" / "results").glob("*.json")
    document: dict[str, Any] = json.loads(max(stored, key=lambda file: file.stat().st_mtime_ns).read_bytes())
    return document


def test_a_translation_is_asked_for_over_http_and_by_submit(client: Client, tmp_path: Path) -> None:
    """The two share one work: the second job is answered from the cache."""
    (tmp_path / "italian.wav").write_bytes(italian(1).data)
    fields = {**NO_HINTS, "model": "base", "task": "translate"}
    murmur = Murmur(tmp_path, {"MURMUR_GATEWAY_URL": client.address})
    first = client.submit(tmp_path / "italian.wav", **fields)
    second = submitted(murmur, Path("italian.wav"), fields)
    for task in (first, second):
        assert has(client.ended(task)["result"]["transcription"]["text"], {"the", "train", "station"}, {"il", "treno"})
