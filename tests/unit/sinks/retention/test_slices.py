"""Chunk audio of several runs of one slice: what the index does not name goes by itself."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from processors.slicer.kept_slices import KeptSlices
from runtime.objects import keys
from schemas.work import AudioInfo
from tests.unit.sinks.retention.bench import DAY, HOUR, Bench, chunk, digest

INDEX = keys.slice_index_key(digest(1))
INFO = AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def write(bench: Bench, run: str, *ages: timedelta) -> set[str]:
    """A chunk of each age."""
    written = {chunk(run=run, number=number): age for number, age in enumerate(ages)}
    for key, age in written.items():
        bench.put(key)
        bench.age(key, age)
    return set(written)


def keep(bench: Bench, run: str, age: timedelta = timedelta(0)) -> None:
    """As the slicer that has read the file to its end."""
    KeptSlices(bench.store, bench.settings.work_bucket).keep(digest(1), run, INFO, ())
    bench.age(INDEX, age)


def test_the_copy_of_another_run_goes_at_its_age_and_the_one_of_the_index_stays_as_long_as_it_is_used(bench: Bench) -> None:
    kept = write(bench, "0-1", 30 * HOUR, 30 * HOUR)
    write(bench, "0-2", 26 * HOUR, 25 * HOUR)
    keep(bench, "0-1", HOUR)
    assert bench.sweep().figures["chunks"].removed_files == 2
    assert bench.stored() == {INDEX, *kept}
    bench.now += DAY
    bench.sweep()
    assert bench.stored() == set()


def test_a_slow_slicer_that_still_writes_keeps_its_own(bench: Bench) -> None:
    kept, slow = write(bench, "0-1", 30 * HOUR), write(bench, "0-2", 30 * HOUR, 23 * HOUR)
    keep(bench, "0-1", HOUR)
    bench.sweep()
    assert bench.stored() == {INDEX, *kept, *slow}


def test_without_an_index_each_run_has_its_own_age(bench: Bench) -> None:
    write(bench, "0-1", 25 * HOUR)
    slow = write(bench, "0-2", 30 * HOUR, HOUR)
    bench.sweep()
    assert bench.stored() == slow


def test_an_unreadable_index_names_none(bench: Bench) -> None:
    write(bench, "0-1", 25 * HOUR)
    write(bench, "0-2", 25 * HOUR)
    bench.put(INDEX)
    bench.sweep()
    assert bench.stored() == {INDEX}


def test_an_unfinished_job_keeps_all_runs_of_its_slice_and_a_released_slice_loses_all(bench: Bench) -> None:
    audio = bench.put("uploads/a")
    job = bench.request(1, audio)
    first, second = write(bench, "0-1", 30 * HOUR), write(bench, "0-2", 30 * HOUR)
    keep(bench, "0-1", HOUR)
    bench.sweep()
    assert bench.stored() == {"uploads/a", INDEX, *first, *second}
    bench.change(job, "SUCCESS")
    bench.forget(job)
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a"}


def test_beyond_the_limit_the_copy_that_the_index_does_not_name_goes_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_chunks_bytes=1000)
    kept = write(bench, "0-1", 9 * HOUR)
    write(bench, "0-2", 8 * HOUR)
    keep(bench, "0-1", HOUR)
    size_bytes = sum(info.size_bytes for info in bench.store.list(bench.settings.work_bucket))
    bench.settings = bench.settings.model_copy(update={"retention_chunks_bytes": size_bytes - 1})
    bench.sweep()
    assert bench.stored() == {INDEX, *kept}
    bench.close()


def test_a_copy_that_the_index_names_since_the_listing_stays(bench: Bench) -> None:
    write(bench, "0-1", 30 * HOUR)
    second = write(bench, "0-2", 30 * HOUR)
    keep(bench, "0-1", 26 * HOUR)
    bench.late = [lambda: keep(bench, "0-2")]
    bench.sweep()
    assert second <= bench.stored()


def test_more_slices_than_a_page_are_all_split(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.retention.listing.PAGE", 2)
    for slices in range(5):
        for run, age in (("0-1", 30 * HOUR), ("0-2", 20 * HOUR)):
            key = chunk(slices=slices, run=run)
            bench.put(key)
            bench.age(key, age)
    bench.sweep()
    assert bench.stored() == {chunk(slices=slices, run="0-2") for slices in range(5)}
