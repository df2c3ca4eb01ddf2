"""Limits of bytes: what goes first, and what stays whatever its size."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.objects import keys
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import EarlierVersion
from runtime.retention import KINDS
from runtime.settings import Settings
from schemas.record import ObjectRef
from sinks.retention.sweeper import REFUSED_MAX
from tests.unit.sinks.retention.bench import DAY, HOUR, Bench, answer, chunk, digest

TRANSCRIPT = keys.transcript_key(digest(1))
BY_AGE_ALONE = {
    "contents": [{keys.content_key(digest(number))} for number in (1, 2)],
    "corrections": [answer(number) for number in (1, 2)],
    "dead_letters": [{keys.dead_letter_key(f"jobs-0@{number}~store")} for number in (1, 2)],
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_every_kind_has_an_age_and_a_limit_of_bytes() -> None:
    names = {name for kind in KINDS for name in (kind.age, kind.size)}
    assert names <= Settings.model_fields.keys()


@pytest.mark.parametrize("kind", BY_AGE_ALONE)
def test_of_too_many_bytes_the_oldest_go_first(tmp_path: Path, kind: str) -> None:
    older, newer = BY_AGE_ALONE[kind]
    bench = Bench(tmp_path, **{f"retention_{kind}_bytes": 25})
    for keys_of_one, age in ((newer, HOUR), (older, 2 * HOUR)):
        for key in keys_of_one:
            bench.put(key, 20 // len(older))
            bench.age(key, age)
    bench.sweep()
    assert bench.stored() == newer
    bench.close()


def test_of_too_many_half_written_files_the_oldest_go_unless_somebody_writes_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_temporary_bytes=25)
    folder = bench.store.folder(bench.settings.work_bucket)
    for name, age in {"alive": 5 * HOUR, "oldest": 4 * HOUR, "older": 3 * HOUR, "old": 2 * HOUR, "new": HOUR / 2}.items():
        (folder / f".murmur-{name}.part").write_bytes(b"half" * 2)
        bench.age(f".murmur-{name}.part", age)
    with (folder / ".murmur-alive.part").open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        bench.sweep()
    assert {path.name for path in folder.iterdir()} == {f".murmur-{name}.part" for name in ("alive", "old", "new")}
    bench.settings = bench.settings.model_copy(update={"retention_temporary_bytes": 1})
    bench.sweep()
    assert {path.name for path in folder.iterdir()} == {".murmur-new.part"}
    bench.close()


class Refusing(DirectoryStore):
    """A store with earlier versions, of which it lets none go."""

    versions: Sequence[EarlierVersion] = ()
    asked = 0

    def earlier_versions(self, bucket: str, prefixes: Sequence[str]) -> Iterator[EarlierVersion]:
        return (each for each in self.versions if each.bucket == bucket and each.key.startswith(tuple(prefixes)))

    def remove_version(self, which: EarlierVersion) -> bool:
        self.asked += 1
        return False


def test_a_store_that_lets_no_version_go_is_asked_a_few_times_and_they_are_counted(bench: Bench) -> None:
    store = Refusing({name: bench.store.folder(name) for name in ("work", "uploads", "results")})
    bench.store = store
    names = [keys.transcript_key(digest(number)) for number in range(REFUSED_MAX + 5)]
    store.versions = [EarlierVersion("work", key, "v", bench.now - 2 * DAY, 3) for key in (*names, "others")]
    found = bench.sweep().figures["versions"]
    assert (found.stored.files, found.removed_files, found.left_files) == (len(names), 0, REFUSED_MAX)
    assert store.asked == REFUSED_MAX
    assert bench.sweep(is_dry=True).figures["versions"].removed_files == len(names)


def test_what_is_younger_than_the_margin_stays_whatever_its_size(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_chunks_bytes=1)
    bench.put(chunk(), 1000)
    bench.now += timedelta(minutes=5)
    bench.sweep()
    assert bench.stored() == {chunk()}
    bench.close()


def test_beyond_the_limit_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_chunks_bytes=250, retention_chunks_s=0)
    needed = bench.request(1, bench.put("uploads/a"), slices=1)
    for number in (1, 2, 3, 4):
        bench.put(chunk(slices=number), 100)
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(slices=1), chunk(slices=4)}, "that of the unfinished job is the oldest"
    bench.change(needed, "SUCCESS")
    bench.sweep()
    assert bench.stored() == {"uploads/a", chunk(slices=1), chunk(slices=4)}, "it is within the limit"
    bench.close()


def test_the_limit_of_transcripts_spares_those_of_the_cache(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention_transcripts_bytes=1)
    bench.cache(1)
    for number in (1, 2):
        bench.put(keys.transcript_key(digest(number)))
    bench.now += HOUR
    bench.sweep()
    assert bench.stored() == {TRANSCRIPT}
    bench.close()


def test_more_than_a_page_goes_in_the_order_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.retention.listing.PAGE", 2)
    bench = Bench(tmp_path, retention_transcripts_bytes=20, retention_transcripts_s=0)
    order = [4, 1, 5, 3, 2, 6, 7]
    for place, work in enumerate(order):
        bench.put(keys.transcript_key(digest(work)), 10)
        os.utime(tmp_path / "store" / "work" / keys.transcript_key(digest(work)), (1000.0 + place,) * 2)
    found = bench.sweep().figures["transcripts"]
    assert bench.stored() == {keys.transcript_key(digest(work)) for work in order[-2:]}
    assert (found.stored, found.removed_files) == ((2, 20, 1005.0), 5)
    bench.close()


def test_what_a_new_job_names_stays_although_much_was_removed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry of an old job, while the sweep removes what was used before it."""
    monkeypatch.setattr("sinks.retention.listing.PAGE", 1)
    bench = Bench(tmp_path, retention_uploads_bytes=1, retention_uploads_s=0)
    for number, name in enumerate("abc", 1):
        job = bench.request(number, bench.put(f"uploads/{name}"))
        bench.change(job, "SUCCESS")
        bench.now += HOUR
        bench.age(f"uploads/{name}", HOUR)
    bench.now += 4 * HOUR

    def retry_when_one_is_gone() -> None:
        if "uploads/a" not in bench.stored():
            bench.request(4, ObjectRef(bucket=bench.settings.work_bucket, key="uploads/b"))

    bench.late = [retry_when_one_is_gone] * 10
    bench.sweep()
    assert bench.stored() == {"uploads/b"}
    bench.close()
