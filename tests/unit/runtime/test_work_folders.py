"""The folder of a work: opened, deleted, and not made again by a late write."""

from pathlib import Path

import pytest

from runtime.objects import StoreUnavailable
from runtime.work_folders import WorkFolders


def test_a_deleted_folder_is_gone_with_its_files_and_the_others_stay(tmp_path: Path) -> None:
    folders = WorkFolders(tmp_path / "root")
    for work in ("a", "b"):
        for _ in range(2):
            folders.open(work)
            folders.make(work)
        (tmp_path / "root" / work / "result").write_text("text")
    folders.delete("a")
    folders.delete("a")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == ["root/b/result"]


def test_a_file_that_is_added_during_the_deletion_is_deleted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = WorkFolders(tmp_path)
    folders.open("a")
    folders.make("a")
    (tmp_path / "a" / "first").write_text("text")
    unlink = Path.unlink

    def late(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if path.name == "first":
            (tmp_path / "a" / "second").write_text("text")

    monkeypatch.setattr(Path, "unlink", late)
    folders.delete("a")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_deleted_is_an_error(tmp_path: Path) -> None:
    folders = WorkFolders(tmp_path)
    folders.open("a")
    folders.make("a")
    (tmp_path / "a" / "folder").mkdir()
    with pytest.raises(StoreUnavailable):
        folders.delete("a")


def test_a_folder_is_made_only_while_it_is_open(tmp_path: Path) -> None:
    folders = WorkFolders(tmp_path)
    for work in ("deleted", "not to be kept", "open"):
        folders.make(work)
        folders.open(work)
    folders.delete("deleted")
    folders.keep_only({"open"})
    assert list(tmp_path.iterdir()) == []
    for work in ("deleted", "not to be kept", "open"):
        folders.make(work)
    assert [folder.name for folder in tmp_path.iterdir()] == ["open"]


def test_a_full_disk_makes_no_folder_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folders = WorkFolders(tmp_path / "file")
    folders.open("a")
    folders.make("a")


def test_without_a_root_there_are_no_folders() -> None:
    folders = WorkFolders(None)
    folders.open("a")
    folders.make("a")
    folders.delete("a")
