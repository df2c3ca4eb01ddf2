"""`murmur clean` on the data of a stopped `murmur dev`."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from murmur.cli.clean import lines
from murmur.dev.cleaning import sweep_data
from murmur.dev.system import locked, store_of, with_folders
from producers.gateway.view.view import View, view_path
from runtime.errors import UsageError
from runtime.kafka.messages import Partition, Received
from runtime.objects.keys import transcript_key
from runtime.retention import KINDS, job_bytes
from runtime.settings import Settings
from schemas import codec
from schemas.cache import CacheEntry
from schemas.jobs import Job, JobChanged
from schemas.options import ModelRef
from schemas.record import ObjectRef
from schemas.topics import CACHE_CHANGELOG, JOBS
from sinks.retention.sweeper import Figures

DROPPED = ObjectRef(bucket="uploads", key="a.wav", etag="1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a data folder with an upload of which no job is known, a month old."""
    settings = with_folders(Settings(model="demo", data_dir=tmp_path))
    store = store_of(settings)
    store.create()
    store.put(settings.work_bucket, "uploads/a", b"12345")
    long_ago_s = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    os.utime(tmp_path / "work" / "uploads" / "a", (long_ago_s, long_ago_s))
    return settings


def test_a_dry_run_says_what_a_run_removes(settings: Settings) -> None:
    found = [sweep_data(settings, is_dry=is_dry) for is_dry in (True, False, False)]
    assert [each["uploads"].removed_files for each in found] == [1, 1, 0]
    table = list(lines(found[0], is_dry=True))
    assert table[0].split() == ["kind", "stored", "bytes", "to", "remove", "bytes"]
    assert [line.split() for line in table if line.startswith("uploads")] == [["uploads", "1", "5", "1", "5"]]


def test_versions_that_the_store_does_not_let_go_are_mentioned() -> None:
    found = {kind.name: Figures() for kind in KINDS}
    assert len(list(lines(found, is_dry=False))) == 1 + len(KINDS)
    found["versions"].left_files = 1
    assert list(lines(found, is_dry=False))[-1].startswith("versions: not all could be removed")


def test_a_transcript_that_the_cache_answers_with_stays(settings: Settings, tmp_path: Path) -> None:
    """Too many bytes, and no job: all the same, the next `murmur dev` answers with it."""
    cached, other = "a" * 64, "b" * 64
    for work_id in (cached, other):
        store_of(settings).put(settings.work_bucket, transcript_key(work_id), b"{}")
        os.utime(tmp_path / "work" / transcript_key(work_id), (0, 0))
    with closing(View(view_path(settings), embedded=True)) as view:
        view.open()
        entry, partition = CacheEntry(datetime.now(UTC), 2).written(transcript_key(cached)), Partition(CACHE_CHANGELOG.name, 0)
        view.apply([Received(partition, 0, cached.encode(), entry, None)], {partition: 1})
    small = settings.model_copy(update={"retention_transcripts_bytes": 1})
    assert sweep_data(small, is_dry=False)["transcripts"].removed_files == 1
    assert (tmp_path / "work" / transcript_key(cached)).exists()
    off = settings.model_copy(update={"cache_enabled": False})
    assert sweep_data(off, is_dry=False)["transcripts"].removed_files == 1


def test_the_records_of_jobs_are_counted_without_those_of_deleted_ones(settings: Settings) -> None:
    with closing(View(view_path(settings), embedded=True)) as view:
        view.open()
        for number in (1, 2):
            job = Job(job_id=UUID(int=number), source="drop", filename="a.wav", submitted_at=datetime.now(UTC), dropped=DROPPED)
            facts = {"work_id": "a" * 64, "audio_id": "b" * 64, "model": ModelRef(name="demo", revision="1"), "state": "SUCCESS"}
            changed = JobChanged.model_validate({"job": job, **facts, "changed_at": datetime.now(UTC)})
            partition = Partition(JOBS.name, 0)
            received = Received(partition, number, changed.subject.encode(), codec.encode(changed), changed)
            view.apply([received], {partition: number + 1})
        view.forget([str(UUID(int=2))])
        assert len(list(view.jobs.records())) == 2, "the note which file it was"
    found = sweep_data(settings, is_dry=True)["jobs"].stored
    assert (found.files, found.size_bytes) == (1, job_bytes(changed))


def test_data_in_use_are_left_alone(settings: Settings) -> None:
    with locked(settings.data_dir), pytest.raises(UsageError, match="is in use by another murmur"):
        sweep_data(settings, is_dry=False)
