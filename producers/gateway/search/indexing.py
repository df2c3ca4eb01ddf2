"""Keeps the index of transcripts up to date with the view: jobs that succeed are added, deleted and forgotten ones removed.

The texts are read from the object store, once by each gateway. What the index lacks at the start is read then, the newest first;
once an hour it is compared with the view and with the store.
"""

import asyncio
import contextlib
import math
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Set
from datetime import datetime

from producers.gateway.search.index import Indexed, Text, TextIndex, index_path
from producers.gateway.search.words import words
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime.errors import MurmurError
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, keys
from runtime.objects.transcripts import Transcripts
from runtime.outage import Outage
from runtime.resources import Resources
from runtime.retention import MARGIN_S
from schemas.codec import Undecodable

log = get_logger(__name__)
JOB_ID_CHARS = 36  # what changes are also ids of works, which are longer
AT_ONCE = 20  # jobs in one transaction
COLLECT_S = 0.3  # changes of so long are handled together
COMPARE_S = 3600.0
READY_S, AGAIN_S = 0.5, 5.0
CHANGED_MAX = 500  # to look at in each search
TIDIED_S = 2.0
SHARE = 0.02  # of the time at most, for writing a large index anew


class Indexing:
    """`is_ready`: the view is up to date. For the event loop; nothing runs while nothing changes. Without an `index` names alone
    are searched."""

    def __init__(
        self, view: View, index: TextIndex | None, objects: ObjectStore, bucket: str, is_ready: Callable[[], bool]
    ) -> None:
        self._view = view
        self._index = index
        self._objects = objects
        self._bucket = bucket
        self._transcripts = Transcripts(objects, bucket)
        self._is_ready = is_ready
        self._changed: dict[str, None] = {}  # in the order in which they are to be read
        self._in_hand: list[str] = []
        self._wake = asyncio.Event()
        self._compare_at_s = 0.0
        self._has_compared = False
        self._tidy_at_s = 0.0
        self._outage = Outage("gateway-search")

    @classmethod
    def of(cls, resources: Resources, view: View, is_ready: Callable[[], bool]) -> "Indexing":
        """As the settings say."""
        settings = resources.settings
        index = TextIndex(index_path(settings), settings.search_index_bytes)
        if not settings.search_index_bytes:
            index.remove()
        return cls(view, index if settings.search_index_bytes else None, resources.objects, settings.work_bucket, is_ready)

    def note(self, changed: Set[str]) -> None:
        """These jobs have changed."""
        if self._index is None:
            return
        self._changed.update(dict.fromkeys(key for key in changed if len(key) == JOB_ID_CHARS))
        if self._changed:
            self._wake.set()

    async def find(self, query: str, owner: str | None) -> tuple[list[str], bool]:
        """The jobs of one owner, or of any, whose transcripts have all words of the query, and whether all of theirs were
        searched: nothing in it depends on the jobs of others."""
        if self._index is None or not self._index.is_open:
            return [], False
        try:
            is_all = await asyncio.to_thread(self._has_all, [*self._changed, *self._in_hand], self._index, owner)
            return await asyncio.to_thread(self._index.find, query, owner), is_all
        except ViewUnavailable as unavailable:
            self._fill_again(unavailable)
            self._wake.set()
            return [], False

    async def run(self) -> None:
        """Until it is cancelled."""
        if (index := self._index) is None:
            return
        while True:
            try:
                await self._keep_up(index)
            except MurmurError as unavailable:
                self._fill_again(unavailable)
            except sqlite3.OperationalError as error:  # SQLite was built without FTS5
                log.warning("search.unavailable", error=error)
                return
            await asyncio.sleep(AGAIN_S)

    def close(self) -> None:
        if self._index is not None:
            self._index.close()

    def _fill_again(self, why: MurmurError) -> None:
        """The index may be empty now."""
        self._outage.started(why)
        self._compare_at_s, self._has_compared = 0.0, False

    def _has_all(self, changed: list[str], index: TextIndex, owner: str | None) -> bool:
        """Jobs that have changed and not succeeded, and those of others, have nothing to be read."""
        if not self._has_compared or len(changed) > CHANGED_MAX:
            return False
        lacking = (job for job in self._view.jobs.succeeded_of(changed) if owner in (None, job.job.owner))
        return not any(lacking) and index.is_whole(owner)

    async def _keep_up(self, index: TextIndex) -> None:
        while True:
            while not self._is_ready():  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(READY_S)
            await asyncio.to_thread(index.open)
            if time.monotonic() >= self._compare_at_s:
                await self._compare(index)
            while self._changed:
                await self._handle([job_id for job_id, _ in zip(self._changed, range(AT_ONCE), strict=False)], index)
            self._has_compared = True
            self._outage.ended()
            self._wake.clear()
            at_s = min(self._compare_at_s, await self._tidied(index))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, at_s - time.monotonic()))
                await asyncio.sleep(COLLECT_S)

    async def _tidied(self, index: TextIndex) -> float:
        """Removes what was deleted from the file, unless it was done a short time ago. When it is to be done next."""
        if await asyncio.to_thread(index.is_tidy):
            return math.inf
        if (began_s := time.monotonic()) >= self._tidy_at_s:
            await asyncio.to_thread(index.tidy)
            took_s = time.monotonic() - began_s
            self._tidy_at_s = time.monotonic() + max(TIDIED_S, took_s / SHARE)
            return math.inf
        return self._tidy_at_s

    async def _compare(self, index: TextIndex) -> None:
        """With the view and the store."""
        missing, gone = await asyncio.to_thread(self._differences, index)
        self._changed = {**self._changed, **dict.fromkeys(missing)}
        for job_ids in _parts(list(gone)):
            await asyncio.to_thread(index.write, (), job_ids)
        await asyncio.to_thread(self._remove_lost, index)
        self._compare_at_s = time.monotonic() + COMPARE_S

    async def _handle(self, job_ids: list[str], index: TextIndex) -> None:
        """Jobs that change meanwhile are handled again."""
        for job_id in job_ids:
            del self._changed[job_id]
        self._in_hand = job_ids
        try:
            await asyncio.to_thread(self._update, job_ids, index)
        except BaseException:
            self._changed.update(dict.fromkeys(job_ids))  # at the end: others may be readable
            raise
        finally:
            self._in_hand = []

    def _differences(self, index: TextIndex) -> tuple[list[str], set[str]]:
        """Jobs that the index lacks, the newest first, and those that it has to lose."""
        indexed = index.job_ids()
        succeeded = self._view.jobs.succeeded()
        return [job_id for job_id in succeeded if job_id not in indexed], indexed.difference(succeeded)

    def _remove_lost(self, index: TextIndex) -> None:
        """Texts that retention has removed from the store."""
        before_s = time.time() - MARGIN_S
        stored = {info.key for prefix in (keys.TRANSCRIPTS, keys.CORRECTED) for info in self._objects.list(self._bucket, prefix)}
        index.keep_only(stored, before_s)

    def _update(self, job_ids: Collection[str], index: TextIndex) -> None:
        succeeded = {str(job.job_id): job for job in self._view.jobs.succeeded_of(job_ids)}
        known: set[Text] = set()
        indexed = [self._indexed(job, index, known) for job in succeeded.values()]
        gone = index.known(job_id for job_id in job_ids if job_id not in succeeded)
        if indexed or gone:
            index.write(indexed, gone)

    def _indexed(self, job: JobView, index: TextIndex, known: set[Text]) -> Indexed:
        """`known`: texts of other jobs that are added with it."""
        text = text_of(job)
        is_needed = text not in known and index.needs(text)
        known.add(text)
        return Indexed(str(job.job_id), job.job.owner, job.place.submitted_s, text, self._words(job) if is_needed else None)

    def _words(self, job: JobView) -> str:
        try:
            return " ".join(words(self._transcripts.read_text(job.work_id, job.result)))
        except (NotFound, Undecodable):  # which the job's status says
            return ""


def text_of(job: JobView) -> Text:
    result = job.result
    made_at: datetime | None = result.transcribed_at if result is not None else None
    corrected = result.corrected if result is not None else None
    key = corrected.key if corrected is not None else keys.transcript_key(job.work_id)
    return Text(key, made_at.timestamp() if made_at is not None else 0.0)


def _parts(job_ids: list[str]) -> Iterator[list[str]]:
    return (job_ids[start : start + 1000] for start in range(0, len(job_ids), 1000))
