"""What the watch reports of a folder, and what it does not enter."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from producers.folder_watch import Changes, FolderWatch, Listings, open_watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
WAIT_S = 2.0


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[FolderWatch]:
    (tmp_path / "inbox").mkdir()
    with closing(open_watch(tmp_path / "inbox", threading.Event())) as made:
        assert made.poll(0.0).unknown
        yield made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def last(watch: FolderWatch, key: str) -> Changes:
    """The first report that names the file."""
    while True:
        changes = watch.poll(WAIT_S)
        assert changes != Changes()
        if key in changes.seen | changes.written | changes.complete:
            return changes


def test_a_file_is_complete_when_it_is_closed(watch: FolderWatch, inbox: Path) -> None:
    with (inbox / "a.wav").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        assert "a.wav" in last(watch, "a.wav").written
    assert "a.wav" in last(watch, "a.wav").complete


def test_a_file_is_complete_when_it_is_moved_here(watch: FolderWatch, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"speech")
    (tmp_path / "a.wav").rename(inbox / "a.wav")
    changes = last(watch, "a.wav")
    assert changes.moved == changes.complete == {"a.wav"}


def test_a_moved_folder_is_not_watched_until_it_is_back(watch: FolderWatch, inbox: Path, tmp_path: Path) -> None:
    (inbox / "calls" / "deep").mkdir(parents=True)
    assert not watch.poll(WAIT_S).unknown
    (inbox / "calls").rename(tmp_path / "calls")
    watch.poll(WAIT_S)
    (tmp_path / "calls" / "deep" / "a.wav").write_bytes(b"speech")
    (inbox / "later.wav").write_bytes(b"speech")
    assert "calls/deep/a.wav" not in last(watch, "later.wav").complete
    (tmp_path / "calls").rename(inbox / "again")
    assert "again/deep/a.wav" in last(watch, "again/deep/a.wav").seen


def test_symlinks_are_not_entered(inbox: Path, tmp_path: Path) -> None:
    inbox.mkdir()
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (inbox / "before").symlink_to(tmp_path / "outside")
    with closing(open_watch(inbox, threading.Event())) as watch:
        (inbox / "after").symlink_to(tmp_path / "outside")
        watch.poll(WAIT_S)
        (tmp_path / "outside" / "deep" / "a.wav").write_bytes(b"secret")
        (inbox / "later.wav").write_bytes(b"speech")
        changes = last(watch, "later.wav")
        assert not any("deep" in key for key in changes.seen | changes.written | changes.complete)


def test_without_inotify_it_is_time_to_list_again_and_again() -> None:
    listings = Listings(threading.Event())
    assert listings.poll(0.0).unknown
    assert not listings.poll(0.0).unknown
