"""The coordinator's tables by themselves: what an entry looks like in its changelog, what is indexed, what is forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from processors.coordinator.entries import CHANGELOGS, Change, JobState, TableName
from processors.coordinator.tables import EXPIRED_MAX, JobLimits, Tables
from runtime.errors import MurmurError
from schemas.jobs import Job

NOW = datetime(2026, 11, 21, 12, 0, 0, 120, tzinfo=UTC)
WORK = "a" * 64
JOB = Job(job_id=UUID(int=1), source="http", filename="talk.wav", submitted_at=NOW)
WAITING = JobState(WORK, "PENDING", JOB)
ENDED = JobState(WORK, "SUCCESS", ended_at=NOW)


def raw(table: TableName, value: Any) -> bytes:
    written = Change(table, "key", value).output(0).value
    assert isinstance(written, bytes)
    return written


def read(table: TableName, value: bytes) -> Any:
    return Change.read(CHANGELOGS[table].name, b"key", value).value


def tables(*changes: Change) -> Tables:
    made = Tables()
    for change in changes:
        made.apply(change)
    return made


def test_an_ended_job_is_written_as_earlier_versions_wrote_it_with_the_size_of_its_record() -> None:
    earlier = f'{{"work_id":"{WORK}","state":"SUCCESS","job":null,"ended_at":"2026-11-21T12:00:00.000120Z","unannounced":false'
    assert raw("jobs", ENDED).decode() == f'{earlier},"record_bytes":0}}'
    assert read("jobs", f"{earlier}}}".encode()) == ENDED


@pytest.mark.parametrize("state", [WAITING, ENDED, JobState(WORK, "REVOKED", None, NOW, True, 900)])
def test_a_job_is_read_as_it_was_written(state: JobState) -> None:
    assert read("jobs", raw("jobs", state)) == state


def test_a_field_of_a_newer_version_is_accepted() -> None:
    assert read("jobs", orjson.dumps(orjson.loads(raw("jobs", ENDED)) | {"newer": 1})) == ENDED


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("works", b"{}"),
        ("chunks", b'{"result": 1}'),
        ("cache", b"\xff not JSON"),
        ("jobs", b"\xff not JSON"),
        ("jobs", b"[]"),
        ("jobs", b"{}"),
        ("jobs", raw("jobs", ENDED).replace(b"SUCCESS", b"UNHEARD OF")),
        ("jobs", raw("jobs", ENDED).replace(b"2026", b"last year")),
        ("jobs", raw("jobs", WAITING).replace(b"http", b"pigeon")),
    ],
)
def test_an_entry_that_cannot_be_read_is_an_error_that_names_it(table: TableName, value: bytes) -> None:
    with pytest.raises(MurmurError, match=f"the entry b'key' of {CHANGELOGS[table].name} cannot be read: .+"):
        read(table, value)


def test_a_job_waits_until_it_has_ended() -> None:
    found = tables(Change("jobs", "one", WAITING), Change("jobs", "two", WAITING))
    found.apply(Change("jobs", "one", ENDED))
    assert list(found.jobs_waiting(WORK)) == [("two", JOB)]
    found.apply(Change("jobs", "two", ENDED))
    assert list(found.jobs_waiting(WORK)) == []
    assert found.waiting == {}
    assert list(found.ended) == ["one", "two"]


def test_what_may_expire_is_returned_and_not_yet_deleted() -> None:
    found = tables(Change("jobs", "one", ENDED))
    later = NOW + timedelta(days=1)
    expired = found.forgotten(later, JobLimits(3600))
    assert [(change.table, change.key, change.value) for change in expired] == [("jobs", "one", None)]
    assert found.forgotten(later, JobLimits(3600)) == expired
    for change in expired:
        found.apply(change)
    assert (found.jobs, list(found.ended)) == ({}, [])


def test_a_job_that_expired_and_is_requested_again_does_not_expire_while_it_waits() -> None:
    found = tables(Change("jobs", "one", ENDED), Change("jobs", "one", None), Change("jobs", "one", WAITING))
    assert found.forgotten(NOW + timedelta(days=30), JobLimits(3600)) == []


def sized(size_bytes: int) -> JobState:
    return JobState(WORK, "SUCCESS", ended_at=NOW, record_bytes=size_bytes)


def test_the_size_of_records_is_that_of_the_jobs_that_are_there() -> None:
    found = tables(Change("jobs", "one", sized(900)), Change("jobs", "two", sized(800)), Change("jobs", "three", WAITING))
    assert found.ended_bytes == 1700
    restored = Tables()
    for key in ("one", "two"):
        restored.restore(CHANGELOGS["jobs"].name, key.encode(), raw("jobs", found.jobs[key]))
    assert restored.ended_bytes == 1700
    for change in (Change("jobs", "one", None), Change("jobs", "two", sized(700))):
        found.apply(change)
    assert found.ended_bytes == 700
    found.apply(Change("jobs", "two", WAITING))
    assert found.ended_bytes == 0


def test_an_entry_that_changes_only_in_size_keeps_its_place() -> None:
    found = tables(Change("jobs", "one", sized(900)), Change("jobs", "two", sized(800)), Change("jobs", "one", sized(0)))
    assert (list(found.ended), found.ended_bytes) == (["one", "two"], 800)
    found.apply(Change("jobs", "one", JobState(WORK, "SUCCESS", ended_at=NOW + timedelta(seconds=1))))
    assert list(found.ended) == ["two", "one"]


@pytest.mark.parametrize(
    ("most_bytes", "gone"), [(0, []), (300, []), (299, ["0"]), (200, ["0"]), (199, ["0", "1"]), (1, ["0", "1", "2"])]
)
def test_of_records_that_are_too_large_together_the_oldest_expire_but_none_that_is_remembered(
    most_bytes: int, gone: list[str]
) -> None:
    found = tables(*(Change("jobs", str(number), sized(100)) for number in range(3)))
    limits = JobLimits(7200, 3600, size_bytes=most_bytes)
    assert found.forgotten(NOW + timedelta(seconds=3600), limits) == []
    assert [change.key for change in found.forgotten(NOW + timedelta(seconds=3601), limits)] == gone


def test_one_event_expires_a_bounded_number() -> None:
    found = tables(*(Change("jobs", str(n), ENDED) for n in range(EXPIRED_MAX + 1)))
    assert len(found.forgotten(NOW + timedelta(days=1), JobLimits(3600))) == EXPIRED_MAX
