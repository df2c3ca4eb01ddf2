"""A model whose files are not all there, or are no model's, is an error that names its folder."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from processors.transcriber import loading
from runtime import memory
from runtime.errors import UsageError
from runtime.models import catalogue
from runtime.settings import Settings

MODEL = catalogue.resolve("demo")


def load(path: Path) -> None:
    loading.load(replace(MODEL, path=path), Settings(device="cpu", model_replicas=1))


@pytest.mark.parametrize("name", ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"])
def test_a_file_that_is_missing_is_named_with_its_folder(name: str, tmp_path: Path) -> None:
    shutil.copytree(catalogue.DEMO_DIR, tmp_path / "mine")
    (tmp_path / "mine" / name).unlink()
    with pytest.raises(UsageError, match=rf"{re.escape(str(tmp_path / 'mine'))} .* no .*{re.escape(name)}"):
        load(tmp_path / "mine")


@pytest.mark.parametrize("name", ["config.json", "model.bin", "tokenizer.json"])
def test_a_file_of_something_else_is_an_error_with_the_folder(name: str, tmp_path: Path) -> None:
    shutil.copytree(catalogue.DEMO_DIR, tmp_path / "mine")
    (tmp_path / "mine" / name).write_bytes(b"{ no model's")
    with pytest.raises(UsageError, match=rf"the model demo in {re.escape(str(tmp_path / 'mine'))} cannot be loaded on cpu: "):
        load(tmp_path / "mine")


@pytest.mark.parametrize(
    ("free_mb", "replicas", "batch"), [(16_000, 2, 8), (16_000, 16, 6), (1_500, 2, 5), (400, 2, 1), (100, 2, 1), (0, 4, 1)]
)
def test_on_a_cpu_a_batch_is_as_large_as_the_free_memory_allows(
    free_mb: int, replicas: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: free_mb << 20)
    assert loading.cpu_batch(145 << 20, replicas) == batch


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("250000 100000", 3), ("50000 100000", 1), ("6400000 100000", 8), (None, 8)],
)
def test_cores_are_the_machines_and_no_more_than_the_quota_of_the_container(
    limit: str | None, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path)
    if limit is not None:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert loading.usable_cores() == cores
