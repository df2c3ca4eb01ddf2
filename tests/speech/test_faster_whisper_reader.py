"""Results of faster-whisper are computed anew as soon as anything that they depend on is another."""

import inspect
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures
from benchmarks.speech import faster_whisper_reader
from benchmarks.speech.faster_whisper_reader import FasterWhisperReader, Reference

FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text("as published")
    return folder


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was computed. A result is its number."""
    computed: list[tuple[object, ...]] = []

    def transcribe(_: FasterWhisperReader, *question: object) -> Reference:
        computed.append(question)
        return Reference(str(len(computed)), 1.0)

    monkeypatch.setattr(FasterWhisperReader, "_transcribe", transcribe)
    return computed


@pytest.fixture
def ask(weights: Path, tmp_path: Path, computed: list[Any]) -> Callable[..., str]:
    """As a new process would."""

    def ask(data: bytes = b"speech", language: str = "en", beam_size: int = 5, *, vad: bool = True, **more: str) -> str:
        return FasterWhisperReader(weights, cache=tmp_path / "cache", **more).transcribe(data, language, beam_size, vad=vad).text

    return ask


def test_the_same_question_is_computed_once(ask: Callable[..., str], computed: list[Any]) -> None:
    assert [ask(), ask(), ask()] == ["1", "1", "1"]
    assert len(computed) == 1


@pytest.mark.parametrize(
    "another", [{"data": b"other"}, {"language": "it"}, {"beam_size": 1}, {"vad": False}, {"compute_type": "float32"}], ids=str
)
def test_another_question_is_computed(ask: Callable[..., str], another: dict[str, Any]) -> None:
    assert [ask(), ask(**another), ask(), ask(**another)] == ["1", "2", "1", "2"]


@pytest.mark.parametrize("name", FILES)
def test_other_weights_are_another_question(ask: Callable[..., str], weights: Path, name: str) -> None:
    ask()
    (weights / name).write_text("as changed")
    assert ask() == "2"


@pytest.mark.parametrize("package", faster_whisper_reader.PACKAGES)
def test_another_version_of_a_library_is_another_question(
    ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    ask()
    found = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "other" if name == package else found(name))
    assert ask() == "2"


@pytest.mark.parametrize("processor", [["another", ""], [figures.processor()[0], "fpu"]], ids=["name", "instructions"])
def test_another_processor_is_another_question(
    ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch, processor: list[str]
) -> None:
    ask()
    monkeypatch.setattr(figures, "processor", lambda: processor)
    assert ask() == "2"


def test_other_arguments_of_faster_whisper_are_another_question(ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    monkeypatch.setattr(inspect, "getsource", lambda _: "another source")
    assert ask() == "2"
