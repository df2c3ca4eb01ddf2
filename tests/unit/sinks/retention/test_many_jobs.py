"""Many jobs with a compressed clock: at the end store, view, tables and ledger are as they were at the beginning."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from processors.coordinator.stage import Coordinator
from processors.coordinator.tables import Tables
from producers.gateway.view.database import FREE_PAGES_MAX
from producers.gateway.view.view import View
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output, Partition, Received
from runtime.objects import keys
from runtime.objects.transcripts import Transcripts
from runtime.work_folders import CHUNK_RESULTS as CHUNK_RESULTS_FOLDER
from runtime.work_folders import WorkFolders
from schemas import codec
from schemas.jobs import CancelRequested, Job, JobRequested, Work
from schemas.record import Failure, ObjectRef, Record
from schemas.topics import CANCELLATIONS, CHUNK_RESULTS, JOBS, REQUESTS, REVOCATIONS
from schemas.work import WorkFailed, WorkReported
from tests.unit.processors.coordinator.test_decide import closed, text
from tests.unit.sinks.retention.bench import DAY, MODEL, Bench, digest

JOBS_COUNT = 480  # more of them take longer; `python -m benchmarks.leaks` runs 10,000, and measures memory
JOBS_A_DAY = 12  # 40 days
SPAN = (0, 16_000)
FAILED, CANCELLED, DELETED = 4, 5, 6  # of seven


class Installation(Bench):
    """A coordinator with one partition, a gateway's view and the retention stage, on one clock."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.view = View(folder / "view.sqlite3", notes_s=self.settings.ended_jobs_s)
        self.view.open()
        self.view.follow("cluster")
        self.transcripts = Transcripts(self.store, self.settings.work_bucket)
        self.folder = folder
        self.coordinator = Coordinator(Kafka("127.0.0.1:1"), self.transcripts, self.settings)
        self.coordinator.chunk_results = WorkFolders(folder / CHUNK_RESULTS_FOLDER)
        self.tables = self.coordinator._tables[0] = Tables()
        self.revoked: set[str] = set()  # what a follower of `revocations` holds
        self._offsets: dict[str, int] = {}

    def decide(self, topic: str, event: Record) -> None:
        record = self._received(topic, b"", event)
        self._read(self.coordinator._outputs(record, self.now))

    def expire(self) -> None:
        while steps := list(self.coordinator._upkeep(0, self.now)):
            for step in steps:
                self._read(list(step.outputs))

    def _read(self, outputs: list[Output]) -> None:
        """As their topics' readers."""
        records = []
        for output in outputs:
            value = output.value if isinstance(output.value, Record) else None
            record = self._received(output.topic.name, str(output.key).encode(), value, output.value)
            records.append(record)
            if output.topic == REVOCATIONS:
                (self.revoked.discard if output.value is None else self.revoked.add)(str(output.key))
        seen = [record for record in records if record.topic == JOBS.name]
        self.view.apply(seen, {record.partition: record.offset + 1 for record in seen})
        self.ledger.apply(records)

    def _received(self, topic: str, key: bytes, event: Record | None, value: object = None) -> Received[Any]:
        offset = self._offsets[topic] = self._offsets.get(topic, 0) + 1
        raw = codec.encode(event) if event is not None else value if isinstance(value, bytes) else None
        return Received(Partition(topic, 0), offset, key, raw, event, (), int(self.now.timestamp() * 1000))

    def run_jobs(self, numbers: range, a_day: int) -> None:
        """From now on, with a sweep every second day."""
        start: datetime = self.now
        for index, number in enumerate(numbers):
            self.now = start + index * DAY / a_day
            self.run_job(number)
            if index % (2 * a_day) == 0:
                self.expire()
                self.sweep()

    def outlive_retention(self) -> None:
        """So much time passes that nothing is kept any more."""
        for _ in range(3):
            self.now += timedelta(days=31)
            self.expire()
            self.view.purge(self.now)
            self.sweep()
        while self.view.release():
            pass

    def run_job(self, number: int) -> None:
        """Of a file of its own, from its upload to its end. Of seven one fails, one is cancelled, and one is deleted when it has
        ended."""
        audio = self.written(keys.upload_key(UUID(int=number)))
        work = Work(work_id=digest(number), audio_id=digest(number), slice_id=digest(number), audio=audio, model=MODEL)
        job = Job(job_id=UUID(int=number), source="http", filename="a.wav", submitted_at=self.now)
        requested = JobRequested(job=job, work=work)
        accepted = self._received(REQUESTS.name, b"", requested)
        self.view.apply([accepted], {})
        self.ledger.apply([accepted])
        record = self._received(REQUESTS.name, b"", requested)
        self._read(self.coordinator._outputs(record, self.now))
        run = self.tables.works[work.work_id].run
        self.written(keys.chunk_key(work.slice_id, run, SPAN))
        self.result_of_chunk(work.work_id)
        cancelled = CancelRequested(job_id=job.job_id, work_id=work.work_id, requested_at=self.now)
        if number % 7 == CANCELLED:
            self.decide(CANCELLATIONS.name, cancelled)
            return
        failed = WorkFailed(failure=Failure(reason="corrupt", message="damaged"))
        events = [closed((SPAN,)), text(SPAN, "Hello.") if number % 7 != FAILED else failed]
        for event in events:
            self.decide(CHUNK_RESULTS.name, WorkReported(work_id=work.work_id, run=run, event=event))
        if number % 7 != FAILED:
            self.aged(keys.transcript_key(work.work_id))
        if number % 7 == DELETED:
            self.decide(CANCELLATIONS.name, cancelled.model_copy(update={"delete": True}))

    def result_of_chunk(self, work_id: str) -> None:
        """As the transcriber of `murmur dev` keeps it."""
        self.coordinator.chunk_results.make(work_id)
        (self.folder / CHUNK_RESULTS_FOLDER / work_id / "0-1.json").write_text("Hello.")

    def written(self, key: str) -> ObjectRef:
        self.put(key)
        return self.aged(key)

    def aged(self, key: str) -> ObjectRef:
        """Written at the installation's time."""
        at_s = self.now.timestamp()
        os.utime(f"{self.store.folder(self.settings.work_bucket)}/{key}", (at_s, at_s))  # a Path would intern the key
        return ObjectRef(bucket=self.settings.work_bucket, key=key)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.view.close()
    made.close()


