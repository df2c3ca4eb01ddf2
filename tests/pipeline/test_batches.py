"""Chunks of several files and languages are transcribed in one batch, and give the texts that they give one by one."""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from murmur.dev import Dev
from processors.transcriber import batching
from processors.transcriber.engine import Window, WindowText
from processors.transcriber.whisper import WhisperEngine
from processors.transcriber.windows import ChunkWindows, of_chunk
from runtime.settings import Settings
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.waiting import DEADLINE_S, wait_until

FILES = ("en-command.wav", "pt-command.wav", "en-numbers.flac", "pt-aac.m4a", "en-noisy.flac")
Batches = list[list[str]]  # the languages of each batch


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The chunks that the transcriber has fetched."""
    found: list[str] = []

    def counted(*arguments: Any, **named: Any) -> ChunkWindows:
        found.append("chunk")
        return of_chunk(*arguments, **named)

    monkeypatch.setattr("processors.transcriber.stage.of_chunk", counted)
    return found


@pytest.fixture
def gate() -> threading.Event:
    """No batch begins before it is open."""
    return threading.Event()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> Batches:
    found: Batches = []
    transcribe = WhisperEngine._transcribe

    def held(self: WhisperEngine, batch: Sequence[Window], group: Any) -> list[WindowText]:
        if len(batch[0].samples) > 16_000:  # not the hum of the start
            assert gate.wait(DEADLINE_S)
        texts = transcribe(self, batch, group)
        found.append([text.language for text in texts])
        return texts

    monkeypatch.setattr(WhisperEngine, "_transcribe", held)
    return found


def texts(settings: Settings, ready: Callable[[], None]) -> list[str]:
    with Dev(settings) as system:
        system.wait_ready(DEADLINE_S)
        client = Client(system.address or "")
        tasks = [client.submit(BY_NAME[file].path) for file in FILES]
        ready()
        ended = [client.ended(task) for task in tasks]
    assert [status["state"] for status in ended] == ["SUCCESS"] * len(FILES)
    return [status["result"]["transcription"]["text"] for status in ended]


def test_files_of_two_languages_share_a_batch_and_read_as_they_do_alone(
    settings_factory: Callable[..., Settings],
    prepared: list[str],
    gate: threading.Event,
    batches: Batches,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "BATCH_S", {"interactive": math.inf, "bulk": math.inf})  # whatever the speed of this machine
    options = {"model_replicas": 1, "encoder_window": "full", "max_chunk_s": 30.0}  # every file is one chunk

    def all_here() -> None:
        wait_until(lambda: len(prepared) == len(FILES), "the chunks of all files")
        gate.set()

    together = texts(settings_factory(batch_size=8, **options), all_here)
    assert any({"en", "pt"} <= set(batch) for batch in batches), batches

    batches.clear()
    alone = texts(settings_factory(batch_size=1, **options), lambda: None)
    assert {len(batch) for batch in batches} == {1}
    assert together == alone
