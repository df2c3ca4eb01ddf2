"""What the reconciler takes for missing, and the event that it writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processors.intake.events import Dropped, normalise
from producers.announcer import created
from producers.reconciler import Ledger, build
from runtime.errors import UsageError
from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ledger() -> Ledger:
    return Ledger(lookback=timedelta(days=7), grace=timedelta(seconds=10))


def listed(key: str, age: timedelta = HOUR, etag: str = "1") -> ObjectInfo:
    return ObjectInfo("uploads", key, 6, etag, NOW - age)


def missing(ledger: Ledger, *listing: ObjectInfo, now: datetime = NOW) -> list[str]:
    return [info.key for info in ledger.missing(listing, now)]


def test_an_object_without_a_job_is_missing() -> None:
    assert missing(ledger(), listed("a.wav"), listed("b.wav")) == ["a.wav", "b.wav"]


def test_an_object_that_has_a_job_is_not_missing_but_its_next_version_is() -> None:
    known = ledger()
    known.requested(listed("a.wav").ref, NOW)
    assert missing(known, listed("a.wav")) == []
    assert missing(known, listed("a.wav", etag="2")) == ["a.wav"]


def test_a_version_id_that_is_missing_in_a_listing_changes_nothing() -> None:
    known = ledger()
    known.requested(listed("a.wav").ref.model_copy(update={"version_id": "v1"}), NOW)
    assert missing(known, listed("a.wav")) == []


def test_an_object_is_announced_once() -> None:
    known = ledger()
    known.announced(listed("a.wav"), NOW)
    assert missing(known, listed("a.wav"), now=NOW + HOUR) == []


def test_the_event_of_a_young_object_may_still_be_on_its_way() -> None:
    young = listed("a.wav", age=timedelta(seconds=9))
    assert missing(ledger(), young) == []
    assert missing(ledger(), young, now=NOW + timedelta(seconds=1)) == ["a.wav"]


def test_objects_older_than_the_lookback_are_ignored() -> None:
    assert missing(ledger(), listed("old.wav", age=timedelta(days=7, seconds=1)), listed("new.wav")) == ["new.wav"]


def test_what_has_expired_is_never_missing_again() -> None:
    known = ledger()
    known.requested(listed("a.wav").ref, NOW)
    for day in range(1, 30):
        now = NOW + timedelta(days=day)
        known.forget(now)
        assert missing(known, listed("a.wav"), now=now) == []
    assert missing(known, listed("b.wav", age=timedelta(0)), now=NOW + HOUR) == ["b.wav"]


@pytest.mark.parametrize("lookback_s", [100, 101])
def test_a_lookback_longer_than_the_job_memory_is_refused_at_the_start(lookback_s: int) -> None:
    settings = Settings(model="demo", reconcile_lookback_s=lookback_s, job_memory_s=100)
    resources = Resources(settings, Kafka("127.0.0.1:1"), DirectoryStore({}), catalogue.resolve("demo"))
    with pytest.raises(UsageError, match="JOB_MEMORY_S"):
        build(resources)


@pytest.mark.parametrize("key", ["a.wav", "a b+c%20.wav", "calls/Запись 🎙️.wav", "e\u0301\n.wav"])
@pytest.mark.parametrize("dialect", ["auto", "raw", "encoded"])
def test_intake_reads_the_exact_key_from_an_announcement(key: str, dialect: Any) -> None:
    assert normalise(created(listed(key), "reconciler", NOW), dialect) == [Dropped("uploads", (key,))]