def counts(installation: Installation) -> dict[str, int]:
    """Everything that may grow."""
    tables, sql = installation.tables, installation.ledger.sql
    rows = {name: sql.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("jobs", "cached", "released", "objects")}
    below = [
        (place, folders, files) for place, folders, files in os.walk(installation.folder) if Path(place) != installation.folder
    ]
    buckets = set(map(str, (installation.store.folder(name) for name in installation.store._buckets)))
    return {
        "files": sum(len(files) for _, _, files in below),
        "folders": sum(f"{place}/{name}" not in buckets for place, folders, _ in below for name in folders),
        "view": installation.view._file.read("SELECT count(*) FROM jobs")[0][0],
        "jobs": len(tables.jobs) + len(tables.works) + len(tables.chunks) + len(tables.ended) + len(tables.waiting),
        "cache": len(tables.cache),
        "revoked": len(installation.revoked),
        "remembered": len(installation.transcripts._recent),
        **{f"ledger {name}": count for name, count in rows.items()},
    }


def pages(installation: Installation) -> tuple[int, int]:
    """Of the files of view and ledger, when what is in their logs has been copied into them."""
    query = "PRAGMA page_count"
    return installation.view._file.read(query)[0][0], installation.ledger.sql.execute(query).fetchone()[0]


def test_many_jobs_leave_nothing(installation: Installation) -> None:
    empty = pages(installation)
    installation.run_jobs(range(JOBS_COUNT // 2), JOBS_A_DAY)
    half = counts(installation)
    installation.run_jobs(range(JOBS_COUNT // 2, JOBS_COUNT), JOBS_A_DAY)
    full = counts(installation)
    assert full["view"] <= 33 * JOBS_A_DAY, "those of the last 30 days"
    assert full["files"] < 3 * JOBS_COUNT
    listed = [number for number in range(JOBS_COUNT // 2) if number % 7 != DELETED]
    assert half["view"] == len(listed), "nothing goes before its time"
    assert pages(installation)[0] > 2 * FREE_PAGES_MAX, "else the size of the file says nothing"

    installation.outlive_retention()
    assert counts(installation) == dict.fromkeys(full, 0)
    view, ledger = pages(installation)
    assert view <= empty[0] + FREE_PAGES_MAX
    assert ledger <= empty[1]


def test_a_limit_of_transcripts_makes_the_cache_let_the_oldest_go(tmp_path: Path) -> None:
    first = Installation(tmp_path / "first")
    first.run_jobs(range(1), 1)
    (size_bytes,) = (info.size_bytes for info in first.store.list(first.settings.work_bucket, keys.TRANSCRIPTS))
    installation = Installation(tmp_path / "second", retention_transcripts_bytes=3 * size_bytes)
    installation.run_jobs(range(0, 35, 7), 24)  # all succeed
    assert len(installation.tables.cache) == 5
    installation.now += DAY
    installation.expire()
    installation.sweep()
    kept = [digest(number) for number in (14, 21, 28)]
    assert list(installation.tables.cache) == kept
    found = {info.key for info in installation.store.list(installation.settings.work_bucket, keys.TRANSCRIPTS)}
    assert found == {keys.transcript_key(work_id) for work_id in kept}
    for each in (first, installation):
        each.view.close()
        each.close()
