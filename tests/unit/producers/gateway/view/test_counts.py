"""The counts that the view keeps as its rows come and go are those of the rows."""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest

from producers.gateway.view.cached_works import CacheSize
from producers.gateway.view.counts import AGE_BUCKET_S
from producers.gateway.view.job_filter import JobFilter, Place
from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from runtime.webhook_events import ENDS
from schemas.cache import CacheCleared, CacheEntry
from schemas.jobs import State
from schemas.topics import CACHE_CHANGELOG
from tests.unit.producers.gateway.view.test_view import NOON, WORK_ID, apply, changed, job, requested
from tests.webhooks import endpoint

OWNERS = ("ana", "eva")
JOBS_COUNT, ENTRIES_COUNT, STEPS = 12, 8, 150


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    with closing(View(tmp_path / "view.sqlite3", notes_s=0.0)) as view:
        view.open()
        view.follow("cluster-1")
        yield view


def step(view: View, rng: random.Random) -> None:
    """Something that happens to a job or to an entry of the cache."""
    number = rng.randrange(JOBS_COUNT)
    job_id, owner, minute = UUID(int=number), OWNERS[number % 2], number
    match rng.randrange(8):
        case 0 | 1:
            apply(view, requested(job_id, minute, owner))
        case 2 | 3:
            record = changed(job_id, rng.choice(get_args(State)), minute)
            cached = rng.random() < 0.5
            apply(view, record.model_copy(update={"job": job(job_id, minute, owner), "cached": cached}))
        case 4:
            view.delete(job_id, WORK_ID)
        case 5:
            view.forget([str(job_id)])
        case 6:
            view.purge(NOON + timedelta(days=9999))
        case 7:
            note(view, rng)


def note(view: View, rng: random.Random) -> None:
    made_at = NOON + timedelta(seconds=rng.randrange(3 * AGE_BUCKET_S))
    value = CacheEntry(made_at, rng.randrange(100)).written("results/x.json") if rng.random() < 0.8 else None
    partition = Partition(CACHE_CHANGELOG.name, 0)
    key = f"{rng.randrange(ENTRIES_COUNT):064x}".encode()
    view.apply([Received(partition, 0, key, value, None)], {partition: 1})


def counted(view: View, since: datetime | None = None) -> tuple[object, ...]:
    uses = [view.jobs.cache_uses(owner) for owner in (None, *OWNERS)]
    return view.jobs.counts(), [view.jobs.counts(owner) for owner in OWNERS], uses, view.cache.size(since)


def looked_at(view: View, since: datetime | None = None, cleared_at: datetime | None = None) -> tuple[object, ...]:
    """The same from all rows."""
    rows = view._file.read("SELECT owner, state, cached, submitted_s FROM jobs WHERE deleted = 0")
    found = [(owner, state, bool(cached), cleared_at is None or at > cleared_at.timestamp()) for owner, state, cached, at in rows]

    def uses(owner: str | None) -> tuple[int, int]:
        of = [one[2] for one in found if one[1] == "SUCCESS" and one[3] and owner in (None, one[0])]
        return of.count(True), of.count(False)

    states = [dict(Counter(one[1] for one in found if one[0] == owner)) for owner in OWNERS]
    sizes = view._file.read("SELECT size_bytes FROM cache WHERE finished_s > ?", since.timestamp() if since is not None else 0.0)
    entries = CacheSize(len(sizes), sum(size for (size,) in sizes))
    return dict(Counter(one[1] for one in found)), states, [uses(owner) for owner in (None, *OWNERS)], entries


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_to_jobs_and_entries_the_counts_are_those_of_the_rows(view: View, seed: int) -> None:
    rng = random.Random(seed)
    cleared_at = None
    for number in range(STEPS):
        step(view, rng)
        if number == STEPS // 2:
            cleared_at = NOON + timedelta(minutes=JOBS_COUNT // 2)
            view.clear_cache(CacheCleared(at=cleared_at))
        since = NOON + timedelta(seconds=rng.randrange(3 * AGE_BUCKET_S)) if rng.random() < 0.5 else None
        assert counted(view, since) == looked_at(view, since, cleared_at), f"after step {number}"
    view.follow("cluster-2")
    assert view.cache.size(None).entries == 0
    view.settled()
    assert counted(view) == ({}, [{}, {}], [(0, 0)] * 3, view.cache.size(None))


def test_no_question_of_a_handler_looks_at_all_jobs_or_entries(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    rows_of = view._file._rows

    def explained(connection: sqlite3.Connection | None, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        plans.extend(row[3] for row in rows_of(connection, f"EXPLAIN QUERY PLAN {query}", values))
        return rows_of(connection, query, values)

    apply(view, requested(UUID(int=1), owner="ana"))
    monkeypatch.setattr(view._file, "_rows", explained)
    counted(view, NOON)
    view.cache.has(WORK_ID, NOON)
    view.get(UUID(int=1))
    view.jobs.unfinished_of("ana")
    view.jobs.oldest_submitted_at()
    view.jobs.has_audio("uploads/x", UUID(int=2))
    view.jobs.has_upload_since("uploads/x", 0.0)
    view.jobs.has_work(WORK_ID, "ana")
    view.jobs.batch(UUID(int=3))
    view.jobs.by_key("digest", NOON)
    for which in (JobFilter(), JobFilter(states=("STARTED", "FAILURE")), JobFilter(owner="ana", since=NOON, text="a")):
        view.jobs.newest(9, which, after=Place(NOON.timestamp(), "x"))
    view.webhooks.ended_since(endpoint(), ENDS, (NOON, NOON), 9, delivered=False)

    found = {plan for plan in plans if plan.split()[1] in ("jobs", "cache", "ended")}
    assert {plan.split()[0] for plan in found} == {"SEARCH"}, found
