"""Names and entries of every kind in the inbox, around the embedded broker and a real folder: none stops another."""

import errno
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from processors import intake
from producers import reconciler, watcher
from runtime.objects import folders
from runtime.objects.filenames import to_key
from tests.contract.test_inbox import Inbox, inbox, running  # noqa: F401 (a fixture)

pytestmark = pytest.mark.contract
NAMES = {
    "245 bytes": b"n" * 245,
    "250 bytes": "ж".encode() * 125,
    "255 bytes": b"n" * 255,
    "not UTF-8": b"Gespr\xe4ch.wav",
    "partly UTF-8": "ж".encode() + b"\xff\xfe.wav",
    "newline": b"two\nlines.wav",
    "carriage return and tab": b"a\r\tb.wav",
    "escape": b"\x1b[31mred.wav",
    "private characters": "\uf7ff.wav".encode(),
    "quotes": b"a'b\"c`$(d).wav",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("before", [True, False], ids=["there before", "dropped"])
def test_a_file_with_any_name_becomes_a_job(inbox: Inbox, name: bytes, before: bool) -> None:  # noqa: F811
    key = to_key(os.fsdecode(name))

    def drop() -> None:
        (inbox.folder / os.fsdecode(name)).write_bytes(b"speech")

    if before:
        drop()
    with running(watcher.build(inbox.resources), intake.build(inbox.resources)):
        if not before:
            drop()
        inbox.until(lambda: inbox.requested[key] == 1)


def deep(folder: Path) -> str:
    """A folder whose path is longer than a system call takes; its relative path."""
    handle = os.open(folder, os.O_RDONLY)
    names = [f"{number:03}{'d' * 240}" for number in range(20)]
    for name in names:
        os.mkdir(name, dir_fd=handle)
        inner = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("talk.wav", os.O_WRONLY | os.O_CREAT, dir_fd=handle))
    writer = os.open("talk.wav", os.O_WRONLY, dir_fd=handle)
    os.write(writer, b"speech")
    os.close(writer)
    os.close(handle)
    return "/".join([*names, "talk.wav"])


def test_a_file_at_the_end_of_a_path_of_more_than_4096_bytes_becomes_a_job(inbox: Inbox) -> None:  # noqa: F811
    key = deep(inbox.folder)
    assert len(key) > 4096
    with running(watcher.build(inbox.resources), intake.build(inbox.resources)):
        inbox.until(lambda: inbox.requested[key] == 1)


def unreadable_folder(place: Path) -> None:
    (place / "closed").mkdir()
    (place / "closed" / "a.wav").write_bytes(b"speech")
    (place / "closed").chmod(0)


def unreadable_file(place: Path) -> None:
    (place / "closed.wav").write_bytes(b"speech")
    (place / "closed.wav").chmod(0)


def pipe(place: Path) -> None:
    os.mkfifo(place / "pipe.wav")


def listener(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket.wav"))


def dangling(place: Path) -> None:
    (place / "dangling.wav").symlink_to("nowhere")


def loop(place: Path) -> None:
    (place / "loop").symlink_to(place)


def vanishing(place: Path) -> None:
    for number in range(50):
        (place / f"{number}.wav").write_bytes(b"speech")
        (place / f"{number}.wav").unlink()


def folder_that_comes_and_goes(place: Path) -> None:
    for _ in range(50):
        (place / "folder" / "inner").mkdir(parents=True)
        (place / "folder" / "inner").rmdir()
        (place / "folder").rmdir()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ELOOP])
def test_what_even_root_cannot_read_stops_no_other_file_and_is_named_once(
    inbox: Inbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    logged: list[Mapping[str, Any]],
    code: int,
) -> None:
    """Permissions do not apply to root, under which the tests may run: the system calls fail instead."""
    open_file, open_folder = folders.open_file, folders.open_folder

    def fail_at_bad(path: str) -> None:
        if path.rpartition("/")[2].startswith("bad"):
            raise OSError(code, os.strerror(code))

    def opened_file(root: Path, path: str) -> int:
        fail_at_bad(path)
        return open_file(root, path)

    def opened_folder(root: Path, path: str, *flags: int) -> AbstractContextManager[int]:
        fail_at_bad(path)
        return open_folder(root, path, *flags)

    monkeypatch.setattr(folders, "open_file", opened_file)
    monkeypatch.setattr(folders, "open_folder", opened_folder)
    for key in ("bad.wav", "bad folder/a.wav", "first.wav"):
        inbox.drop(key)
    with running(watcher.build(inbox.resources), reconciler.build(inbox.resources), intake.build(inbox.resources)):
        for key in ("bad too.wav", "bad folder/b.wav", "second.wav"):
            inbox.drop(key)
        inbox.until(lambda: inbox.requested["first.wav"] == inbox.requested["second.wav"] == 1)
        inbox.until(lambda: {"bad.wav", "bad too.wav"} <= {line["file"] for line in logged if line["event"] == "file.ignored"})
        inbox.drop("third.wav")
        inbox.until(lambda: inbox.requested["third.wav"] == 1)
    names = [line["file"] for line in logged if line["event"] == "file.ignored"]
    assert sorted(names) == ["bad too.wav", "bad.wav"]
    assert set(inbox.requested) == {"first.wav", "second.wav", "third.wav"}


ENTRIES = [unreadable_folder, unreadable_file, pipe, listener, dangling, loop, vanishing, folder_that_comes_and_goes]


@pytest.mark.parametrize("make", ENTRIES)
def test_an_odd_entry_stops_no_other_file(inbox: Inbox, make: Callable[[Path], None]) -> None:  # noqa: F811
    (inbox.folder / "first").mkdir()
    make(inbox.folder / "first")
    with running(watcher.build(inbox.resources), reconciler.build(inbox.resources), intake.build(inbox.resources)):
        (inbox.folder / "second").mkdir()
        make(inbox.folder / "second")
        for key in ("a.wav", "first/a.wav", "second/a.wav", "third/a.wav"):
            inbox.drop(key)
        inbox.until(lambda: all(inbox.requested[key] for key in ("a.wav", "first/a.wav", "second/a.wav", "third/a.wav")))
    for folder in inbox.folder.iterdir():
        if (folder / "closed").is_dir():
            (folder / "closed").chmod(0o700)
