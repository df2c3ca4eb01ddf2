"""A view that a newer version has written, opened by an earlier one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from producers.gateway.view.layout import LAYOUT
from producers.gateway.view.view import View
from runtime.errors import UsageError


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    path = tmp_path / "view.sqlite3"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(f"CREATE TABLE jobs (job_id TEXT); PRAGMA user_version = {LAYOUT + 1}")
    return path


def layout_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])


def test_the_jobs_of_the_embedded_mode_which_are_nowhere_else_are_not_dropped(newer: Path) -> None:
    with pytest.raises(UsageError, match="newer version"):
        View(newer, embedded=True).open()
    assert layout_of(newer) == LAYOUT + 1


def test_a_view_that_is_filled_from_topics_is_made_anew(newer: Path) -> None:
    view = View(newer)
    view.open()
    view.close()
    assert layout_of(newer) == LAYOUT
