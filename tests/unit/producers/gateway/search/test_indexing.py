"""Whether all transcripts were searched: of the owner who asks, whatever those of others are."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.gateway.search.index import TextIndex
from producers.gateway.search.indexing import Indexing
from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from runtime.objects.directory import DirectoryStore
from schemas import codec
from schemas.topics import JOBS
from tests.unit.producers.gateway.timed_jobs import ended, job
from tests.waiting import DEADLINE_S


class SlowStore(DirectoryStore):
    """Reads nothing until it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__({"work": folder})
        self.may_read = threading.Event()
        self.reads = threading.Event()

    def get(self, bucket: str, key: str) -> bytes:
        self.reads.set()
        assert self.may_read.wait(DEADLINE_S)
        return super().get(bucket, key)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "view.sqlite3")
    view.open()
    view.follow("cluster")
    yield view
    view.close()


def succeed(view: View, number: int, owner: str) -> set[str]:
    changed = ended(job(number, owner=owner), 1.0, 1.0)
    where = Partition(JOBS.name, 0)
    return view.apply([Received(where, number, None, codec.encode(changed), event=changed)], {where: number + 1})


def test_what_others_wait_for_is_not_said_to_an_owner(view: View, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = SlowStore(tmp_path / "store")

    async def scene() -> None:
        indexing = Indexing(view, TextIndex(tmp_path / "words.sqlite3", 1_000_000), store, "work", lambda: True)
        running = asyncio.create_task(indexing.run())
        try:
            await until_searched(indexing, None)
            indexing.note(succeed(view, 1, "bob"))
            assert await asyncio.to_thread(store.reads.wait, DEADLINE_S)
            assert [await searched(indexing, owner) for owner in ("alice", "bob", None)] == [True, False, False]

            store.may_read.set()
            await until_searched(indexing, "bob")
        finally:
            store.may_read.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            indexing.close()

    asyncio.run(scene())


async def until_searched(indexing: Indexing, owner: str | None) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await searched(indexing, owner):  # noqa: ASYNC110 - nothing says so
            await asyncio.sleep(0.01)


async def searched(indexing: Indexing, owner: str | None) -> bool:
    _, is_all = await indexing.find("hello", owner)
    return is_all
