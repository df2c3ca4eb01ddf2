"""The folder with the chunk results of a work is open from its start until its transcript is stored."""

from pathlib import Path

import pytest

from processors.coordinator.stage import Coordinator
from processors.coordinator.tables import Tables
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition, Received
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from runtime.work_folders import WorkFolders
from schemas.jobs import CancelRequested, JobRequested
from schemas.record import Failure
from schemas.work import WorkEvent, WorkFailed, WorkReported
from tests.unit.processors.coordinator.test_decide import SPANS, cancel, closed, requested, text, work


class Stage:
    """A coordinator of one partition, without Kafka."""

    def __init__(self, folder: Path) -> None:
        store = DirectoryStore({"work": folder / "work"})
        store.create()
        self.folder = folder / "chunk-results" / work().work_id
        self.coordinator = Coordinator(Kafka("127.0.0.1:1"), Transcripts(store, "work"), Settings(work_bucket="work"))
        self.coordinator.chunk_results = WorkFolders(folder / "chunk-results")
        self.coordinator._tables[0] = Tables()
        self.offset = 0

    def see(self, event: JobRequested | CancelRequested | WorkReported) -> None:
        list(self.coordinator.handle([Received(Partition("requests", 0), self.offset, None, b"", event=event)]))
        self.offset += 1

    def report(self, event: WorkEvent, run: str = "0-0") -> None:
        self.see(WorkReported(work_id=work().work_id, run=run, event=event))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.see(requested())
    stage.coordinator.chunk_results.make(work().work_id)
    (stage.folder / "result").write_text("text")
    return stage


def test_a_success_deletes_it(stage: Stage) -> None:
    stage.report(closed())
    stage.report(text(SPANS[0], "Hello."))
    assert stage.folder.exists()
    stage.report(text(SPANS[1], "World."))
    assert not stage.folder.exists()


def test_a_retry_of_a_cancelled_or_failed_job_finds_it(stage: Stage) -> None:
    stage.see(cancel())
    assert (stage.folder / "result").exists()
    stage.see(requested("two"))
    stage.report(WorkFailed(failure=Failure(reason="crashes_engine", message="three times")), run="0-2")
    assert (stage.folder / "result").exists()
    stage.see(requested("three"))
    stage.report(closed(()), run="0-4")
    assert not stage.folder.exists()
