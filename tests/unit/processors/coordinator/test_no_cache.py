"""A request that demands a new transcription: nothing that is known of the work answers it."""

from pathlib import Path

import pytest

from processors.coordinator.decide import Event
from processors.coordinator.stage import Coordinator
from processors.coordinator.tables import Tables
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition, Received
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from runtime.work_folders import WorkFolders
from schemas.jobs import JobChanged
from schemas.work import DecodeRequested, RunRevoked, WorkEvent, WorkReported
from tests.unit.processors.coordinator.test_decide import SPANS, closed, only, requested, states, text, work


class Stage:
    """A coordinator of one partition with its store, without Kafka."""

    def __init__(self, folder: Path) -> None:
        store = DirectoryStore({"work": folder / "work"})
        store.create()
        self.folder = folder / "chunk-results" / work().work_id
        self.transcripts = Transcripts(store, "work")
        self.coordinator = Coordinator(Kafka("127.0.0.1:1"), self.transcripts, Settings(work_bucket="work"))
        self.coordinator.chunk_results = WorkFolders(folder / "chunk-results")
        self.coordinator._tables[0] = Tables()
        self.offset = 0

    def see(self, event: Event) -> list[object]:
        received = Received(Partition("requests", 0), self.offset, None, b"", event=event)
        self.offset += 1
        return [output.value for step in self.coordinator.handle([received]) for output in step.outputs]

    def report(self, event: WorkEvent, run: str) -> list[object]:
        return self.see(WorkReported(work_id=work().work_id, run=run, event=event))

    def transcribe(self, run: str, words: str) -> list[object]:
        self.report(closed(SPANS[:1]), run)
        return self.report(text(SPANS[0], words), run)

    @property
    def text(self) -> str:
        return self.transcripts.read_stored(work().work_id).text


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def runs(values: list[object]) -> list[str]:
    return [value.run for value in only(DecodeRequested, values)]


def test_neither_the_cache_nor_a_stored_transcript_answers_it_and_its_result_replaces_them(stage: Stage) -> None:
    stage.see(requested())
    stage.transcribe("0-0", "Before.")
    stored = stage.transcripts.find(work().work_id)

    assert runs(stage.see(requested("two", no_cache=True, result=stored))) == ["0-3"]
    assert states(stage.transcribe("0-3", "After.")) == [("SUCCESS", False)]

    assert stage.text == "After."
    (answered,) = only(JobChanged, stage.see(requested("three")))
    assert (answered.state, answered.cached) == ("SUCCESS", True)
    assert answered.result is not None
    assert answered.result.transcribed_at == stage.transcripts.read_stored(work().work_id).created_at


def test_a_run_in_progress_is_replaced_and_its_jobs_wait_for_the_new_one(stage: Stage) -> None:
    stage.see(requested())
    stage.report(text(SPANS[0], "Half of the old run."), "0-0")

    outputs = stage.see(requested("two", no_cache=True))

    assert runs(outputs) == ["0-2"]
    assert [revoked.run for revoked in only(RunRevoked, outputs)] == ["0-0"]
    assert stage.transcribe("0-0", "Too late.") == [], "results of the old run count no more"
    ended = stage.transcribe("0-2", "New.")
    assert sorted(states(ended)) == [("SUCCESS", False), ("SUCCESS", True)]
    assert stage.text == "New."


def test_a_second_one_joins_the_run_of_the_first(stage: Stage) -> None:
    assert runs(stage.see(requested("one", no_cache=True))) == ["0-0"]
    assert runs(stage.see(requested("two", no_cache=True))) == []
    assert runs(stage.see(requested("three"))) == []
    assert len(states(stage.transcribe("0-0", "Once."))) == 3


def test_a_repeat_of_its_record_changes_nothing(stage: Stage) -> None:
    event = requested(no_cache=True)
    assert runs(stage.see(event)) == ["0-0"]
    assert stage.see(event) == []


def test_results_of_chunks_that_are_kept_on_disk_are_not_used(stage: Stage) -> None:
    stage.see(requested())
    stage.coordinator.chunk_results.make(work().work_id)
    (stage.folder / "result").write_text("text")

    stage.see(requested("two", no_cache=True))
    stage.coordinator.chunk_results.make(work().work_id)

    assert not stage.folder.exists(), "nothing is found there, and a batch of the old run cannot write there"
