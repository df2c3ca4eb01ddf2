"""The memory that uploads take, and what is left of one that is given up."""

import asyncio
import threading
from pathlib import Path

import pytest

from producers.gateway.submission.upload import BLOCK_BYTES, IN_MEMORY_BYTES, Incoming, Memory
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore
from tests.waiting import DEADLINE_S

PIECE = bytes(64 * 1024)
FREE_BYTES = 3 * IN_MEMORY_BYTES


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore({"work": tmp_path / "work"})
    made.create()
    return made


def incoming(store: DirectoryStore, memory: Memory, key: str = "x") -> Incoming:
    return Incoming(store, "work", key, 10**9, memory)


async def written(upload: Incoming, size_bytes: int) -> None:
    for _ in range(size_bytes // len(PIECE)):
        await upload.write(PIECE)


def test_a_small_file_is_kept_until_it_is_released(store: DirectoryStore) -> None:
    async def scene() -> None:
        memory = Memory(FREE_BYTES)
        upload = incoming(store, memory)
        await written(upload, IN_MEMORY_BYTES)
        await upload.finish()
        assert (upload.content or b"") == bytes(IN_MEMORY_BYTES)
        assert memory.free_bytes == FREE_BYTES - IN_MEMORY_BYTES
        for _ in range(2):
            upload.release()
            assert memory.free_bytes == FREE_BYTES
        assert upload.content is None

    asyncio.run(scene())


def test_a_large_file_takes_one_block_however_long_it_is(store: DirectoryStore) -> None:
    async def scene() -> None:
        memory = Memory(FREE_BYTES)
        upload = incoming(store, memory)
        await written(upload, IN_MEMORY_BYTES + BLOCK_BYTES)
        for _ in range(4 * IN_MEMORY_BYTES // len(PIECE)):
            await upload.write(PIECE)
            assert memory.free_bytes > FREE_BYTES - BLOCK_BYTES
        content = await upload.finish()
        assert store.head("work", upload.store().key).size_bytes == content.size_bytes
        assert (content.size_bytes, upload.content, memory.free_bytes) == (5 * IN_MEMORY_BYTES + BLOCK_BYTES, None, FREE_BYTES)

    asyncio.run(scene())


def test_when_the_memory_is_used_up_small_files_are_streamed_too(store: DirectoryStore) -> None:
    async def scene() -> None:
        memory = Memory(FREE_BYTES)
        uploads = [incoming(store, memory, str(number)) for number in range(20)]
        for upload in uploads:
            await written(upload, IN_MEMORY_BYTES)
            assert memory.free_bytes > -len(uploads) * BLOCK_BYTES
            await upload.finish()
        assert [upload.content is not None for upload in uploads] == [True] * 3 + [False] * 17
        for upload in uploads:
            await upload.discard()
        assert (memory.free_bytes, list(store.list("work"))) == (FREE_BYTES, [])

    asyncio.run(scene())


def test_an_upload_that_is_given_up_while_it_is_stored_leaves_nothing(store: DirectoryStore, tmp_path: Path) -> None:
    class Slow(DirectoryStore):
        def put(self, bucket: str, key: str, data: bytes, *, content_type: str | None = None) -> ObjectInfo:
            putting.set()
            assert given_up.wait(DEADLINE_S)
            return super().put(bucket, key, data, content_type=content_type)

    putting, given_up = threading.Event(), threading.Event()

    async def scene() -> None:
        upload = Incoming(Slow({"work": tmp_path / "work"}), "work", "x", 10**9, Memory())
        await upload.write(PIECE)
        await upload.finish()
        storing = asyncio.ensure_future(asyncio.to_thread(upload.store))
        await asyncio.to_thread(putting.wait, DEADLINE_S)
        discarding = asyncio.ensure_future(upload.discard())
        await asyncio.to_thread(given_up.set)
        await asyncio.gather(storing, discarding)
        assert list(store.list("work")) == []
        with pytest.raises(asyncio.CancelledError):
            upload.store()

    asyncio.run(scene())
