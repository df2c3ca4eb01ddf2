"""The retention stage on a broker and a folder: a round reads the topics to their end, also what was written since the last."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.typing import EventDict

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects import keys
from runtime.objects.store import EarlierVersion
from runtime.resources import Resources
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import Job, JobChanged, JobRequested, Work
from schemas.options import ModelRef
from schemas.topics import CACHE_CHANGELOG, JOBS, REQUESTS
from sinks.retention.stage import Retention, sweep_once
from tests.contract.brokers import write
from tests.samples import sample
from tests.unit.sinks.retention.test_limits import Refusing

MODEL = ModelRef(name="demo", revision="1")


def on_a_folder(kafka: Kafka, folder: Path, **settings: int) -> tuple[Resources, Refusing]:
    made = Settings(data_dir=folder, **settings)  # type: ignore[arg-type]
    store = Refusing({name: folder / name for name in (made.work_bucket, made.uploads_bucket, made.results_bucket)})
    store.create()
    return Resources(made, kafka, store, catalogue.resolve("demo")), store


def test_versions_that_the_store_does_not_let_go_are_logged(kafka: Kafka, tmp_path: Path, logged: list[EventDict]) -> None:
    resources, store = on_a_folder(kafka, tmp_path)
    sweep_once(resources, tmp_path, is_dry=False)
    replaced_at = datetime.now(UTC) - timedelta(days=2)
    store.versions = [EarlierVersion(resources.settings.work_bucket, keys.STORED_FIGURES, "1", replaced_at)]
    sweep_once(resources, tmp_path, is_dry=False)
    assert [line["objects"] for line in logged if line["event"] == "versions.kept"] == [1]


def test_each_round_knows_what_was_written_since_the_last(kafka: Kafka, tmp_path: Path) -> None:
    resources, store = on_a_folder(kafka, tmp_path, retention_jobs_s=1, job_memory_s=1)
    settings = resources.settings
    retention = Retention(resources, tmp_path / "ledger")
    retention.open()

    def stored() -> set[str]:
        return {info.key for info in store.list(settings.work_bucket)} - {keys.STORED_FIGURES}

    now = datetime.now(UTC)
    long_ago_s = (now - timedelta(days=40)).timestamp()
    jobs: list[JobChanged] = []
    for name in ("a", "b"):
        audio = store.put(settings.work_bucket, f"uploads/{name}", b"x").ref
        store.put(settings.work_bucket, keys.transcript_key(name * 64), b"{}")
        work = Work(work_id=name * 64, audio_id="0" * 64, slice_id=name * 64, audio=audio, model=MODEL)
        job = Job(job_id=UUID(int=len(jobs)), source="http", filename="a.wav", submitted_at=now, stored=audio)
        jobs.append(JobChanged(job=job, work_id=work.work_id, audio_id="0" * 64, model=MODEL, state="SUCCESS", changed_at=now))
        write(kafka, REQUESTS, [(work.work_id.encode(), codec.encode(JobRequested(job=job, work=work)))])
    for key in stored():
        os.utime(tmp_path / settings.work_bucket / key, (long_ago_s, long_ago_s))
    both = {"uploads/a", "uploads/b", keys.transcript_key("a" * 64), keys.transcript_key("b" * 64)}

    retention.round(pause_s=0.0)
    assert stored() == both, "their jobs wait"

    for changed in jobs:
        old = changed.model_copy(update={"changed_at": now - timedelta(days=31 if changed is jobs[0] else 2)})
        write(kafka, JOBS, [(str(changed.job.job_id).encode(), codec.encode(old))])
    write(kafka, CACHE_CHANGELOG, [(b"b" * 64, b"{}")])
    removed = sample("murmur_stored_removed_total", kind="uploads")
    retention._publish(retention.round(pause_s=0.0))

    assert sample("murmur_stored_removed_total", kind="uploads") == removed + 2
    assert sample("murmur_stored_bytes", kind="transcripts") == len(b"{}")
    assert sample("murmur_stored_oldest_timestamp_seconds", kind="transcripts") == pytest.approx(long_ago_s, abs=1.0)
    assert stored() == {keys.transcript_key("b" * 64)}
    published = json.loads(store.get(settings.work_bucket, keys.STORED_FIGURES))["kinds"]
    assert published["transcripts"]["files"] == 1
    kept = codec.encode(jobs[1].model_copy(update={"changed_at": now - timedelta(days=2)}))
    assert (published["jobs"]["files"], published["jobs"]["bytes"]) == (2, 2 * (len(str(jobs[1].job.job_id)) + len(kept)))
    assert sample("murmur_stored_bytes", kind="jobs") == published["jobs"]["bytes"]
    assert published["uploads"] == {"files": 0, "bytes": 0, "oldest_at": None}
    retention.close()

    again = sweep_once(resources, tmp_path, is_dry=True)
    assert (again["transcripts"].stored.files, again["transcripts"].removed_files) == (1, 0)
