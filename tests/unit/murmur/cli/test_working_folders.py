"""Temporary folders of `murmur transcribe`: which of them a later command removes."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from murmur.cli.working_folders import ABANDONED_S, LOCK, PREFIX, remove_abandoned, working_folder

NOW_S = 1_700_000_000.0


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folder(temp: Path, name: str, age_s: float = ABANDONED_S + 1) -> Path:
    made = temp / name
    made.mkdir()
    (made / LOCK).touch()
    (made / "transcript.txt").write_text("what was said")
    os.utime(made, (NOW_S - age_s, NOW_S - age_s))
    return made


def test_a_folder_that_a_killed_command_left_is_removed_after_a_day(temp: Path) -> None:
    folder(temp, f"{PREFIX}old")
    young, other = folder(temp, f"{PREFIX}young", ABANDONED_S - 1), folder(temp, "another-program")
    remove_abandoned(NOW_S)
    assert sorted(temp.iterdir()) == sorted([young, other])


def test_a_folder_in_which_a_command_still_works_stays(temp: Path) -> None:
    made = folder(temp, f"{PREFIX}working")
    with (made / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_abandoned(NOW_S)
        assert made.exists()
    remove_abandoned(NOW_S)
    assert not made.exists()


def test_a_link_is_not_followed(temp: Path) -> None:
    elsewhere = folder(temp, "another-program")
    (temp / f"{PREFIX}link").symlink_to(elsewhere)
    remove_abandoned(NOW_S + 2 * ABANDONED_S)
    assert (elsewhere / "transcript.txt").exists()


def test_a_command_leaves_no_folder(temp: Path) -> None:
    with working_folder() as made:
        (made / "input").touch()
        assert made.parent == temp
    assert not list(temp.iterdir())
