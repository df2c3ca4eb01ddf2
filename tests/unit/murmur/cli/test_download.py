"""A download in the foreground: a cached model is not downloaded, a failure is raised, and the progress is shown."""

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


def test_a_cached_model_is_not_mentioned(stream: io.StringIO) -> None:
    assert download.fetch(catalogue.resolve("demo"), Lines(stream)) == catalogue.DEMO_DIR
    assert stream.getvalue() == ""


def test_a_download_reports_source_and_progress(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fetch(model: Model, progress: Progress) -> Path:
        progress(0, 150_000_000)
        progress(150_000_000, 150_000_000)
        return tmp_path

    monkeypatch.setattr(catalogue, "fetch", fetch)
    assert download.fetch(BASE, Lines(stream)) == tmp_path
    assert stream.getvalue().splitlines() == [
        "downloading the model base from Systran/faster-whisper-base",
        "downloading the model base: 0 %, 0 of 150 MB",
        "downloading the model base: 100 %, 150 of 150 MB",
    ]


def test_a_failed_download_raises_in_the_caller(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(model: Model, progress: Progress) -> Path:
        raise UsageError("no hub")

    monkeypatch.setattr(catalogue, "fetch", fetch)
    with pytest.raises(UsageError, match="no hub"):
        download.fetch(BASE, Lines(stream))
