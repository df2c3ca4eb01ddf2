"""When a file in the inbox is whole."""

import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from producers.incoming import Settling, is_meant, open_state
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore

linux = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


def seen(key: str, etag: str = "1", size_bytes: int = 6, change_tag: str = "1") -> ObjectInfo:
    return ObjectInfo("uploads", key, size_bytes, etag, datetime(2026, 11, 21, tzinfo=UTC), change_tag=change_tag)


def due(settling: Settling, now_s: float) -> list[str]:
    return [info.key for info in settling.due(now_s)]


@pytest.mark.parametrize(
    "key",
    [
        ".hidden.wav",
        ".folder/a.wav",
        "calls/.a.wav.Xy12",
        "a.wav.part",
        "a.mp4.crdownload",
        "A.WAV.PART",
        "a.tmp",
        "a.wav~",
        "~$notes.docx",
        "Thumbs.db",
        "sub/desktop.ini",
    ],
)
def test_hidden_files_and_downloads_under_way_are_not_meant(key: str) -> None:
    assert not is_meant(key)


@pytest.mark.parametrize("key", ["a.wav", "sub/a b.mp3", "part", "a.part.wav", "tmp/a.wav", "a~b.wav", "no extension"])
def test_all_other_names_are_meant(key: str) -> None:
    assert is_meant(key)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore({"uploads": tmp_path})


def state(store: DirectoryStore, key: str = "a.wav") -> str:
    return open_state(store, store.head("uploads", key))


