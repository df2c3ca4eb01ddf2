"""Models of the hub: downloaded with progress in bytes, found in the cache, or refused with the ways out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.models.catalogue import DEMO_DIR, PINNED
from tests.hub import hub
from tests.waiting import DEADLINE_S

OFFLINE = """
from runtime.errors import UsageError
from runtime.models.catalogue import fetch, resolve
try:
    print(fetch(resolve("{name}"), lambda done, total: None))
except UsageError as error:
    print("UsageError", error)
"""

ONLINE = """
import json
from runtime.models.catalogue import fetch, resolve
from tests.waiting import DEADLINE_S
reported = []
path = fetch(resolve("{name}"), lambda done, total: reported.append((done, total)))
print(json.dumps([str(path), reported]))
"""
BIG_BYTES = 25_000_000  # the client reads ten million at a time


def python(code: str, home: Path, **environment: str) -> str:
    """A process of its own: the hub's client reads its environment when it is imported."""
    everything = {**os.environ, "HF_HOME": str(home), **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=everything, capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout


def offline(name: str, home: Path) -> str:
    return python(OFFLINE.format(name=name), home, HF_HUB_OFFLINE="1")


def test_a_download_reports_bytes_of_the_total_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(DEMO_DIR, model)
    (model / "model.bin").write_bytes(bytes(BIG_BYTES))
    (model / "README.md").write_text("not a part of the model")
    size_bytes = sum(file.stat().st_size for file in model.iterdir() if file.name != "README.md")
    with hub(PINNED["tiny"].repository, PINNED["tiny"].commit, model) as url:
        path, reported = json.loads(python(ONLINE.format(name="tiny"), tmp_path / "home", HF_ENDPOINT=url))
    assert (Path(path) / "model.bin").stat().st_size == BIG_BYTES
    assert not (Path(path) / "README.md").exists()
    done = [here_bytes for here_bytes, _ in reported]
    assert {total_bytes for _, total_bytes in reported} == {size_bytes}
    assert done == sorted(done)
    assert done[-1] == size_bytes
    assert any(0 < here_bytes < size_bytes - BIG_BYTES / 5 for here_bytes in done)
    assert offline("tiny", tmp_path / "home").strip() == path, "it is not downloaded again"


@pytest.mark.parametrize("name", ["tiny", "somebody/whisper-ct2"])
def test_offline_and_not_cached_names_the_ways_out(name: str, tmp_path: Path) -> None:
    output = offline(name, tmp_path)
    assert output.startswith("UsageError")
    for way in (
        "`make models`",
        "HF_ENDPOINT",
        "and retry",
        f"<folder>/{name}",
        "MURMUR_MODELS_DIR=<folder>",
        "MURMUR_MODEL to",
        "--model demo",
    ):
        assert way in output


def test_what_is_cached_is_found_offline(tmp_path: Path) -> None:
    here = tmp_path / "hub" / "models--Systran--faster-whisper-tiny" / "snapshots" / PINNED["tiny"].commit
    here.mkdir(parents=True)
    (here / "config.json").write_text("{}")
    (here / "model.bin").write_bytes(b"weights")
    assert offline("tiny", tmp_path).startswith("UsageError"), "a download that was broken off is not a model"
    (here / "tokenizer.json").write_text("{}")
    assert offline("tiny", tmp_path).startswith("UsageError"), "nor without its vocabulary"
    (here / "vocabulary.txt").write_text("")
    assert offline("tiny", tmp_path).strip() == str(here)
