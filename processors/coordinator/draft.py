"""The pending changes of one decision, on top of tables that it does not modify: reads include what was set here.

Used by `decide()` for one event. The draft is discarded, or the caller applies its `changes()` to the tables.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping

from processors.coordinator.cache import CacheTable
from processors.coordinator.entries import Change, ChunkState, JobState, WorkState, chunk_table_key
from processors.coordinator.tables import Tables
from processors.coordinator.tally import Tally
from runtime.kafka.messages import Output
from schemas.cache import CacheEntry
from schemas.jobs import Job
from schemas.transcript import Transcript
from schemas.work import Span


class Draft:
    """The cost of a read does not depend on the number of chunks, except when iterating over `chunks()`.

    `outputs` and `transcript` are what the decision sends and stores."""

    def __init__(self, tables: Tables) -> None:
        self.outputs: list[Output] = []
        self.transcript: Transcript | None = None
        self._tables = tables
        self._works: dict[str, WorkState | None] = {}
        self._jobs: dict[str, JobState] = {}
        self._chunks: dict[str, dict[Span, ChunkState]] = {}
        self._restarted: set[str] = set()
        self._cache: dict[str, CacheEntry | None] = {}
        self._tallies: dict[str, Tally] = {}

    def work(self, work_id: str) -> WorkState | None:
        return self._works[work_id] if work_id in self._works else self._tables.works.get(work_id)

    def job(self, job_id: str) -> JobState | None:
        return self._jobs.get(job_id) or self._tables.jobs.get(job_id)

    def waiting(self, work_id: str) -> dict[str, Job]:
        """The jobs that wait for this work."""
        waiting = dict(self._tables.jobs_waiting(work_id))
        for job_id, state in self._jobs.items():
            waiting.pop(job_id, None)
            if state.job is not None and state.work_id == work_id:
                waiting[job_id] = state.job
        return waiting

    def chunks(self, work_id: str) -> Mapping[Span, ChunkState]:
        """The results of a work in progress."""
        before = {} if work_id in self._restarted else self._tables.chunks.get(work_id, {})
        return ChainMap(self._chunks.get(work_id, {}), before)

    def tally(self, work_id: str) -> Tally:
        """Of a work in progress."""
        return self._tallies.get(work_id) or self._tables.tally(work_id)

    @property
    def cache(self) -> CacheTable:
        """As it was before the decision."""
        return self._tables.cache

    def set_work(self, state: WorkState) -> None:
        work_id = state.work.work_id
        old, self._works[work_id] = self.work(work_id), state
        if old is not None and old.chunks is not state.chunks:
            self._tallies[work_id] = Tally.of(state.chunks, self.chunks(work_id))

    def set_job(self, job_id: str, state: JobState) -> None:
        self._jobs[job_id] = state

    def set_chunk(self, work_id: str, chunk: ChunkState) -> None:
        span = chunk.result.span
        self._tallies[work_id] = self.tally(work_id).replaced(span, self.chunks(work_id).get(span), chunk)
        self._chunks.setdefault(work_id, {})[span] = chunk

    def set_cached(self, work_id: str, entry: CacheEntry | None) -> None:
        self._cache[work_id] = entry

    def restart_work(self, state: WorkState) -> None:
        """Starts the work again: its chunks are deleted."""
        self._chunks.pop(state.work.work_id, None)
        self._restarted.add(state.work.work_id)
        self._works[state.work.work_id] = state
        self._tallies[state.work.work_id] = Tally.of(state.chunks, {})

    def delete_work(self, work_id: str) -> None:
        """The work has ended: deletes its entry and its chunks."""
        self._works[work_id] = None

    def changes(self) -> tuple[Change, ...]:
        """Each entry once, with its last value."""
        return (
            *(Change("works", work_id, state) for work_id, state in self._works.items()),
            *(Change("jobs", job_id, job) for job_id, job in self._jobs.items()),
            *(change for work_id in self._works.keys() | self._chunks.keys() for change in self._chunk_changes(work_id)),
            *(Change("cache", work_id, entry) for work_id, entry in self._cache.items()),
        )

    def _chunk_changes(self, work_id: str) -> Iterator[Change]:
        """Chunks that were set here for a work that has ended are not in the changelog."""
        is_over = self.work(work_id) is None
        if is_over or work_id in self._restarted:
            for span in self._tables.chunks.get(work_id, {}):
                yield Change("chunks", chunk_table_key(work_id, span), None)
        if not is_over:
            for span, chunk in self._chunks.get(work_id, {}).items():
                yield Change("chunks", chunk_table_key(work_id, span), chunk)
