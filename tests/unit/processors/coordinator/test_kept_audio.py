"""A work whose file was not decoded again: its second transcriptions read the audio of the run that has written it."""

import pytest

from schemas.work import ChunkReady
from tests.unit.processors.coordinator.test_decide import World, closed, only, requested, text


@pytest.mark.parametrize(("audio_run", "run"), [("0-9", "0-9"), (None, "0-0")])
def test_a_chunk_is_transcribed_again_from_the_audio_of_its_run(audio_run: str | None, run: str) -> None:
    world = World()
    world.see(requested())
    spans = ((0, 16_000), (20_000, 36_000), (40_000, 56_000))
    world.report(closed(spans).model_copy(update={"audio_run": audio_run}))
    world.report(text(spans[0], "Hello."))
    world.report(text(spans[1], "Um.", language="pt", sure=0.4))
    (again,) = only(ChunkReady, world.report(text(spans[2], "World.")))
    assert again.audio.key.split("/")[2] == run
    assert again.run == "0-0"
