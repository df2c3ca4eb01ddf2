"""The coordinator with its store while texts are corrected: what it reads, and what it does when the time is over."""

from pathlib import Path

import pytest

from processors.coordinator import correction
from processors.coordinator.stage import Coordinator
from runtime.kafka.client import Kafka
from runtime.objects import keys
from runtime.settings import Settings
from schemas.correction import Correction
from schemas.jobs import JobChanged
from schemas.record import ObjectRef
from schemas.work import CorrectionRequested, DecodeRequested, WorkCorrected, WorkReported
from tests.unit.processors.coordinator.test_decide import only, requested, states, work
from tests.unit.processors.coordinator.test_no_cache import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    chosen = Settings(work_bucket="work", correction_rules_file=tmp_path / "rules.yaml")
    tables = made.coordinator._tables
    made.coordinator = Coordinator(Kafka("127.0.0.1:1"), made.transcripts, chosen)
    made.coordinator._tables = tables
    made.see(requested("one"))
    assert states(made.transcribe("0-0", "Hello.")) == []
    return made


def stored(stage: Stage) -> ObjectRef:
    raw = stage.transcripts.read(work().work_id)
    text = raw.model_copy(
        update={"text": "HELLO.", "raw_text": raw.text, "correction": Correction(version="v", segments_changed=1)}
    )
    return stage.transcripts.write_corrected(text)


def test_a_report_ends_the_job_with_the_text_in_the_store(stage: Stage) -> None:
    (changed,) = only(JobChanged, stage.report(WorkCorrected(owner="default", corrected=stored(stage)), "0-0"))
    assert changed.result is not None
    assert changed.result.corrected is not None


def test_a_text_that_is_not_in_the_store_is_replaced_by_the_raw_one(stage: Stage) -> None:
    ref = ObjectRef(bucket="work", key=keys.corrected_key(work().work_id, "gone"))
    (changed,) = only(JobChanged, stage.report(WorkCorrected(owner="default", corrected=ref), "0-0"))
    assert changed.result is not None
    assert (changed.result.corrected, changed.result.uncorrected) == (None, correction.UNREADABLE)


def test_a_job_of_the_same_work_joins_it_whatever_the_cache_has(stage: Stage) -> None:
    stage.coordinator._tables[0].cache.remove(work().work_id)
    outputs = stage.see(requested("two"))
    assert only(DecodeRequested, outputs) == []
    assert only(CorrectionRequested, outputs) == []
    report = WorkCorrected(owner="default", corrected=stored(stage))
    assert sorted(states(stage.report(report, "0-0"))) == [("SUCCESS", False), ("SUCCESS", True)]


def test_when_the_time_is_over_the_coordinator_reports_itself_once(stage: Stage) -> None:
    state = stage.coordinator._tables[0].works[work().work_id]
    assert state.correction is not None
    until = state.correction.until
    assert list(stage.coordinator.handle([])) == []
    (report,) = only(WorkReported, [output.value for output in stage.coordinator._overdue(until)])
    assert stage.coordinator._overdue(until) == []
    (changed,) = only(JobChanged, stage.see(report))
    assert changed.result is not None
    assert changed.result.uncorrected is not None