@linux
def test_a_file_that_is_open_for_writing_is_open(store: DirectoryStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        assert state(store) == "open"
    assert state(store) == "closed"


@linux
def test_a_file_that_is_open_for_reading_is_closed(store: DirectoryStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"whole")
    with path.open("rb"):
        assert state(store) == "closed"


def test_a_file_whose_download_goes_on_beside_it_is_open(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "a.mp4.part").write_bytes(b"half")
    assert state(store, "a.mp4") == "open"
    (tmp_path / "a.mp4.part").replace(tmp_path / "a.mp4")
    assert state(store, "a.mp4") == "closed"


def test_the_longest_name_has_no_room_for_a_download_beside_it(store: DirectoryStore, tmp_path: Path) -> None:
    for length in (245, 250, 255):
        (tmp_path / ("n" * length)).write_bytes(b"speech")
        assert state(store, "n" * length) == "closed"


def test_a_process_that_cannot_be_opened_any_more_has_ended(store: DirectoryStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"speech")
    info = store.head("uploads", "a.wav")
    path.unlink()
    assert open_state(store, info) == "gone"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert open_state(store, info) == "gone"
    path.unlink()
    os.mkfifo(path)
    assert open_state(store, info) == "gone"
    path.unlink()
    path.symlink_to("elsewhere.wav")
    assert open_state(store, info) == "gone"


def test_asking_leaves_no_handle_open(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        state(store)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_file_is_due_once_it_has_rested() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav"), 10.0)
    assert due(settling, 10.9) == []
    assert due(settling, 11.0) == ["a.wav"]


def test_every_change_restarts_the_rest_period() -> None:
    settling = Settling(1.0)
    for second in range(5):
        settling.see(seen("a.wav", etag=str(second)), second)
        assert due(settling, second + 0.9) == []
    settling.see(seen("a.wav", etag="4"), 4.5)
    assert due(settling, 5.0) == ["a.wav"]


def test_a_version_is_due_once_and_the_next_version_again() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav", etag="1"), 0.0)
    settling.take(seen("a.wav", etag="1"))
    settling.see(seen("a.wav", etag="1"), 5.0)
    assert due(settling, 9.0) == []
    settling.see(seen("a.wav", etag="2"), 10.0)
    assert due(settling, 11.0) == ["a.wav"]


def test_what_is_not_taken_stays_due() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav"), 0.0)
    assert due(settling, 1.0) == due(settling, 2.0) == ["a.wav"]


def test_removed_files_are_forgotten_and_may_come_again() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav"), 0.0)
    settling.gone("a.wav")
    assert due(settling, 9.0) == []
    settling.see(seen("a.wav"), 9.0)
    settling.take(seen("a.wav"))
    settling.gone("a.wav")
    settling.see(seen("a.wav"), 20.0)
    assert due(settling, 21.0) == ["a.wav"]


def test_an_empty_file_has_to_rest_ten_times_as_long_since_it_may_be_filled() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav", size_bytes=0), 0.0)
    assert due(settling, 9.9) == []
    assert due(settling, 10.0) == ["a.wav"]


def test_a_file_that_grows_after_it_was_complete_has_to_rest_longer() -> None:
    settling = Settling(1.0, 10.0, tells_complete=True)
    settling.complete(seen("a.wav", etag="1", size_bytes=100), 0.0)
    assert due(settling, 1.0) == ["a.wav"]
    for second in (2.0, 4.0, 6.0):  # whether it was taken before or not
        settling.complete(seen("a.wav", etag=str(second), size_bytes=int(100 * second)), second)
        assert due(settling, second + 9.9) == []
    assert due(settling, 16.0) == ["a.wav"]


def test_a_file_that_grows_while_it_is_open_is_complete_when_it_is_closed() -> None:
    settling = Settling(1.0, 10.0, tells_complete=True)
    for second in range(5):
        settling.see(seen("a.wav", etag=str(second), size_bytes=100 + second), float(second), written=True)
    assert settling.is_open("a.wav")
    assert due(settling, 13.9) == []
    settling.complete(seen("a.wav", etag="4", size_bytes=104), 5.0)
    assert due(settling, 6.0) == ["a.wav"]


def test_without_events_for_closed_files_a_growing_file_has_to_rest_longer() -> None:
    settling = Settling(1.0, 10.0)
    settling.see(seen("a.wav", etag="1", size_bytes=100), 0.0)
    settling.see(seen("a.wav", etag="2", size_bytes=200), 0.5)
    assert due(settling, 10.4) == []
    assert due(settling, 10.5) == ["a.wav"]


def test_a_file_that_is_rewritten_is_not_one_that_grows() -> None:
    settling = Settling(1.0, 10.0, tells_complete=True)
    settling.complete(seen("a.wav", etag="1", size_bytes=100), 0.0)
    settling.complete(seen("a.wav", etag="2", size_bytes=200), 2.0)
    settling.complete(seen("a.wav", etag="3", size_bytes=50), 4.0)
    assert due(settling, 5.0) == ["a.wav"]


def test_a_longer_file_that_replaces_another_is_not_one_that_grows() -> None:
    settling = Settling(1.0, 10.0, tells_complete=True)
    settling.complete(seen("a.wav", etag="1", size_bytes=100), 0.0)
    settling.see(seen("a.wav", etag="2", size_bytes=150), 2.0, written=True)
    settling.complete(seen("a.wav", etag="3", size_bytes=200), 3.0, replaced=True)
    assert not settling.has_grown("a.wav")
    assert due(settling, 4.0) == ["a.wav"]


def test_a_file_that_will_grow_has_to_rest_longer() -> None:
    settling = Settling(1.0, 10.0, tells_complete=True)
    settling.complete(seen("a.wav"), 0.0)
    settling.will_grow("a.wav")
    assert due(settling, 9.9) == []
    assert due(settling, 10.0) == ["a.wav"]


def test_content_written_under_the_same_size_and_time_is_due_again() -> None:
    settling = Settling(1.0, tells_complete=True)
    settling.complete(seen("a.wav"), 0.0)
    settling.take(seen("a.wav"))
    settling.see(seen("a.wav"), 2.0)
    settling.complete(seen("a.wav"), 3.0)  # the event of what was taken
    settling.see(seen("a.wav", change_tag="2"), 4.0)  # chmod
    assert due(settling, 5.0) == []
    settling.complete(seen("a.wav", change_tag="3"), 6.0)
    assert due(settling, 7.0) == ["a.wav"]
