"""The number of a chunk in its file goes into its progress, and into the request for a second transcription."""

from processors.coordinator.context import Context
from processors.coordinator.decide import Event, decide
from processors.coordinator.tables import Tables
from schemas.work import ChunkReady, WorkProgressed, WorkReported
from tests.unit.processors.coordinator.test_decide import NOW, closed, requested, text, work

SPANS = ((0, 16_000), (20_000, 36_000), (40_000, 56_000))


def test_progress_and_a_second_request_have_the_number_of_the_chunk() -> None:
    tables, outputs = Tables(), list[object]()
    spoken = [text(SPANS[0], "Hello."), text(SPANS[2], "World."), text(SPANS[1], "Um.", language="pt", sure=0.4)]
    numbered = [chunk.model_copy(update={"index": SPANS.index(chunk.span)}) for chunk in spoken]
    records: list[Event] = [requested()]
    records += [WorkReported(work_id=work().work_id, run="0-0", event=event) for event in (closed(SPANS), *numbered)]
    for record in records:
        decision = decide(tables, record, Context("0-0", NOW, "work"))
        outputs += [output.value for output in decision.outputs]
        for change in decision.changes:
            tables.apply(change)
    assert [value.index for value in outputs if isinstance(value, WorkProgressed)] == [0, 2, 1]
    assert [value.index for value in outputs if isinstance(value, ChunkReady)] == [1]
