"""Earlier versions in buckets that keep them: found, removed at their age, and never what is the object now."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.objects import NotFound, keys
from runtime.objects.s3 import S3Store
from runtime.objects.store import EarlierVersion
from runtime.settings import Settings
from schemas.jobs import Job, JobRequested, Work
from schemas.options import ModelRef
from schemas.record import ObjectRef
from scripts.services.supervisor import Services
from sinks.retention.ledger import Ledger
from sinks.retention.sweeper import Figures, Round
from tests.contract.test_objects import BACKENDS

pytestmark = pytest.mark.contract
FIGURES, CHUNK = keys.STORED_FIGURES, keys.chunk_key("1" * 64, "0-0", (0, 1))


class Versioned:
    """MinIO with a bucket that keeps versions, in all roles; `rounds()` of the retention stage at a later time."""

    def __init__(self, store: S3Store, settings: Settings, folder: Path) -> None:
        self.store, self.settings, self.bucket = store, settings, settings.work_bucket
        self.ledger = Ledger(folder / "ledger.sqlite3", self.bucket)
        self.ledger.open()
        store.client.create_bucket(Bucket=self.bucket)
        store.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, *bodies: bytes) -> None:
        for body in bodies:
            self.store.put(self.bucket, key, body)

    def earlier(self) -> list[EarlierVersion]:
        return list(self.store.earlier_versions(self.bucket, (*keys.OURS, keys.DIRECT_UPLOADS)))

    def everything(self) -> list[tuple[str, str]]:
        """Key and version of objects, earlier versions and delete markers."""
        found: Any = self.store.client.list_object_versions(Bucket=self.bucket)
        return [(each["Key"], each["VersionId"]) for name in ("Versions", "DeleteMarkers") for each in found.get(name, [])]

    def round(self, age: timedelta, *, is_dry: bool = False) -> Figures:
        later = datetime.now(UTC) + age
        each = Round(self.store, self.settings, self.ledger, lambda: None, now=lambda: later, is_dry=is_dry)
        for _ in each.steps():
            pass
        return each.figures["versions"]

    def close(self) -> None:
        self.ledger.close()
        for key, version_id in self.everything():
            self.store.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        self.store.client.delete_bucket(Bucket=self.bucket)


@pytest.fixture
def versioned(services: Services, tmp_path: Path) -> Iterator[Versioned]:
    bucket = f"versions-{uuid.uuid4().hex}"
    settings = services.minio.settings().model_copy(
        update={"work_bucket": bucket, "uploads_bucket": bucket, "results_bucket": bucket, "retention_transcripts_s": 0}
    )
    made = Versioned(S3Store(settings), settings, tmp_path)
    yield made
    made.close()


def test_earlier_versions_go_at_their_age_and_the_object_stays(versioned: Versioned) -> None:
    versioned.put(FIGURES, b"1", b"22", b"333")
    versioned.put("of others.txt", b"1", b"2")
    assert [(each.key, each.size_bytes) for each in versioned.earlier()] == [(FIGURES, 2), (FIGURES, 1)]
    young, dry = versioned.round(timedelta(hours=23)), versioned.round(timedelta(hours=25), is_dry=True)
    assert (young.stored.files, young.stored.size_bytes, young.removed_files) == (2, 3, 0)
    assert (dry.stored.files, dry.removed_files, dry.removed_bytes) == (2, 2, 3)
    done = versioned.round(timedelta(hours=25))
    assert (done.stored.files, done.removed_files, done.left_files) == (0, 2, 0)
    assert versioned.store.get(versioned.bucket, FIGURES) == b"333"
    assert sorted(key for key, _ in versioned.everything()) == ["of others.txt", "of others.txt", FIGURES]


def test_a_deleted_object_leaves_nothing_after_two_rounds(versioned: Versioned) -> None:
    versioned.put(CHUNK, b"audio")
    versioned.round(timedelta(hours=25))
    assert len(versioned.everything()) == 2, "the chunk has expired: a delete marker, and what it was before"
    assert [each.key for each in versioned.earlier()] == [CHUNK]
    assert versioned.round(timedelta(hours=25)).removed_files == 1
    with pytest.raises(NotFound):
        versioned.store.get(versioned.bucket, CHUNK)
    assert len(versioned.everything()) == 1, "without its marker, while there was an earlier version, it would have come back"
    assert versioned.round(timedelta(hours=25)).removed_files == 1
    assert versioned.everything() == []


def test_a_listing_of_many_pages_finds_the_versions_of_each_key(versioned: Versioned, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [keys.transcript_key(str(number) * 64) for number in range(3)]
    for name in names:
        versioned.put(name, b"1", b"22", b"333")
    versioned.store.delete(versioned.bucket, names[1])
    paginator = versioned.store.client.get_paginator
    calls: Any = lambda name: Paged(paginator(name))  # noqa: E731
    monkeypatch.setattr(versioned.store.client, "get_paginator", calls)
    found = [(each.key, each.size_bytes) for each in versioned.earlier()]
    assert found == [(names[0], 2), (names[0], 1), (names[1], 3), (names[1], 2), (names[1], 1), (names[2], 2), (names[2], 1)]


class Paged:
    """A paginator whose pages have two entries."""

    def __init__(self, paginator: Any) -> None:
        self._paginator = paginator

    def paginate(self, **at: Any) -> Any:
        return self._paginator.paginate(**at, PaginationConfig={"PageSize": 2})


def test_an_earlier_version_of_a_direct_upload_stays_while_a_job_of_it_is_unfinished(versioned: Versioned) -> None:
    upload = keys.direct_upload_key(uuid.UUID(int=1))
    versioned.put(upload, b"first", b"second")
    job = Job(job_id=uuid.UUID(int=1), source="http", filename="a.wav", submitted_at=datetime.now(UTC))
    audio = ObjectRef(bucket=versioned.bucket, key=upload)
    work = Work(work_id="1" * 64, audio_id="2" * 64, slice_id="3" * 64, audio=audio, model=ModelRef(name="demo", revision="1"))
    versioned.ledger.requested(JobRequested(job=job, work=work), datetime.now(UTC).timestamp())
    assert versioned.round(timedelta(hours=25)).stored.files == 1


def test_of_too_many_bytes_what_was_replaced_first_goes_first(versioned: Versioned) -> None:
    versioned.put(FIGURES, b"11111", b"22222", b"33333")
    versioned.settings = versioned.settings.model_copy(update={"retention_versions_bytes": 6})
    assert versioned.round(timedelta(hours=1)).removed_files == 1
    assert len(versioned.earlier()) == 1


@pytest.mark.parametrize("name", BACKENDS)
def test_a_bucket_without_versions_has_no_earlier_ones(name: str, request: pytest.FixtureRequest) -> None:
    with BACKENDS[name](request) as backend:
        for body in (b"1", b"2"):
            backend.store.put(backend.bucket, FIGURES, body)
        assert list(backend.store.earlier_versions(backend.bucket, keys.OURS)) == []
