"""A store in a folder, a ledger, and a clock that the tests move: what the retention stage works with, without Kafka."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from runtime.kafka.messages import Partition, Received
from runtime.objects import keys
from runtime.objects.directory import DirectoryStore
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import Job, JobChanged, JobRequested, State, Work
from schemas.options import ModelRef
from schemas.record import ObjectRef
from schemas.topics import CACHE_CHANGELOG, JOBS, REQUESTS
from sinks.retention.ledger import Ledger
from sinks.retention.sweeper import Round

MODEL = ModelRef(name="demo", revision="1")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def digest(number: int) -> str:
    return f"{number:064x}"


class Bench:
    """`sweep()` is one round at the bench's time. `late`: what happens before each time that the round has read
    the topics to their end."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data_dir=folder, **settings)
        names = (self.settings.work_bucket, self.settings.uploads_bucket, self.settings.results_bucket)
        self.store = DirectoryStore({name: folder / "store" / name for name in names})
        self.store.create()
        self.ledger = Ledger(folder / "ledger.sqlite3", self.settings.work_bucket)
        self.ledger.open()
        self.now = datetime.now(UTC)
        self.late: list[Callable[[], object]] = []

    def close(self) -> None:
        self.ledger.close()

    def put(self, key: str, size_bytes: int = 10, bucket: str | None = None) -> ObjectRef:
        """Written now, by the clock of the file system."""
        return self.store.put(bucket or self.settings.work_bucket, key, b"x" * size_bytes).ref

    def age(self, key: str, age: timedelta) -> None:
        """Makes an object in the work bucket this old."""
        written_s = (self.now - age).timestamp()
        os.utime(self.store.folder(self.settings.work_bucket) / key, (written_s, written_s))

    def stored(self, bucket: str | None = None) -> set[str]:
        return {info.key for info in self.store.list(bucket or self.settings.work_bucket)}

    def request(self, number: int, audio: ObjectRef, work: int = 1, slices: int = 1) -> Job:
        job = Job(job_id=UUID(int=number), source="http", filename="a.wav", submitted_at=self.now, stored=audio)
        what = Work(work_id=digest(work), audio_id=digest(0), slice_id=digest(slices), audio=audio, model=MODEL)
        self._apply(REQUESTS.name, b"", JobRequested(job=job, work=what))
        return job

    def change(self, job: Job, state: State, work: int = 1) -> None:
        facts = {"work_id": digest(work), "audio_id": digest(0), "model": MODEL, "state": state, "changed_at": self.now}
        changed = JobChanged.model_validate({"job": job, **facts})
        self._apply(JOBS.name, changed.subject.encode(), changed, codec.encode(changed))

    def forget(self, job: Job) -> None:
        self._apply(JOBS.name, str(job.job_id).encode(), None)

    def cache(self, work: int, value: bytes | None = b"{}") -> None:
        self._apply(CACHE_CHANGELOG.name, digest(work).encode(), None, value)

    def _apply(self, topic: str, key: bytes, event: Any, value: bytes | None = None) -> None:
        at_ms = int(self.now.timestamp() * 1000)
        self.ledger.apply([Received(Partition(topic, 0), 0, key, value, event, (), at_ms)])

    def sweep(self, *, is_dry: bool = False) -> Round:
        each = Round(self.store, self.settings, self.ledger, self._catch_up, now=lambda: self.now, is_dry=is_dry)
        for _ in each.steps():
            pass
        return each

    def _catch_up(self) -> None:
        if self.late:
            self.late.pop(0)()


def chunk(slices: int = 1, run: str = "0-0", number: int = 0) -> str:
    return keys.chunk_key(digest(slices), run, (number, number + 1))


def answer(work: int) -> set[str]:
    """The keys of an answer of the corrector's model."""
    return {keys.answer_key(digest(work), digest(9)), keys.answered_key(digest(9), digest(work))}
