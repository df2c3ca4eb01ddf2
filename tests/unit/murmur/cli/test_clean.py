"""`murmur clean` on the data of a stopped `murmur dev`."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from murmur.cli.clean import lines
from murmur.dev.cleaning import sweep_data
from murmur.dev.system import locked, store_of, with_folders
from runtime.errors import UsageError
from runtime.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a data folder with an upload of which no job is known, a month old."""
    settings = with_folders(Settings(model="demo", data_dir=tmp_path))
    store = store_of(settings)
    store.create()
    store.put(settings.work_bucket, "uploads/a", b"12345")
    long_ago_s = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    os.utime(tmp_path / "work" / "uploads" / "a", (long_ago_s, long_ago_s))
    return settings


def test_a_dry_run_says_what_a_run_removes(settings: Settings) -> None:
    found = [sweep_data(settings, is_dry=is_dry) for is_dry in (True, False, False)]
    assert [each["uploads"].removed_files for each in found] == [1, 1, 0]
    table = list(lines(found[0], is_dry=True))
    assert table[0].split() == ["kind", "stored", "bytes", "to", "remove", "bytes"]
    assert [line.split() for line in table if line.startswith("uploads")] == [["uploads", "1", "5", "1", "5"]]


def test_data_in_use_are_left_alone(settings: Settings) -> None:
    with locked(settings.data_dir), pytest.raises(UsageError, match="is in use by another murmur"):
        sweep_data(settings, is_dry=False)
