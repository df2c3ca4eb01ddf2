"""When a file in the inbox is whole."""

import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from producers.incoming import Settling, is_free, is_meant
from runtime.objects import ObjectInfo

linux = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


def seen(key: str, etag: str = "1", size_bytes: int = 6) -> ObjectInfo:
    return ObjectInfo("uploads", key, size_bytes, etag, datetime(2026, 11, 21, tzinfo=UTC))


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


@linux
def test_a_file_that_is_open_for_writing_is_not_free(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        assert not is_free(path)
    assert is_free(path)


@linux
def test_a_file_that_is_open_for_reading_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"whole")
    with path.open("rb"):
        assert is_free(path)


def test_a_file_whose_download_goes_on_beside_it_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "a.mp4.part").write_bytes(b"half")
    assert not is_free(tmp_path / "a.mp4")
    (tmp_path / "a.mp4.part").replace(tmp_path / "a.mp4")
    assert is_free(tmp_path / "a.mp4")


def test_what_cannot_be_opened_is_not_free(tmp_path: Path) -> None:
    assert not is_free(tmp_path / "never.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.wav"))
        assert not is_free(tmp_path / "socket.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "socket.wav")
    assert not is_free(tmp_path / "link.wav")


def test_asking_leaves_no_handle_open(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        is_free(path)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_file_is_due_once_it_has_rested() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav"), 10.0)
    assert due(settling, 10.9) == []
    assert due(settling, 11.0) == ["a.wav"]


def test_every_change_starts_the_rest_anew() -> None:
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


def test_what_is_gone_is_forgotten_and_may_come_again() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav"), 0.0)
    settling.gone("a.wav")
    assert due(settling, 9.0) == []
    settling.see(seen("a.wav"), 9.0)
    settling.take(seen("a.wav"))
    settling.gone("a.wav")
    settling.see(seen("a.wav"), 20.0)
    assert due(settling, 21.0) == ["a.wav"]


def test_an_empty_file_rests_ten_times_as_long_because_somebody_is_about_to_fill_it() -> None:
    settling = Settling(1.0)
    settling.see(seen("a.wav", size_bytes=0), 0.0)
    assert due(settling, 9.9) == []
    assert due(settling, 10.0) == ["a.wav"]
