"""The corrector's handler: what it takes, settles and reports, and what a stop or a lost partition leaves behind."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from processors.corrector.correcting import Correcting
from processors.corrector.rule_book import RuleBook
from processors.corrector.stage import IN_FLIGHT_MAX, CorrectorHandler
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from schemas.work import CorrectionRequested, WorkCorrected, WorkReported
from tests.waiting import wait_until

ZERO, ONE = Partition("corrections", 0), Partition("corrections", 1)


class Slow(Correcting):
    """Reports when the test says so."""

    def __init__(self) -> None:
        super().__init__(Transcripts(DirectoryStore({}), "work"), RuleBook(None), None)
        self.begun: list[str] = []
        self.aborted: list[str] = []
        self.ends: defaultdict[str, Future[WorkCorrected | None]] = defaultdict(Future)

    async def correct(self, request: CorrectionRequested) -> WorkCorrected | None:
        self.begun.append(request.owner)
        try:
            return await asyncio.wrap_future(self.ends[request.owner])
        except asyncio.CancelledError:
            self.aborted.append(request.owner)
            raise


def record(owner: str, partition: Partition = ZERO, offset: int = 0) -> Received[CorrectionRequested]:
    now = datetime.now(UTC)
    request = CorrectionRequested(work_id="a" * 64, run="0-0", owner=owner, transcribed_at=now, until=now)
    return Received(partition, offset, None, b"", event=request)


class Stage:
    def __init__(self) -> None:
        self.correcting = Slow()
        self.handler = CorrectorHandler(self.correcting, Wakeup())
        self.handler.on_assign([ZERO, ONE])

    def steps(self, count: int) -> list[Step]:
        found: list[Step] = []
        wait_until(lambda: found.extend(self.handler.handle([])) or len(found) >= count, "the steps")  # type: ignore[func-returns-value]
        return found

    def take(self, *records: Received[CorrectionRequested]) -> None:
        before = len(self.correcting.begun)
        assert list(self.handler.handle(records)) == []
        wait_until(lambda: len(self.correcting.begun) == before + len(records), "the corrections to begin")


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.handler.close()


def test_each_request_is_settled_with_its_report_in_any_order(stage: Stage) -> None:
    stage.take(record("ana", offset=0), record("rui", offset=1))
    stage.correcting.ends["rui"].set_result(WorkCorrected(owner="rui"))
    (step,) = stage.steps(1)
    assert step.settles is not None
    assert step.settles.offset == 1
    (output,) = step.outputs
    assert output.value == WorkReported(work_id="a" * 64, run="0-0", event=WorkCorrected(owner="rui"))
    stage.correcting.ends["ana"].set_result(None)  # its time is over
    (step,) = stage.steps(1)
    assert step.settles is not None
    assert (step.settles.offset, list(step.outputs)) == (0, [])


def test_a_bug_ends_the_stage(stage: Stage) -> None:
    stage.take(record("ana"))
    stage.correcting.ends["ana"].set_exception(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        stage.steps(1)


def test_what_is_in_flight_of_a_lost_partition_is_aborted(stage: Stage) -> None:
    stage.take(record("ana", ZERO), record("rui", ONE))
    stage.handler.on_revoke([ZERO])
    wait_until(lambda: stage.correcting.aborted == ["ana"], "the correction to be aborted")
    stage.correcting.ends["rui"].set_result(WorkCorrected(owner="rui"))
    (step,) = stage.steps(1)
    assert step.settles is not None
    assert step.settles.partition == ONE
    del stage.correcting.ends["ana"]
    stage.take(record("ana", ZERO))  # assigned again
    assert stage.handler.room("corrections") == IN_FLIGHT_MAX - 1


def test_a_stop_aborts_what_is_in_flight(stage: Stage) -> None:
    stage.take(*(record(f"owner {number}", offset=number) for number in range(IN_FLIGHT_MAX)))
    assert stage.handler.room("corrections") == 0
    stage.handler.close()
    assert len(stage.correcting.aborted) == IN_FLIGHT_MAX
    stage.handler.close()
