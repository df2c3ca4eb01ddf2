"""What `progress` says of a chunk beside its text: its language, and whether it may be transcribed again."""

import pytest

from schemas.work import WorkProgressed
from tests.unit.processors.coordinator.test_decide import SPANS, World, closed, only, requested, text, work


def progress(world: World, sure: float, language: str = "pt", attempt: int = 0) -> WorkProgressed:
    (event,) = only(WorkProgressed, world.report(text(SPANS[0], "Olá.", language=language, sure=sure, attempt=attempt)))
    return event


@pytest.mark.parametrize(("sure", "may_change"), [(0.99, False), (0.8, False), (0.79, True)])
def test_a_chunk_whose_language_is_in_doubt_may_change(sure: float, may_change: bool) -> None:
    world = World()
    world.see(requested())
    event = progress(world, sure)
    assert (event.language, event.language_probability, event.may_change) == ("pt", sure, may_change)


@pytest.mark.parametrize("options", [{"multilingual": True}, {"language": "pt"}])
def test_no_chunk_changes_when_the_language_is_given_or_each_has_its_own(options: dict[str, object]) -> None:
    world = World()
    world.see(requested(of=work(decoding=options)))
    assert not progress(world, 0.1).may_change


def test_a_chunk_that_was_transcribed_again_does_not_change_any_more() -> None:
    world = World()
    world.see(requested())
    world.report(closed())
    assert progress(world, 0.4).may_change
    world.report(text(SPANS[1], "Hello."))
    again = progress(world, 0.4, language="en", attempt=1)
    assert (again.may_change, again.language) == (False, "en")
