"""What is removed from the store, and what is not: ages, sizes, names, races."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from runtime.objects import keys
from schemas.record import ObjectRef
from sinks.retention.listing import Amount
from sinks.retention.sweeper import Figures
from tests.unit.sinks.retention.bench import DAY, HOUR, Bench, answer, chunk, digest

TRANSCRIPT = keys.transcript_key(digest(1))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def finished(bench: Bench) -> ObjectRef:
    """All that a job over HTTP leaves in the store, an hour later."""
    audio = bench.put("uploads/a")
    job = bench.request(1, audio)
    bench.put(chunk())
    bench.put(TRANSCRIPT)
    bench.cache(1)
    bench.change(job, "SUCCESS")
    return audio


def test_each_kind_goes_at_its_own_age(bench: Bench) -> None:
    finished(bench)
    bench.now += 23 * HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT}
    bench.now += 2 * HOUR
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT}
    bench.cache(1, None)
    bench.now += 28 * DAY
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT}
    bench.now += DAY
    bench.sweep()
    assert bench.stored() == set()


def test_nothing_goes_while_a_job_that_needs_it_has_not_ended(bench: Bench) -> None:
    audio = bench.put("uploads/a")
    job = bench.request(1, audio)
    bench.put(chunk())
    bench.put(TRANSCRIPT)
    bench.now += 20 * DAY
    bench.change(job, "STARTED")
    bench.now += 40 * DAY
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT}


def test_the_upload_of_a_failed_job_can_be_retried_for_a_week(bench: Bench) -> None:
    job = bench.request(1, bench.put("uploads/a"))
    bench.change(job, "FAILURE")
    bench.now += 6 * DAY
    bench.sweep()
    assert bench.stored() == {"uploads/a"}
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored() == set()


def test_an_upload_is_as_old_as_the_end_of_its_last_job(bench: Bench) -> None:
    audio = bench.put("uploads/a")
    first, second = bench.request(1, audio, work=1), bench.request(2, audio, work=2)
    bench.change(first, "SUCCESS")
    bench.now += 23 * HOUR
    bench.change(second, "SUCCESS", work=2)
    bench.now += 23 * HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a"}
    bench.now += 2 * HOUR
    bench.sweep()
    assert bench.stored() == set()


def test_copies_of_one_content_that_several_gateways_stored_go_each_with_its_own_jobs(bench: Bench) -> None:
    first, second = (bench.request(number, bench.put(f"uploads/{number}"), work=1) for number in (1, 2))
    bench.put(keys.content_key(digest(0)))
    bench.change(first, "SUCCESS")
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored() == {"uploads/2"}, "its job is not finished"
    bench.change(second, "SUCCESS")
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored() == set()


def test_what_no_job_is_known_of_goes_by_age_alone(bench: Bench) -> None:
    """The jobs may be those of another installation, or of topics that were lost."""
    for key in ("uploads/a", TRANSCRIPT, chunk()):
        bench.put(key)
    bench.now += 23 * HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a", TRANSCRIPT, chunk()}
    bench.now += 2 * HOUR
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT}


def test_what_a_deleted_job_leaves_goes_within_the_hour(bench: Bench) -> None:
    audio = finished(bench)
    bench.now += 13 * HOUR
    kept = bench.request(2, audio, work=2, slices=2)
    bench.change(kept, "SUCCESS", work=2)
    bench.put(chunk(slices=2))
    job = kept.model_copy(update={"job_id": type(kept.job_id)(int=1)})
    bench.forget(job)
    bench.cache(1, None)
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(slices=2)}


def test_a_transcript_stays_as_long_as_the_cache_answers_with_it(bench: Bench) -> None:
    finished(bench)
    bench.now += 60 * DAY
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT}


def test_corrected_texts_and_names_go_with_the_transcript_of_their_work_and_answers_by_their_age(
    bench: Bench,
) -> None:
    finished(bench)
    corrected = {keys.corrected_key(digest(1), version) for version in ("1", "2")} | {keys.names_key(digest(1), UUID(int=1))}
    for key in (*corrected, *answer(1)):
        bench.put(key)
    bench.now += 40 * DAY
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT, *corrected}
    bench.cache(1, None)
    bench.sweep()
    assert bench.stored() == set()


def test_answers_of_the_model_go_soon_after_the_last_job_of_their_work(bench: Bench) -> None:
    audio = finished(bench)
    bench.change(bench.request(2, audio, work=2), "SUCCESS", work=2)
    for key in answer(1) | answer(2):
        bench.put(key)
    bench.now += HOUR
    bench.forget(bench.request(1, audio))
    bench.cache(1, None)
    bench.now += HOUR
    bench.sweep()
    assert {key for key in bench.stored() if key.startswith(keys.CORRECTION_CACHE)} == answer(2)


def test_answers_that_are_not_to_be_kept_are_removed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, correction_cache_s=0)
    for key in answer(1):
        bench.put(key)
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == set()
    bench.close()


def test_a_name_that_comes_back_holds_what_was_released(bench: Bench) -> None:
    audio = finished(bench)
    bench.now += 13 * HOUR
    bench.forget(bench.request(1, audio))
    bench.cache(1, None)
    bench.request(2, audio)
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT}


def test_what_was_written_after_its_release_goes_by_its_age(bench: Bench) -> None:
    audio = finished(bench)
    bench.cache(1, None)
    bench.forget(bench.request(1, audio))
    names = keys.names_key(digest(1), UUID(int=1))
    bench.put(names)
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT, names}
    bench.now += 31 * DAY
    bench.sweep()
    assert bench.stored() == set()


def test_a_request_that_arrives_during_the_sweep_keeps_everything(bench: Bench) -> None:
    audio = finished(bench)
    bench.now += 2 * DAY
    bench.late = [lambda: None, lambda: bench.request(2, audio)]
    bench.sweep()
    assert bench.late == []
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT}


def test_what_is_written_again_during_the_sweep_stays(bench: Bench) -> None:
    bench.put(chunk())
    index = f"{keys.CHUNKS}{digest(1)}/index.json"
    bench.put(index)
    bench.now += 2 * DAY
    bench.late = [lambda: None, lambda: bench.put(index)]
    bench.sweep()
    assert bench.stored() == {chunk(), index}


def test_audio_that_a_slicer_has_found_is_as_old_as_its_index(bench: Bench) -> None:
    bench.put(chunk())
    index = f"{keys.CHUNKS}{digest(1)}/index.json"
    bench.put(index)
    later_s = (bench.now + 20 * HOUR).timestamp()
    os.utime(bench.store.folder(bench.settings.work_bucket) / index, (later_s, later_s))
    bench.now += 30 * HOUR
    bench.sweep()
    assert bench.stored() == {chunk(), index}
    bench.now += 20 * HOUR
    bench.sweep()
    assert bench.stored() == set()


def test_zero_keeps_for_ever(tmp_path: Path) -> None:
    ages = ("chunks", "uploads", "failed_uploads", "transcripts", "dead_letters", "temporary")
    bench = Bench(tmp_path, **{f"retention_{name}_s": 0 for name in ages}, retention_chunks_bytes=0)
    job = bench.request(1, bench.put("uploads/a"))
    bench.change(job, "FAILURE")
    for key in (chunk(), TRANSCRIPT, "dead-letters/x"):
        bench.put(key)
    bench.now += 4000 * DAY
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT, "dead-letters/x"}
    bench.close()


def test_unknown_keys_and_results_for_users_are_never_touched(bench: Bench) -> None:
    for key in ("gateway/session-secret", "promised-uploads/x.json", "notes.txt"):
        bench.put(key)
    bench.put("a.wav.txt", bucket=bench.settings.results_bucket)
    bench.put("a.wav", bucket=bench.settings.uploads_bucket)
    bench.now += 4000 * DAY
    bench.sweep()
    assert len(bench.stored()) == 3
    assert bench.stored(bench.settings.results_bucket) == {"a.wav.txt"}
    assert bench.stored(bench.settings.uploads_bucket) == {"a.wav"}


def test_direct_uploads_go_as_other_uploads(bench: Bench) -> None:
    key = f"{keys.DIRECT_UPLOADS}{digest(1)}"
    job = bench.request(1, bench.put(key, bucket=bench.settings.uploads_bucket))
    bench.change(job, "SUCCESS")
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored(bench.settings.uploads_bucket) == set()


def test_half_written_files_of_dead_writers_go_after_a_day(bench: Bench) -> None:
    folder = bench.store.folder(bench.settings.work_bucket)
    dead, alive = (folder / f".murmur-{name}.part" for name in ("dead", "alive"))
    for path in (dead, alive):
        path.write_bytes(b"half")
    with alive.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        bench.sweep()
        assert (dead.exists(), alive.exists()) == (True, True)
        bench.now += 2 * DAY
        found = bench.sweep().figures["temporary"]
        assert (dead.exists(), alive.exists()) == (False, True)
    assert (found.stored.files, found.stored.size_bytes, found.removed_files, found.removed_bytes) == (1, 4, 1, 4)


def test_a_dry_round_says_what_it_would_remove_and_removes_nothing(bench: Bench) -> None:
    finished(bench)
    bench.now += 2 * DAY
    figures = bench.sweep(is_dry=True).figures
    assert bench.stored() == {"uploads/a", chunk(), TRANSCRIPT}
    assert {name: found.removed_files for name, found in figures.items() if found.removed_files} == {"uploads": 1, "chunks": 1}
    figures = bench.sweep().figures
    assert {name: found.removed_bytes for name, found in figures.items() if found.removed_bytes} == {"uploads": 10, "chunks": 10}


def test_a_dry_round_counts_what_is_too_old_and_beyond_the_limit_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_chunks_bytes=15)
    for number, age in enumerate((25 * HOUR, 3 * HOUR, 2 * HOUR)):
        bench.put(chunk(slices=number))
        bench.age(chunk(slices=number), age)
    dry, figures = (bench.sweep(is_dry=is_dry).figures["chunks"] for is_dry in (True, False))
    assert (dry.stored.files, dry.removed_files, dry.removed_bytes) == (3, 2, 20)
    assert (figures.stored.files, figures.removed_files, figures.removed_bytes) == (1, 2, 20)
    bench.close()


def test_figures_say_what_is_stored_after_the_round(bench: Bench) -> None:
    finished(bench)
    bench.now += 2 * DAY
    figures = bench.sweep().figures
    oldest_s = bench.store.head(bench.settings.work_bucket, TRANSCRIPT).modified_at.timestamp()
    assert figures["transcripts"] == Figures(Amount(1, 10, oldest_s))
    assert figures["uploads"] == Figures(Amount(), 1, 10)


def test_jobs_are_counted_as_the_newest_record_of_each(bench: Bench) -> None:
    first, second, waiting = (bench.request(number, bench.put("uploads/a")) for number in (1, 2, 3))
    bench.change(first, "STARTED")
    bench.change(first, "SUCCESS")
    oldest_s = bench.now.timestamp()
    bench.now += HOUR
    bench.change(second, "FAILURE")
    found = bench.sweep().figures["jobs"]
    assert (found.stored.files, found.stored.oldest_s) == (2, oldest_s), f"{waiting} has no record yet"
    bench.forget(second)
    left = bench.sweep().figures["jobs"]
    assert left.stored.files == 1
    assert found.stored.size_bytes == 2 * left.stored.size_bytes > 0, "SUCCESS and FAILURE are of the same length"
    bench.forget(first)
    assert bench.sweep(is_dry=True).figures["jobs"] == Figures()


def test_more_items_than_a_page_are_all_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.retention.listing.PAGE", 3)
    monkeypatch.setattr("sinks.retention.sweeper.LISTED_AT_A_TIME", 4)
    for number in range(10):
        bench.put(chunk(slices=number))
    bench.now += 2 * DAY
    bench.sweep()
    assert bench.stored() == set()
