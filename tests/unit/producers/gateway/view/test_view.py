"""The view on a real SQLite file, fed with records as the topics hold them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from producers.gateway.view.estimates import RECENT
from producers.gateway.view.job_filter import JobFilter
from producers.gateway.view.layout import LAYOUT
from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from schemas import codec
from schemas.audio import ProbedAudio
from schemas.jobs import CancelRequested, Job, JobChanged, JobRequested, ResultSummary, State, Work
from schemas.options import ModelRef
from schemas.record import Failure, ObjectRef, Record
from schemas.topics import CANCELLATIONS, JOBS, PROGRESS, REQUESTS
from schemas.work import WorkProgressed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODEL = ModelRef(name="demo", revision="1")
AUDIO = ObjectRef(bucket="work", key="uploads/x")
WORK_ID = "c" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway" / "view.sqlite3"


@pytest.fixture
def view(path: Path) -> Iterator[View]:
    view = View(path)
    view.open()
    view.follow("cluster-1")
    yield view
    view.close()


def job(job_id: UUID, minute: int = 0, owner: str = "default") -> Job:
    return Job(job_id=job_id, source="http", filename="a.wav", owner=owner, submitted_at=NOON + timedelta(minutes=minute))


def requested(job_id: UUID, minute: int = 0, owner: str = "default") -> JobRequested:
    work = Work(work_id=WORK_ID, audio_id="a" * 64, slice_id="b" * 64, audio=AUDIO, model=MODEL)
    return JobRequested(job=job(job_id, minute, owner), work=work)


def changed(job_id: UUID, state: State, minute: int = 0) -> JobChanged:
    return JobChanged(
        job=job(job_id, minute),
        work_id=WORK_ID,
        audio_id="a" * 64,
        model=MODEL,
        state=state,
        changed_at=NOON + timedelta(hours=1),
        result=ResultSummary(transcript=AUDIO, language="pt", duration_s=2, speech_s=1) if state == "SUCCESS" else None,
        error=Failure(reason="no_audio", message="it contains no audio") if state == "FAILURE" else None,
    )


TOPIC_OF = {JobRequested: REQUESTS, JobChanged: JOBS, WorkProgressed: PROGRESS, CancelRequested: CANCELLATIONS}


def apply(view: View, *records: Record, offset: int = 0) -> set[str]:
    received = []
    for place, record in enumerate(records, start=offset):
        partition = Partition(TOPIC_OF[type(record)].name, 0)
        received.append(Received(partition, place, None, codec.encode(record), event=record))
    return view.apply(received, {one.partition: one.offset + 1 for one in received})


def state(view: View, job_id: UUID) -> State | None:
    found = view.get(job_id)
    return found.state if found else None


def test_a_request_is_a_pending_job(view: View) -> None:
    job_id = uuid4()
    touched = apply(view, requested(job_id))

    found = view.get(job_id)
    assert touched == {str(job_id)}
    assert found is not None
    assert (found.state, found.work_id, found.job.filename) == ("PENDING", WORK_ID, "a.wav")


def test_an_accepted_request_is_readable_before_the_topic_brings_it(view: View) -> None:
    job_id = uuid4()
    view.accept(requested(job_id))
    assert state(view, job_id) == "PENDING"

    apply(view, changed(job_id, "STARTED"), requested(job_id))

    assert state(view, job_id) == "STARTED"


def with_audio(request: JobRequested) -> JobRequested:
    audio = ProbedAudio(container="wav", codec="pcm_s16le", duration_s=2.0)
    return request.model_copy(update={"job": request.job.model_copy(update={"audio": audio})})


def done(job_id: UUID) -> JobChanged:
    return changed(job_id, "SUCCESS").model_copy(update={"started_at": NOON + timedelta(minutes=59)})


def test_estimates_come_from_ended_jobs_and_the_queue_also_after_a_restart(view: View, path: Path) -> None:
    first, second = uuid4(), uuid4()
    apply(view, with_audio(requested(first)), done(first), with_audio(requested(second)))
    estimate = view.estimates.of(second)
    assert estimate is not None
    assert view.estimates.of(first) is None
    view.close()
    again = View(path)
    again.open()
    assert again.estimates.of(second) == estimate
    assert again.estimates.of(first) is None
    again.close()


def test_after_a_restart_answers_from_the_cache_hide_no_measured_speed(view: View, path: Path) -> None:
    first = uuid4()
    apply(view, done(first), with_audio(requested(first)))
    for minute in range(RECENT):
        answered = changed(uuid4(), "SUCCESS", minute + 1)
        apply(view, answered.model_copy(update={"started_at": NOON, "cached": True}), offset=minute + 2)
    second = uuid4()
    apply(view, with_audio(requested(second)), offset=RECENT + 2)
    view.close()
    again = View(path)
    again.open()
    assert again.estimates.of(second) is not None
    again.close()


def test_a_request_that_is_read_after_the_end_of_its_job_is_not_queued(view: View) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    apply(view, done(first), with_audio(requested(first)), with_audio(requested(second)))
    alone = view.estimates.of(second)
    apply(view, changed(second, "FAILURE"), with_audio(requested(second)), with_audio(requested(third)), offset=3)
    assert view.estimates.of(third) == alone


def test_a_job_follows_its_records(view: View) -> None:
    job_id = uuid4()
    for record in (requested(job_id), changed(job_id, "STARTED"), changed(job_id, "SUCCESS")):
        apply(view, record)

    found = view.get(job_id)
    assert found is not None
    assert found.ended
    assert found.result is not None
    assert found.result.language == "pt"


@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE", "REVOKED"])
@pytest.mark.parametrize("late", ["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"])
def test_a_terminal_state_never_moves(view: View, end: State, late: State) -> None:
    job_id = uuid4()
    apply(view, changed(job_id, end))

    apply(view, requested(job_id), changed(job_id, late))

    assert state(view, job_id) == end


def test_an_unknown_job_is_none(view: View) -> None:
    assert view.get(uuid4()) is None


def test_what_cannot_be_understood_moves_the_offset_and_nothing_else(view: View) -> None:
    partition = Partition(JOBS.name, 3)
    assert view.apply([Received(partition, 8, b"k", b"not json", None)], {partition: 9}) == set()

    assert view.offsets() == {partition: 9}
    assert view.jobs.counts() == {}


def test_newest_first_filtered_by_state_and_owner(view: View) -> None:
    ids = [uuid4() for _ in range(4)]
    apply(view, *(requested(job_id, minute, "ana" if minute % 2 else "default") for minute, job_id in enumerate(ids)))
    apply(view, changed(ids[0], "FAILURE"))

    assert [found.job_id for found in view.jobs.newest(3)] == [ids[3], ids[2], ids[1]]
    assert [found.job_id for found in view.jobs.newest(9, JobFilter(states=("FAILURE",)))] == [ids[0]]
    assert [found.job_id for found in view.jobs.newest(9, JobFilter(owner="ana"))] == [ids[3], ids[1]]
    assert view.jobs.counts() == {"PENDING": 3, "FAILURE": 1}
    assert view.jobs.counts("ana") == {"PENDING": 2}


def test_rows_and_offsets_outlive_the_process(view: View, path: Path) -> None:
    job_id = uuid4()
    apply(view, requested(job_id), offset=41)
    view.close()

    again = View(path)
    again.open()
    start = again.follow("cluster-1")

    assert start == {Partition(REQUESTS.name, 0): 42}
    assert state(again, job_id) == "PENDING"
    assert again.caught_up({Partition(REQUESTS.name, 0): 42})
    again.close()


def test_caught_up_means_every_partition_was_read_to_its_end(view: View) -> None:
    ends = {Partition(REQUESTS.name, 0): 1, Partition(REQUESTS.name, 1): 0}
    assert not view.caught_up(ends)

    apply(view, requested(uuid4()))

    assert view.caught_up(ends)
    assert not view.caught_up({Partition(REQUESTS.name, 0): 2})


def test_offsets_that_only_pass_control_records_are_kept(view: View) -> None:
    partition = Partition(JOBS.name, 0)
    view.apply([], {partition: 7})

    assert view.caught_up({partition: 7})
    assert view.offsets() == {partition: 7}


def test_progress_has_no_offsets_since_it_is_read_again_after_a_restart(view: View) -> None:
    progressed = WorkProgressed(work_id=WORK_ID, run="0-1", span=(0, 16000), share=0.5, segments=())
    assert apply(view, progressed) == {WORK_ID}

    assert view.progress.of(WORK_ID).share == 0.5
    assert view.offsets() == {}


def test_progress_is_dropped_when_the_work_has_ended_and_kept_when_one_of_its_jobs_was_cancelled(view: View) -> None:
    apply(view, WorkProgressed(work_id=WORK_ID, run="0-1", span=(0, 16000), share=0.5, segments=()))
    apply(view, changed(uuid4(), "REVOKED"))
    assert view.progress.of(WORK_ID).share == 0.5

    apply(view, changed(uuid4(), "SUCCESS"))

    assert view.progress.of(WORK_ID).share == 0.0


def test_another_cluster_is_read_from_the_beginning_and_replaces_what_it_does_not_have(view: View) -> None:
    lost, kept, failed = uuid4(), uuid4(), uuid4()
    apply(view, requested(lost), requested(kept), changed(failed, "FAILURE"))

    assert view.follow("cluster-2") == {}
    apply(view, requested(kept), requested(failed), changed(failed, "SUCCESS"))
    assert state(view, lost) == "PENDING"  # until the new cluster was read to its end
    view.settled()

    assert [state(view, job_id) for job_id in (lost, kept, failed)] == [None, "PENDING", "SUCCESS"]


def test_an_end_is_kept_while_another_cluster_still_has_the_beginning(view: View) -> None:
    job_id = uuid4()
    apply(view, changed(job_id, "SUCCESS"))

    view.follow("cluster-2")
    apply(view, requested(job_id), changed(job_id, "STARTED"))
    view.settled()

    assert state(view, job_id) == "SUCCESS"


def test_the_records_that_a_fresh_broker_is_seeded_from(view: View) -> None:
    done, running, waiting = uuid4(), uuid4(), uuid4()
    apply(view, *(requested(job_id, minute) for minute, job_id in enumerate((done, running, waiting))))
    apply(view, changed(done, "SUCCESS", 0), changed(running, "STARTED", 1))

    cancellation = CancelRequested(job_id=waiting, work_id=WORK_ID, requested_at=datetime.now(UTC))
    view.cancel(cancellation)

    unfinished = [(requested.job.job_id, cancelled) for requested, cancelled in view.jobs.unfinished()]
    known = [(last.job.job_id, last.state) for last in view.jobs.records()]

    assert unfinished == [(running, None), (waiting, cancellation)]
    assert known == [(done, "SUCCESS"), (running, "STARTED")]


# What later layouts have and the earlier one had not
SINCE_11 = "DROP INDEX jobs_by_audio; CREATE INDEX jobs_by_audio ON jobs (audio) WHERE audio IS NOT NULL;"
SINCE_10 = """
DROP TRIGGER job_added; DROP TRIGGER job_removed; DROP TRIGGER job_hidden; DROP TRIGGER job_changed;
DROP TRIGGER entry_added; DROP TRIGGER entry_removed; DROP TRIGGER entry_changed;
DROP TABLE cache_clearing; DROP TABLE job_counts; DROP TABLE cache_counts;
DROP INDEX jobs_by_audio; ALTER TABLE jobs DROP COLUMN audio;
DROP INDEX jobs_by_end; ALTER TABLE jobs DROP COLUMN ended_s;
DROP INDEX jobs_listed; DROP INDEX jobs_of_owner; DROP INDEX jobs_noted;
CREATE INDEX jobs_by_state ON jobs (state, submitted_s);
CREATE INDEX jobs_listed ON jobs (submitted_s, job_id, state, owner, model, name, deleted);
CREATE INDEX jobs_counted ON jobs (owner, state, cached, submitted_s, deleted);
"""
SINCE_9 = "DROP TABLE webhook_resends;"
SINCE_8 = "DROP TABLE dead_letters;"
SINCE_7 = "DROP TABLE cache;"
SINCE_6 = "DROP TABLE webhook_endpoints; DROP TABLE webhook_attempts;"
SINCE_5 = """
DROP INDEX jobs_by_batch; ALTER TABLE jobs DROP COLUMN batch_id;
DROP INDEX jobs_by_key; ALTER TABLE jobs DROP COLUMN idempotency;
"""
SINCE_4 = """
DROP INDEX jobs_listed; DROP INDEX jobs_counted;
ALTER TABLE jobs DROP COLUMN model; ALTER TABLE jobs DROP COLUMN name; ALTER TABLE jobs DROP COLUMN cached;
CREATE INDEX jobs_by_owner ON jobs (owner, submitted_s);
CREATE INDEX jobs_by_time ON jobs (submitted_s);
"""
SINCE_3 = "DROP INDEX jobs_by_work; ALTER TABLE jobs DROP COLUMN deleted;"
SINCE_2 = "ALTER TABLE jobs DROP COLUMN cancelled;"
SINCE = {
    11: SINCE_11,
    10: SINCE_10,
    9: SINCE_9,
    8: SINCE_8,
    7: SINCE_7,
    6: SINCE_6,
    5: SINCE_5,
    4: SINCE_4,
    3: SINCE_3,
    2: SINCE_2,
}


@pytest.mark.parametrize("layout", range(1, LAYOUT))
def test_a_file_of_an_earlier_layout_keeps_its_jobs(tmp_path: Path, layout: int) -> None:
    path, waiting, done = tmp_path / "view.sqlite3", uuid4(), uuid4()
    with closing(View(path)) as view:
        view.open()
        view.accept(requested(waiting))
        apply(view, changed(done, "SUCCESS").model_copy(update={"cached": True}))
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript("".join(SINCE[later] for later in range(LAYOUT, layout, -1)))
        sql.execute(f"PRAGMA user_version = {layout}")
    with closing(View(path)) as view:
        view.open()
        assert state(view, waiting) == "PENDING"
        assert {job.job_id for job in view.jobs.newest(9, JobFilter(model="demo", text="A.wav"))} == {waiting, done}
        assert [job.cached for job in view.jobs.newest(9, JobFilter(states=("SUCCESS",)))] == [True]
        view.cancel(CancelRequested(job_id=waiting, work_id=WORK_ID, requested_at=datetime.now(UTC)))
        view.delete(waiting, WORK_ID)
        assert state(view, waiting) is None


def named(name: str, model: str = "demo", minute: int = 0) -> JobRequested:
    request = requested(uuid4(), minute)
    model_ref = ModelRef(name=model, revision="1")
    return request.model_copy(
        update={
            "job": request.job.model_copy(update={"filename": name}),
            "work": request.work.model_copy(update={"model": model_ref}),
        }
    )


@pytest.mark.parametrize(
    ("which", "names"),
    [
        (JobFilter(text="REUNIÃO"), ["Reunião.wav"]),
        (JobFilter(text="100%_"), ["100%_sure.wav"]),
        (JobFilter(model="base"), ["100%_sure.wav"]),
        (JobFilter(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2)), ["100%_sure.wav"]),
        (JobFilter(states=("STARTED", "FAILURE")), ["third.wav"]),
        (JobFilter(states=("PENDING", "FAILURE"), text="wav"), ["third.wav", "100%_sure.wav", "Reunião.wav"]),
        (JobFilter(owner="ana"), []),
    ],
)
def test_every_condition_of_a_filter_counts(view: View, which: JobFilter, names: list[str]) -> None:
    third = named("third.wav", minute=2)
    apply(view, named("Reunião.wav"), named("100%_sure.wav", "base", 1), third)
    apply(view, changed(third.job.job_id, "FAILURE").model_copy(update={"job": third.job}), offset=3)
    assert [job.filename for job in view.jobs.newest(9, which)] == names


def test_jobs_of_the_same_moment_are_listed_once_page_by_page(view: View) -> None:
    ids = {uuid4() for _ in range(5)}
    apply(view, *(requested(job_id) for job_id in ids))
    first = view.jobs.newest(3)
    rest = view.jobs.newest(3, after=first[-1].place)

    assert len(rest) == 2
    assert {job.job_id for job in (*first, *rest)} == ids


def test_a_batch_that_fails_leaves_neither_rows_nor_offsets(view: View) -> None:
    job_id = uuid4()
    good = Received(Partition(REQUESTS.name, 0), 0, None, codec.encode(requested(job_id)), event=requested(job_id))
    broken = Received(Partition(JOBS.name, 0), 0, None, object(), event=changed(job_id, "STARTED"))  # type: ignore[arg-type]

    with pytest.raises(Exception, match="type 'object' is not supported"):
        view.apply([good, broken], {good.partition: 1, broken.partition: 1})

    assert view.get(job_id) is None
    assert view.offsets() == {}
