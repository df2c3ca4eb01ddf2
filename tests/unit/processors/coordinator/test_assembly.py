"""What the transcribers removed from the chunks, in the whole transcript."""

from schemas.segment import RemovedSegment
from schemas.work import WorkReported
from tests.unit.processors.coordinator.test_decide import SPANS, World, closed, requested, text, work


def test_what_the_filters_removed_is_in_the_transcript_with_one_warning() -> None:
    world = World()
    world.see(requested())
    dots = [RemovedSegment(start=at, end=at + 0.4, text="...", reason="letters") for at in (0.0, 0.5)]
    phantom = RemovedSegment(start=1.5, end=2.0, text="Thanks for watching!", reason="phantoms")
    world.report(text(SPANS[1], "World.").model_copy(update={"removed": (phantom,)}))
    world.report(text(SPANS[0], "Hello.").model_copy(update={"removed": tuple(dots)}))
    decision, _ = world.see(WorkReported(work_id=work().work_id, run="0-0", event=closed()))
    assert decision.transcript is not None
    assert decision.transcript.text == "Hello. World."
    assert decision.transcript.removed == (*dots, phantom)
    (warning,) = decision.transcript.warnings
    assert warning.code == "text_removed"
    assert "3 segments" in warning.message
    assert "letters 2, phantoms 1" in warning.message
