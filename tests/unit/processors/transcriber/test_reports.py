"""What a transcriber reports of itself, and when."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from processors.transcriber.eviction import CacheLimits
from processors.transcriber.reports import AT_LEAST_EVERY_S, AT_MOST_EVERY_S, Reports, worker_id
from runtime.errors import UsageError
from runtime.gpus import Gpu
from runtime.kafka.messages import Step
from schemas.options import ModelRef
from schemas.worker import WorkerReported
from tests.unit.processors.transcriber.bench import MODEL, StandIn, System
from tests.waiting import DEADLINE_S

OTHER = ModelRef(name="other", revision="2")


class Reporting:
    """A transcriber with two models, and its reports so far. `gate`: the models are loaded when it is open."""

    def __init__(self, folder: Path) -> None:
        self.gate = threading.Event()
        self.gpus: tuple[Gpu, ...] = ()
        self.broken: set[ModelRef] = set()
        self.engine = StandIn(replicas=2, batch_size=4)
        self.engine.gate.set()
        self.system = System(folder, self.engine, (MODEL, OTHER), self._load, CacheLimits(2))
        self.system.handler.reports = Reports(
            "here", (MODEL, OTHER), self.system.residents, lambda: self.gpus, lambda: self.system.now_s
        )

    def _load(self, model: ModelRef, _on_cpu: bool) -> StandIn:
        assert self.gate.wait(DEADLINE_S)
        if model in self.broken:
            raise UsageError("no such weights")
        return self.engine

    def started(self) -> "Reporting":
        self.gate.set()
        self.system.start()
        return self

    def after(self, seconds: float) -> list[WorkerReported]:
        """The reports of a turn then."""
        self.system.now_s += seconds
        return reports(self.system.turn())

    def all(self) -> list[WorkerReported]:
        return reports(self.system.steps)


def reports(steps: Sequence[Step]) -> list[WorkerReported]:
    values = [output.value for step in steps for output in step.outputs]
    return [value for value in values if isinstance(value, WorkerReported)]


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[Reporting]:
    made = Reporting(tmp_path)
    yield made
    made.gate.set()
    made.system.handler.close()


def states(report: WorkerReported) -> dict[str, str]:
    return {model.name: model.state for model in report.models}


def test_the_first_report_comes_as_soon_as_the_default_model_is_loaded(reporting: Reporting) -> None:
    reporting.started()
    (report,) = reporting.all()
    assert (report.worker_id, report.replicas, report.batch_size, report.devices) == ("here", 2, 4, ())
    assert states(report) == {"demo": "loaded", "other": "not loaded"}
    assert (report.models[0].loads, report.models[0].device) == (1, "cpu")


def test_a_model_that_loads_for_long_is_reported_as_loading(reporting: Reporting) -> None:
    assert reporting.after(0) == []
    (report,) = reporting.after(AT_MOST_EVERY_S)
    assert states(report)["demo"] == "loading"
    assert report.replicas == 0


def test_what_changes_is_reported_once_and_not_too_often(reporting: Reporting) -> None:
    system = reporting.started().system
    system.turn(record := system.chunk())
    system.until(lambda: record in system.settled(), "the chunk")
    assert len(reporting.all()) == 1
    (report,) = reporting.after(AT_MOST_EVERY_S)
    assert report.models[0].windows == 1
    assert reporting.after(AT_MOST_EVERY_S) == []


def test_a_worker_without_a_change_reports_once_a_minute(reporting: Reporting) -> None:
    reporting.started()
    turns = [reporting.after(AT_MOST_EVERY_S) for _ in range(int(3 * AT_LEAST_EVERY_S / AT_MOST_EVERY_S))]
    assert sum(map(len, turns)) == 3


def test_a_turn_without_a_due_report_reads_no_gpu(reporting: Reporting) -> None:
    reporting.started()

    def read() -> tuple[Gpu, ...]:
        raise AssertionError("read")

    reporting.system.handler.reports._read_gpus = read
    assert reporting.after(AT_MOST_EVERY_S - 1) == []


def test_a_model_that_cannot_be_loaded_is_reported_as_not_loaded(reporting: Reporting) -> None:
    reporting.broken.add(OTHER)
    system = reporting.started().system
    system.turn(record := system.chunk(model=OTHER))
    system.until(lambda: record in system.settled(), "the failure")
    assert states(reporting.system.handler.reports._report(())) == {"demo": "loaded", "other": "not loaded"}
    assert reporting.after(AT_MOST_EVERY_S) == [], "nothing has changed"


def test_gpus_are_reported_with_what_the_models_take_of_the_first(reporting: Reporting) -> None:
    reporting.gpus = (Gpu(0, "GPU-0", "one", "9.0", 100, 40), Gpu(1, "GPU-1", "two", "8.0", 50, 0))
    reporting.started()
    reporting.system.residents.uses.loaded(OTHER, 1.5, 30, on_gpu=True)
    (report,) = reporting.after(AT_MOST_EVERY_S)
    assert [(gpu.uuid, gpu.total_bytes, gpu.used_bytes, gpu.free_bytes, gpu.allocated_bytes) for gpu in report.devices] == [
        ("GPU-0", 100, 40, 60, 30),
        ("GPU-1", 50, 0, 50, 0),
    ]
    assert (report.models[1].device, report.models[1].load_s, report.models[1].memory_bytes) == ("cuda", 1.5, 30)


def test_a_run_is_reported_two_seconds_after_the_last_report_and_is_gone_when_it_is_done(reporting: Reporting) -> None:
    reporting.engine.replicas = 3  # their audio may come in three turns, so that each is a batch
    system = reporting.started().system
    reporting.engine.gate.clear()
    system.turn(system.chunk(work="a"), system.chunk(work="a"), system.chunk("interactive", work="c"))
    system.until(lambda: len(system.begun()) == 3, "the batches")
    assert reporting.after(1.0) == []
    (report,) = reporting.after(1.0)
    assert [(run.work_id[0], run.model, run.lane, run.chunks) for run in report.running or ()] == [
        ("a", "demo", "bulk", 2),
        ("c", "demo", "interactive", 1),
    ]
    reporting.engine.gate.set()
    system.until(lambda: len(system.settled()) == 3, "the results")
    (report,) = reporting.after(2.0)
    assert report.running == ()


def test_a_report_may_be_lost_and_is_keyed_by_the_worker(reporting: Reporting) -> None:
    reporting.started()
    (output,) = [each for step in reporting.system.steps for each in step.outputs if isinstance(each.value, WorkerReported)]
    assert (output.topic.name, output.key, output.may_be_lost) == ("workers", "here", True)


def test_a_worker_that_ends_withdraws_what_it_has_reported(reporting: Reporting) -> None:
    assert reporting.system.handler.reports.withdrawn() == []
    reporting.started()
    (output,) = reporting.system.handler.reports.withdrawn()
    assert (output.topic.name, output.key, output.value) == ("workers", "here", None)


def test_a_worker_is_named_by_the_setting_or_else_by_its_process() -> None:
    assert worker_id("transcriber-3") == "transcriber-3"
    assert worker_id(None) == worker_id(None)
    assert worker_id(None).rpartition("-")[2].isdigit()
