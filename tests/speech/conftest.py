"""Original Whisper weights, murmur and faster-whisper on them, each file and way read once; the figures are shown at the end."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from benchmarks.speech import comparison, compose, files, recordings
from benchmarks.speech.comparison import Row
from benchmarks.speech.faster_whisper_reader import FasterWhisperReader
from benchmarks.speech.murmur_reader import MurmurReader
from benchmarks.speech.reading import Way, beside, read
from benchmarks.speech.recordings import Recording, SpeechFile
from schemas.options import EncoderWindow
from schemas.transcript import Transcript
from scripts import models
from tests.speech.one_window import OneWindow
from tests.speech.shared import Shared

NO_WEIGHTS = "NO ORIGINAL WEIGHTS, NOTHING OF REAL MODELS IS TESTED"
ROW = "speech row"
Weights = Callable[[str], Path]


@pytest.fixture(scope="session")
def weights() -> Weights:
    """A model's folder. Where it cannot be had the test is skipped, and fails when `CI=true`."""
    refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip

    def find(model: str) -> Path:
        try:
            return models.path(model)
        except models.ModelError as error:
            refuse(f"{NO_WEIGHTS} (`make models` brings them): {error}")

    return find


class Readings:
    """What was read in this run. Models are loaded when they are first needed, in each process."""

    def __init__(self, weights: Weights, shared: Shared) -> None:
        self._shared = shared
        self._murmur = cache(lambda model: MurmurReader(weights(model)))
        self._reference = cache(lambda model: FasterWhisperReader(weights(model)))
        self._read = cache(self._read_once)
        self._beside = cache(lambda model, file, way: beside(self._read(model, file, way)[1], self._reference(model), file, way))

    def _read_once(self, model: str, file: SpeechFile, way: Way) -> tuple[Transcript, Row]:
        key = json.dumps([model, file.name, hashlib.sha256(file.data).hexdigest(), file.text, asdict(way)])

        def compute() -> str:
            transcript, row = read(self._murmur(model), file, way)
            return json.dumps([transcript.model_dump_json(), row.to_json()])

        transcript, row = json.loads(self._shared.get(key, compute))
        return Transcript.model_validate_json(transcript), Row.from_json(row)

    def transcript(self, model: str, file: SpeechFile, way: Way) -> Transcript:
        transcript: Transcript = self._read(model, file, way)[0]
        return transcript

    def rows(
        self,
        model: str,
        names: tuple[str, ...],
        limit_s: float,
        words: bool = False,
        window: EncoderWindow = "fit",
        vad: bool = True,
    ) -> list[Row]:
        """The named files, each in its own language, with faster-whisper's errors."""
        speech = [files.get(name) for name in names]
        return [self._beside(model, file, Way(file.language, limit_s, words, window, vad=vad)) for file in speech]


@pytest.fixture(scope="session")
def readings(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Readings:
    return Readings(weights, Shared.of_run(tmp_path_factory))


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[Row], None]:
    """Puts a row into the table at the end of the run."""
    return lambda row: record_property(ROW, row.to_json())


@pytest.fixture(scope="session")
def one_window(weights: Weights) -> Callable[[str], OneWindow]:
    return cache(lambda model: OneWindow(weights(model)))


def italian(sentences: int) -> SpeechFile:
    """The first ones of the Italian recording."""
    whole = recordings.recording("italian.opus")
    parts = whole.parts[:sentences]
    spoken = whole.samples[: round((parts[-1].end + 0.2) * recordings.RATE_HZ)]
    return compose.as_wav(Recording("italian", "it", spoken, parts))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    if found := list(_rows(reports)):
        terminalreporter.section("transcripts beside faster-whisper's")
        for line in comparison.table(sorted(found, key=lambda row: (row.model, row.chunks, row.file))):
            terminalreporter.write_line(line)
    if any(NO_WEIGHTS in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(f"{NO_WEIGHTS}: `make models` brings them", red=True, bold=True)


def _rows(reports: list[pytest.TestReport]) -> Iterator[Row]:
    for report in reports:
        for name, value in report.user_properties if report.when == "call" else []:
            if name == ROW:
                yield Row.from_json(str(value))
