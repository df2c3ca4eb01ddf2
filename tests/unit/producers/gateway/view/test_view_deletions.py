"""How jobs leave the view: deleted by their owner, or forgotten by the coordinator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from runtime.objects.keys import upload_key
from schemas.jobs import CancelRequested, JobChanged
from schemas.record import ObjectRef
from schemas.topics import JOBS
from tests.unit.producers.gateway.view.test_view import NOON, WORK_ID, apply, changed, requested, state


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "view.sqlite3", notes_s=3600)
    view.open()
    view.follow("cluster-1")
    yield view
    view.close()


def test_of_a_deleted_job_nothing_is_readable(view: View) -> None:
    done, kept = uuid4(), uuid4()
    apply(view, requested(done), requested(kept, 1))
    apply(view, changed(done, "SUCCESS"), changed(kept, "FAILURE", 1))

    deletion = CancelRequested(job_id=done, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True)
    apply(view, deletion, deletion)

    assert state(view, done) is None
    assert [job.job_id for job in view.jobs.newest(9)] == [kept]
    assert view.jobs.counts() == {"FAILURE": 1}
    assert view.jobs.request(done) is None
    assert [last.job.job_id for last in view.jobs.records()] == [kept]


def test_a_deletion_may_be_read_before_its_job(view: View) -> None:
    done = uuid4()
    apply(view, CancelRequested(job_id=done, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True))
    apply(view, requested(done), changed(done, "SUCCESS"))

    assert state(view, done) is None
    assert view.jobs.counts() == {}
    assert list(view.jobs.unfinished()) == []


def test_a_tombstone_removes_its_job_and_keeps_the_note_of_a_deletion(view: View) -> None:
    forgotten, deleted = uuid4(), uuid4()
    apply(view, requested(forgotten), changed(forgotten, "SUCCESS"), requested(deleted), changed(deleted, "SUCCESS"))
    apply(view, CancelRequested(job_id=deleted, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True))
    assert state(view, forgotten) == "SUCCESS"

    partition = Partition(JOBS.name, 0)
    tombstones = [
        Received(partition, 9 + place, str(job_id).encode(), None, None) for place, job_id in enumerate((forgotten, deleted))
    ]
    assert view.apply([*tombstones, *tombstones], {partition: 11}) == {str(forgotten), str(deleted)}

    assert view.get(forgotten) is None
    assert [job.job_id for job in view.jobs.newest(9)] == []
    assert list(view.jobs.records()) == []
    assert rows(view) == [(str(deleted), 1)]


def rows(view: View) -> list[tuple[str, int]]:
    """Every job in the file, and whether it is only a note."""
    return view._file.read("SELECT job_id, deleted > 0 FROM jobs ORDER BY submitted_s")


def dropped(job_id: UUID, key: str) -> JobChanged:
    """A secret in everything but the object's name."""
    ref = ObjectRef(bucket="uploads", key=key, etag="e1")
    last = changed(job_id, "SUCCESS")
    return last.model_copy(update={"job": last.job.model_copy(update={"source": "drop", "dropped": ref, "filename": "secret"})})


@pytest.mark.parametrize("embedded", [True, False])
def test_the_note_of_a_drop_is_kept_where_no_topic_outlives_the_process(tmp_path: Path, embedded: bool) -> None:
    view = View(tmp_path / "other.sqlite3", embedded=embedded, notes_s=3600)
    view.open()
    deleted, forgotten, gone = uuid4(), uuid4(), uuid4()
    apply(view, dropped(deleted, "deleted.wav"), dropped(forgotten, "forgotten.wav"), dropped(gone, "gone.wav"))
    view.delete(deleted, WORK_ID)
    view.forget([str(forgotten), str(gone)])

    assert view.jobs.counts() == {}
    notes = {last.job.dropped.key for last in view.jobs.records() if last.job.dropped is not None}
    assert notes == ({"deleted.wav", "forgotten.wav", "gone.wav"} if embedded else set())
    view.purge(datetime.now(UTC) + timedelta(days=1))
    view.remove_notes([gone])
    assert {row[0] for row in rows(view)} == ({str(deleted), str(forgotten)} if embedded else set())
    assert b"secret" not in b"".join(row[0] or b"" for row in view._file.read("SELECT changed FROM jobs"))
    view.close()


def test_a_record_of_a_deleted_job_that_is_read_late_stays_out(view: View) -> None:
    done = uuid4()
    apply(view, CancelRequested(job_id=done, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True))
    apply(view, requested(done), changed(done, "STARTED"), changed(done, "SUCCESS"))
    assert view._file.read("SELECT requested, changed FROM jobs") == [(None, None)]


def test_notes_are_purged_by_age_with_requests_whose_jobs_were_forgotten_before(view: View) -> None:
    deleted, lost, waiting, running = uuid4(), uuid4(), uuid4(), uuid4()
    apply(view, requested(lost), requested(waiting, 90), requested(running), changed(running, "STARTED"))
    view.delete(deleted, WORK_ID)
    view.purge(NOON + timedelta(days=7, minutes=60))
    assert {row[0] for row in rows(view)} == {str(deleted), str(waiting), str(running)}
    view.purge(datetime.now(UTC) + timedelta(days=1))
    assert {row[0] for row in rows(view)} == {str(running)}


def test_an_upload_is_found_in_its_first_job_also_where_the_request_of_that_is_not_known(view: View) -> None:
    first, other, gone = uuid4(), uuid4(), uuid4()
    apply(view, changed(first, "SUCCESS"), changed(gone, "SUCCESS"))
    apply(view, CancelRequested(job_id=gone, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True))

    def has_audio(job_id: UUID, but: UUID) -> bool:
        return view.jobs.has_audio(upload_key(job_id), but)

    assert has_audio(first, other)
    assert not has_audio(first, first)
    assert not has_audio(gone, other)


def test_an_upload_was_used_when_a_job_with_it_ended_or_was_submitted(view: View) -> None:
    own, waiting, shared = uuid4(), uuid4(), uuid4()
    ended_s, submitted_s = (NOON + timedelta(hours=1)).timestamp(), NOON.timestamp()
    apply(view, requested(waiting), changed(own, "SUCCESS"))
    done = changed(shared, "FAILURE")
    stored = ObjectRef(bucket="work", key="uploads/y")
    apply(view, done.model_copy(update={"job": done.job.model_copy(update={"stored": stored})}), offset=2)

    for key, used_s in ((upload_key(own), ended_s), ("uploads/x", submitted_s), ("uploads/y", ended_s)):
        assert view.jobs.has_upload_since(key, used_s - 1), key
        assert not view.jobs.has_upload_since(key, used_s), key
    for job_id in (own, waiting, shared):
        view.delete(job_id, WORK_ID)
    assert not any(view.jobs.has_upload_since(key, 0.0) for key in (upload_key(own), "uploads/x", "uploads/y"))


def test_notes_are_purged_a_few_at_a_time(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.gateway.view.notes.PURGED_MAX", 2)
    for _ in range(3):
        view.delete(uuid4(), WORK_ID)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert [view.purge(tomorrow), len(rows(view))] == [True, 1]
    assert [view.purge(tomorrow), rows(view)] == [False, []]
