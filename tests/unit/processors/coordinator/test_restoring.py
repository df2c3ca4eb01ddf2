"""The garbage collector never looks through tables that were restored in a process of the coordinator's own."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processors.coordinator.entries import Change
from processors.coordinator.stage import Coordinator, build
from runtime import gc_pause
from runtime.kafka import changelog
from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Partition
from runtime.kafka.offsets import Offsets
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from schemas.cache import CacheEntry
from schemas.topics import CACHE_CHANGELOG, REQUESTS

ENTRY = Change("cache", "ab" * 32, CacheEntry(datetime(2026, 1, 2, tzinfo=UTC), 5000)).output(0)


@pytest.fixture(autouse=True)
def _nothing_kept_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(gc_pause, "_kept_out", False)
    yield
    gc.unfreeze()


@pytest.mark.parametrize("in_process_of_others", [True, False])
def test_restored_tables_are_kept_from_the_garbage_collector_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_process_of_others: bool
) -> None:
    zero = Partition(CACHE_CHANGELOG.name, 0)
    monkeypatch.setattr(changelog, "newest", lambda *_: iter([(zero, str(ENTRY.key).encode(), ENTRY.value)]))
    monkeypatch.setattr(Offsets, "partitions", lambda *_: [zero])
    settings = Settings(data_dir=tmp_path, model="demo")
    local_state = tmp_path if in_process_of_others else None
    resources = Resources(settings, Kafka("127.0.0.1:1"), DirectoryStore({}), catalogue.of(settings), local_state)
    stage = build(resources)
    assert isinstance(stage, Loop)
    coordinator = stage._handler
    assert isinstance(coordinator, Coordinator)

    coordinator.on_assign([Partition(REQUESTS.name, 0)])

    cache = coordinator._tables[0].cache
    assert len(cache) == 1
    assert any(each is cache._packed for each in gc.get_objects()) == in_process_of_others
