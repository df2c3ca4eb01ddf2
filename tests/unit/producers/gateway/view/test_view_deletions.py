"""How jobs leave the view: deleted by their owner, or forgotten by the coordinator."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from schemas.jobs import CancelRequested
from schemas.topics import JOBS
from tests.unit.producers.gateway.view.test_view import WORK_ID, apply, changed, requested, state


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "view.sqlite3")
    view.open()
    view.follow("cluster-1")
    yield view
    view.close()


def test_a_deleted_job_remains_only_in_the_brokers_retention(view: View) -> None:
    done, kept = uuid4(), uuid4()
    apply(view, requested(done), requested(kept, 1))
    apply(view, changed(done, "SUCCESS"), changed(kept, "FAILURE", 1))

    deletion = CancelRequested(job_id=done, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True)
    apply(view, deletion, deletion)

    assert state(view, done) is None
    assert [job.job_id for job in view.newest(9)] == [kept]
    assert view.counts() == {"FAILURE": 1}
    assert view.request(done) is None
    assert [last.job.job_id for last in view.jobs()] == [done, kept]


def test_a_deletion_may_be_read_before_its_job(view: View) -> None:
    done = uuid4()
    apply(view, CancelRequested(job_id=done, work_id=WORK_ID, requested_at=datetime.now(UTC), delete=True))
    apply(view, requested(done), changed(done, "SUCCESS"))

    assert state(view, done) is None
    assert view.counts() == {}
    assert list(view.unfinished()) == []


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
    assert [job.job_id for job in view.newest(9)] == []
    assert [last.job.job_id for last in view.jobs()] == [deleted]
