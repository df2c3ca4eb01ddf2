"""What the bytes at the former end of a file show: that it is another file."""

from pathlib import Path

import pytest

from producers.file_ends import END_BYTES, FormerEnds
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore

SOUND = bytes(range(256)) * 40


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore({"uploads": tmp_path})


def put(store: DirectoryStore, content: bytes) -> ObjectInfo:
    (store.folder("uploads") / "a").write_bytes(content)
    return store.head("uploads", "a")


def test_of_a_file_that_is_gone_nothing_is_known(store: DirectoryStore, tmp_path: Path) -> None:
    info = put(store, SOUND)
    (tmp_path / "a").unlink()
    assert not FormerEnds(store).is_replaced(info)


@pytest.mark.parametrize("before", [b"", b"short", SOUND[: END_BYTES - 1], SOUND])
def test_a_file_that_was_appended_to_is_not_replaced(store: DirectoryStore, before: bytes) -> None:
    ends = FormerEnds(store)
    assert not ends.is_replaced(put(store, before))
    assert not ends.is_replaced(put(store, before + b"more"))
    assert not ends.is_replaced(put(store, before + b"more and more"))


@pytest.mark.parametrize("after", [b"another recording" * 999, SOUND[1:] + b"longer by far", b"x"])
def test_other_bytes_at_the_former_end_are_another_file(store: DirectoryStore, after: bytes) -> None:
    ends = FormerEnds(store)
    assert not ends.is_replaced(put(store, SOUND))
    assert ends.is_replaced(put(store, after))
    assert not ends.is_replaced(put(store, after + b"appended"))


def test_a_file_that_comes_again_is_a_new_one(store: DirectoryStore) -> None:
    ends = FormerEnds(store)
    ends.is_replaced(put(store, SOUND))
    ends.forget("a")
    assert not ends.is_replaced(put(store, b"another recording" * 999))
