"""Models of the hub on a machine that does not reach it: found in the cache, or refused with the ways out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from murmur.models.catalogue import PINNED

OFFLINE = """
from murmur.errors import UsageError
from murmur.models.catalogue import fetch, resolve
try:
    print(fetch(resolve("{name}"), lambda done, total: None))
except UsageError as error:
    print("UsageError", error)
"""


def offline(name: str, home: Path) -> str:
    """A process of its own: the hub's client reads its environment when it is imported."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", OFFLINE.format(name=name)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("name", ["tiny", "somebody/whisper-ct2"])
def test_offline_and_not_cached_names_the_ways_out(name: str, tmp_path: Path) -> None:
    said = offline(name, tmp_path)
    assert said.startswith("UsageError")
    for way in ("run this again", f"<folder>/{name}", "MURMUR_MODELS_DIR=<folder>", "MURMUR_MODEL to", "--model demo"):
        assert way in said


def test_what_is_cached_is_found_offline(tmp_path: Path) -> None:
    here = tmp_path / "hub" / "models--Systran--faster-whisper-tiny" / "snapshots" / PINNED["tiny"].commit
    here.mkdir(parents=True)
    (here / "config.json").write_text("{}")
    (here / "model.bin").write_bytes(b"weights")
    assert offline("tiny", tmp_path).startswith("UsageError"), "a download that was broken off is not a model"
    (here / "tokenizer.json").write_text("{}")
    assert offline("tiny", tmp_path).strip() == str(here)
