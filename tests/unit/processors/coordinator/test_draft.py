"""A draft by itself: it reads what was set in it, and leaves the tables alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from processors.coordinator.draft import Draft
from processors.coordinator.entries import ChunkState, JobState, WorkState
from processors.coordinator.tables import Tables
from processors.coordinator.tally import Tally
from schemas.cache import CacheEntry
from schemas.jobs import Job, Work
from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.work import ChunkTranscribed, SlicedChunk, Span

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SPANS: tuple[Span, ...] = ((0, 16_000), (20_000, 36_000))
CLOSING = tuple(SlicedChunk(span=span, pieces=(span,)) for span in SPANS)
WORK_ID = "a" * 64
WORK = WorkState(
    work=Work(
        work_id=WORK_ID,
        audio_id="b" * 64,
        slice_id="c" * 64,
        audio=ObjectRef(bucket="uploads", key="talk.wav"),
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
    ),
    run="0-0",
    starter="one",
    lane=None,
)
CLOSED = WORK.model_copy(update={"chunks": CLOSING})
JOB = Job(job_id=UUID(int=1), source="http", filename="talk.wav", submitted_at=NOW)


def chunk(span: Span, attempt: int = 0, *, again: bool = False) -> ChunkState:
    result = ChunkTranscribed(
        span=span, attempt=attempt, speech_s=1.0, language="en", language_probability=0.9, segments=(), inference_s=0.1
    )
    return ChunkState(result=result, again=again)


def waits() -> JobState:
    return JobState(WORK_ID, "PENDING", JOB)


@pytest.fixture
def tables() -> Tables:
    """A work in progress with the first of its two chunks, and the job that waits for it."""
    draft = Draft(Tables())
    draft.set_work(CLOSED)
    draft.set_job("one", waits())
    return applied(draft, Tables(), chunk(SPANS[0]))


def applied(draft: Draft, tables: Tables, *chunks: ChunkState) -> Tables:
    for change in draft.changes():
        tables.apply(change)
    if chunks:
        more = Draft(tables)
        for one in chunks:
            more.set_chunk(WORK_ID, one)
        applied(more, tables)
    return tables


def test_reads_include_what_was_set_and_the_tables_do_not_change(tables: Tables) -> None:
    draft = Draft(tables)
    draft.set_work(CLOSED.model_copy(update={"decodes": 2}))
    draft.set_job("one", JobState(WORK_ID, "REVOKED", ended_at=NOW))
    draft.set_job("two", waits())
    draft.set_chunk(WORK_ID, chunk(SPANS[1]))

    state, ended = draft.work(WORK_ID), draft.job("one")
    assert state is not None
    assert ended is not None
    assert (state.decodes, ended.state) == (2, "REVOKED")
    assert draft.waiting(WORK_ID) == {"two": JOB}
    assert set(draft.chunks(WORK_ID)) == set(SPANS)
    assert draft.tally(WORK_ID).is_complete
    assert (tables.works, list(tables.jobs), list(tables.chunks[WORK_ID])) == ({WORK_ID: CLOSED}, ["one"], [SPANS[0]])
    assert not tables.tally(WORK_ID).is_complete


def test_an_entry_that_is_set_twice_is_one_change(tables: Tables) -> None:
    draft = Draft(tables)
    for decodes in (2, 3):
        draft.set_work(CLOSED.model_copy(update={"decodes": decodes}))
        draft.set_chunk(WORK_ID, chunk(SPANS[1], attempt=decodes))

    works, chunks = draft.changes()
    assert (works.value.decodes, chunks.value.result.attempt) == (3, 3)


def test_a_work_that_is_over_takes_its_chunks_along_and_one_of_this_draft_was_never_written(tables: Tables) -> None:
    draft = Draft(tables)
    draft.set_chunk(WORK_ID, chunk(SPANS[1]))
    draft.set_cached(WORK_ID, CacheEntry(NOW))
    draft.delete_work(WORK_ID)

    assert [(change.table, change.key) for change in draft.changes() if change.value is None] == [
        ("works", WORK_ID),
        ("chunks", f"{WORK_ID}|0-16000"),
    ]
    applied(draft, tables)
    assert (tables.works, tables.chunks, tables.tallies, list(tables.cache)) == ({}, {}, {}, [WORK_ID])


@pytest.mark.parametrize("again", [True, False])
def test_a_chunk_that_is_requested_again_is_missing_until_its_new_result_arrives(tables: Tables, again: bool) -> None:
    applied(Draft(tables), tables, chunk(SPANS[1], again=again))
    assert tables.tally(WORK_ID).is_complete is not again

    applied(Draft(tables), tables, chunk(SPANS[1], attempt=1, again=again))
    assert tables.tally(WORK_ID).is_complete
    assert tables.tally(WORK_ID).done_s == 2.0


def test_a_result_that_the_closing_record_does_not_list_completes_nothing(tables: Tables) -> None:
    applied(Draft(tables), tables, chunk((40_000, 56_000)))
    assert not tables.tally(WORK_ID).is_complete


def test_what_is_counted_result_by_result_is_what_a_count_of_all_gives(tables: Tables) -> None:
    for one in (chunk(SPANS[1], again=True), chunk((1, 2)), chunk(SPANS[0], 1, again=True), chunk(SPANS[1], 1, again=True)):
        applied(Draft(tables), tables, one)
        assert tables.tally(WORK_ID) == Tally.of(CLOSING, tables.chunks[WORK_ID])


class NotGoneThrough(dict[Span, ChunkState]):
    def __iter__(self) -> Iterator[Span]:
        raise AssertionError("a result goes through the chunks of the file")


def test_a_result_iterates_over_no_other_chunks(tables: Tables) -> None:
    """Else a file costs the square of its length."""
    assert not tables.tally(WORK_ID).is_complete
    tables.chunks[WORK_ID] = NotGoneThrough(tables.chunks[WORK_ID])
    draft = Draft(tables)
    draft.set_chunk(WORK_ID, chunk(SPANS[1]))
    assert draft.tally(WORK_ID).is_complete
    assert draft.chunks(WORK_ID)[SPANS[0]].result.span == SPANS[0]
    applied(draft, tables)
