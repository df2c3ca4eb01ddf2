"""What a gateway says about the installation: its health, the result files, what runs where."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from producers.gateway.documents.health import HealthReport
from producers.gateway.documents.sessions import SessionList
from runtime.formats import FORMATS
from runtime.models import catalogue
from schemas.jobs import JobRequested
from schemas.topics import DEAD_LETTERS, WORKERS
from schemas.worker import WorkerModel, WorkerReported, WorkerRun
from tests.contract.brokers import write
from tests.contract.gateway.running_gateway import RunningGateway, progressed, publish_state, submitted
from tests.letters import dead_letter, written
from tests.waiting import DEADLINE_S, wait_until


@pytest.fixture
def worker(gateway: RunningGateway) -> Iterator[WorkerReported]:
    demo = catalogue.resolve("demo").ref
    model = WorkerModel(name=demo.name, revision=demo.revision, state="loaded", device="cpu")
    report = WorkerReported(worker_id="one", at=datetime.now(UTC), replicas=2, models=(model,))
    gateway.publish(WORKERS, "one", report)
    yield report
    write(gateway.kafka, WORKERS, [(b"one", None)])


def health(gateway: RunningGateway) -> HealthReport:
    answer = gateway.get("/api/health")
    assert answer.status == 200
    return HealthReport.model_validate(answer.json)


def test_health_is_ok_when_every_part_is(gateway: RunningGateway, worker: WorkerReported) -> None:
    wait_until(lambda: health(gateway).status == "ok", "all parts")
    report = health(gateway)
    assert (report.workers.count, report.workers.replicas, report.workers.models_loaded) == (1, 2, ("demo",))
    assert (report.store.kind, report.gpu.available) == (gateway.settings.store, False)
    assert 0 < (report.ram.free_bytes or 0) < (report.ram.total_bytes or 0)
    assert 0 < (report.disk.free_bytes or 0) <= (report.disk.total_bytes or 0)
    assert report.retention.requests_s == 7 * 86_400


def test_dead_letters_are_counted(gateway: RunningGateway) -> None:
    wait_until(lambda: health(gateway).retention.dead_letters == 0, "no dead letter")
    write(gateway.kafka, DEAD_LETTERS, written(dead_letter(1), dead_letter(2), dead_letter(1)))
    wait_until(lambda: health(gateway).retention.dead_letters == 2, "two dead letters")
    write(gateway.kafka, DEAD_LETTERS, written(dead_letter(2).settle("dropped", datetime.now(UTC))))
    wait_until(lambda: health(gateway).retention.dead_letters == 1, "one that waits")


def test_health_says_which_part_is_degraded_and_still_answers(gateway: RunningGateway) -> None:
    wait_until(lambda: health(gateway).status == "degraded", "no worker")
    report = health(gateway)
    assert report.workers.detail == "no transcriber has reported"
    assert report.broker.status == "ok"


def test_health_does_not_wait_for_a_store_that_hangs(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, released = threading.Event(), threading.Event()

    def hangs(_bucket: str) -> None:
        asked.set()
        assert released.wait(DEADLINE_S)

    monkeypatch.setattr(gateway.store, "check", hangs)
    assert asked.wait(DEADLINE_S)
    monkeypatch.setattr("producers.gateway.system.health.SILENT_S", 0.0)
    try:
        assert (health(gateway).store.detail or "").startswith("no answer for")
    finally:
        released.set()


def test_every_result_file_is_described(gateway: RunningGateway) -> None:
    formats = gateway.get("/api/formats").json["formats"]
    assert [(each["name"], each["ending"]) for each in formats] == [(name, f".{form.ending}") for name, form in FORMATS.items()]
    assert all(each["description"] and "/" in each["content_type"] for each in formats)


def test_sessions_are_the_started_jobs_with_the_workers_that_have_their_chunks(
    gateway: RunningGateway, worker: WorkerReported
) -> None:
    submission, other = submitted(gateway), submitted(gateway)
    for each in (submission, other):
        publish_state(gateway, each, "STARTED")
    progressed(gateway, submission, 0.25, "Olá.")
    now = datetime.now(UTC)
    run = WorkerRun(work_id=submission.work.work_id, run="0-1", model="demo", lane="bulk", chunks=2, since=now)
    gateway.publish(WORKERS, "one", worker.model_copy(update={"running": (run,), "at": now}))
    wait_until(lambda: sessions(gateway)[task(submission)]["worker"], "the report")
    rows = sessions(gateway)
    ours, waiting = rows[task(submission)], rows[task(other)]
    assert (ours["worker"], ours["device"], ours["lane"], ours["chunks"]) == ("one", "cpu", "bulk", 2)
    assert (ours["filename"], ours["model"], ours["progress"]["fraction"]) == ("a.wav", "demo", 0.25)
    assert (waiting["worker"], waiting["chunks"], waiting["chunks_since"]) == (None, 0, None)
    for each in (submission, other):
        publish_state(gateway, each, "REVOKED")
    assert not sessions(gateway).keys() & {task(submission), task(other)}


def task(submission: JobRequested) -> str:
    return str(submission.job.job_id)


def sessions(gateway: RunningGateway) -> dict[str, dict[str, Any]]:
    document = SessionList.model_validate(gateway.get("/api/sessions").json)
    return {row.task_id: row.model_dump() for row in document.sessions}
