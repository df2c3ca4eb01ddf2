"""Whether more of a file will come, as its own format shows."""

import struct
from pathlib import Path

import pytest

from producers.parts import is_part
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore
from tests.clips import CLIPS, Clip

SOUND = bytes(range(256)) * 40


def riff(size_bytes: int) -> bytes:
    return b"RIFF" + struct.pack("<I", size_bytes) + b"WAVEfmt " + SOUND


def form(size_bytes: int) -> bytes:
    return b"FORM" + struct.pack(">I", size_bytes) + b"AIFFCOMM" + SOUND


def box(name: bytes, content: bytes, size_bytes: int | None = None) -> bytes:
    return struct.pack(">I", 8 + len(content) if size_bytes is None else size_bytes) + name + content


def long_box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


FTYP = box(b"ftyp", b"isom0000")
WAV_BYTES = len(riff(0)) - 8
WHOLE = {
    "wav": riff(WAV_BYTES),
    "wav, padded": riff(WAV_BYTES) + b"more after its end",
    "wav, a few bytes off": riff(WAV_BYTES + 8),
    "wav written to a pipe": riff(0xFFFFFFFF),
    "wav whose header is written at its end": riff(0),
    "aiff": form(WAV_BYTES),
    "mp4": FTYP + box(b"moov", b"index") + box(b"mdat", SOUND),
    "mp4, index last": FTYP + long_box(b"mdat", SOUND) + box(b"moov", b"index"),
    "mp4, up to the end of the file": FTYP + box(b"moov", b"index") + box(b"mdat", SOUND, 0),
    "text": b"Dear reader, " * 9,
    "one byte": b"R",
    "empty": b"",
}
PARTS = {
    "wav": riff(WAV_BYTES + 17),
    "aiff": form(WAV_BYTES * 2),
    "mp4 without its index": FTYP + box(b"mdat", SOUND),
    "mp4, cut in its sound": (FTYP + box(b"moov", b"index") + box(b"mdat", SOUND))[:-1],
    "mp4, cut in its index": (FTYP + long_box(b"mdat", SOUND) + box(b"moov", b"index"))[:-1],
}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore({"uploads": tmp_path})


def put(store: DirectoryStore, content: bytes) -> ObjectInfo:
    (store.folder("uploads") / "a").write_bytes(content)
    return store.head("uploads", "a")


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
def test_a_file_as_long_as_its_header_states_is_whole(store: DirectoryStore, content: bytes) -> None:
    assert not is_part(store, put(store, content))


@pytest.mark.parametrize("content", PARTS.values(), ids=PARTS)
def test_a_file_shorter_than_its_header_states_is_a_part(store: DirectoryStore, content: bytes) -> None:
    assert is_part(store, put(store, content))


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.file)
def test_recordings_are_whole_and_nine_tenths_of_one_are_a_part(store: DirectoryStore, clip: Clip) -> None:
    content = clip.path.read_bytes()
    assert not is_part(store, put(store, content))
    assert not is_part(store, put(store, content + bytes(10)))
    for tenths in (1, 5, 9):
        assert is_part(store, put(store, content[: len(content) * tenths // 10]))


def test_an_ogg_file_without_its_last_page_is_a_part(store: DirectoryStore) -> None:
    content = next(clip for clip in CLIPS if clip.file.endswith(".ogg")).path.read_bytes()
    last = content.rfind(b"OggS")
    assert is_part(store, put(store, content[:last]))
    assert is_part(store, put(store, content[: last + 10]))
    assert is_part(store, put(store, content[:-1]))


def test_of_a_file_that_is_gone_nothing_is_known(store: DirectoryStore, tmp_path: Path) -> None:
    info = put(store, PARTS["wav"])
    (tmp_path / "a").unlink()
    assert not is_part(store, info)
