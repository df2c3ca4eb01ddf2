"""A download in the foreground: what is here is left alone, what cannot be had is an error, and the progress is shown."""

import io
from pathlib import Path

import pytest

from murmur.cli import download
from murmur.cli.progress import Lines
from runtime.errors import UsageError
from runtime.models import catalogue
from runtime.models.catalogue import Model
from runtime.models.hub import Progress

BASE = catalogue.resolve("base")


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Nothing is in the cache."""
    monkeypatch.setattr(catalogue, "cached", lambda model: model.path)
    return io.StringIO()


def test_a_model_that_is_here_is_not_spoken_of(stream: io.StringIO) -> None:
    assert download.fetch(catalogue.resolve("demo"), Lines(stream)) == catalogue.DEMO_DIR
    assert stream.getvalue() == ""


def test_a_download_says_where_from_and_how_far_it_is(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetch(model: Model, progress: Progress) -> Path:
        progress(0, 150_000_000)
        progress(150_000_000, 150_000_000)
        return tmp_path

    monkeypatch.setattr(catalogue, "fetch", fetch)
    assert download.fetch(BASE, Lines(stream)) == tmp_path
    assert stream.getvalue().splitlines() == [
        "the model base is not here yet; downloading it from Systran/faster-whisper-base",
        "downloading the model base: 0 %, 0 of 150 MB",
        "downloading the model base: 100 %, 150 of 150 MB",
    ]


def test_what_cannot_be_had_is_raised_where_it_was_asked_for(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(model: Model, progress: Progress) -> Path:
        raise UsageError("no hub")

    monkeypatch.setattr(catalogue, "fetch", fetch)
    with pytest.raises(UsageError, match="no hub"):
        download.fetch(BASE, Lines(stream))
