"""What a writer that has died left in a store is found and removed by the retention stage, whichever store it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.objects.directory import DirectoryUpload
from runtime.objects.s3 import PART_BYTES
from runtime.objects.store import ObjectStore
from runtime.settings import Settings
from sinks.retention.ledger import Ledger
from sinks.retention.sweeper import Figures, Round
from tests.contract.test_objects import BACKENDS, Backend

pytestmark = pytest.mark.contract


@pytest.fixture(params=BACKENDS)
def objects(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with BACKENDS[request.param](request) as backend:
        yield backend


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite3", "work")
    made.open()
    yield made
    made.close()


def abandon(store: ObjectStore, bucket: str, key: str) -> None:
    """As a killed process does."""
    upload = store.upload(bucket, key)
    upload.write(bytes(PART_BYTES + 1))
    if isinstance(upload, DirectoryUpload):
        upload._file.close()


def test_what_a_dead_writer_left_is_removed_after_its_time_and_nothing_else(objects: Backend, ledger: Ledger) -> None:
    store, bucket = objects.store, objects.bucket
    settings = Settings(_env_file=None, uploads_bucket=bucket, work_bucket=bucket, results_bucket=bucket)

    def swept_after(age: timedelta, *, is_dry: bool = False) -> Figures:
        each = Round(store, settings, ledger, lambda: None, now=lambda: datetime.now(UTC) + age, is_dry=is_dry)
        for _ in each.steps():
            pass
        return each.figures["temporary"]

    store.put(bucket, "folder/whole.wav", b"speech")
    for key in ("half.wav", "folder/half.wav"):
        abandon(store, bucket, key)
    assert sorted(each.key.rpartition("/")[0] for each in store.unfinished(bucket)) == ["", "folder"]

    young, dry = swept_after(timedelta(hours=23)), swept_after(timedelta(hours=25), is_dry=True)
    assert (young.stored.files, young.removed_files) == (2, 0)
    assert (dry.stored.files, dry.removed_files) == (2, 2)
    assert dry.stored.size_bytes >= 2 * PART_BYTES, "the parts that have arrived"
    assert len(list(store.unfinished(bucket))) == 2

    half = list(store.unfinished(bucket))
    assert swept_after(timedelta(hours=25)).removed_files == 2
    for each in half:
        store.remove_unfinished(each)  # as if another replica was faster
    assert list(store.unfinished(bucket)) == []
    assert [info.key for info in store.list(bucket)] == ["folder/whole.wav"]
