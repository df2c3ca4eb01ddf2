"""Second transcriptions, of chunks in another language than their file, take the lane of the first ones."""

import io
import wave

import pytest

from murmur.dev import Dev
from processors.coordinator import assembly
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import ChunkReady
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.reading import events, works

PAUSE_S = 1


def in_two_languages() -> bytes:
    """English twice, then Portuguese, with pauses."""
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        for name in ("en-command.wav", "en-command.wav", "pt-command.wav"):
            with wave.open(str(BY_NAME[name].path)) as clip:
                parameters = clip.getparams()
                if not target.getnframes():
                    target.setparams(parameters)
                target.writeframes(clip.readframes(parameters.nframes))
                target.writeframes(bytes(PAUSE_S * parameters.framerate * parameters.sampwidth))
    return out.getvalue()


def test_a_chunk_of_a_short_file_is_transcribed_again_in_the_fast_lane(
    client: Client, system: Dev, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "CONFIDENT", 1.01)  # whatever the demo model says, a chunk in the other language is in doubt
    task_id = str(client.post("two languages.wav", in_two_languages(), max_chunk_s="3").json["task_id"])
    assert client.ended(task_id)["state"] == "SUCCESS"
    work_ids = works(system, {task_id})
    again = [
        chunk
        for topic in (CHUNKS_INTERACTIVE, CHUNKS_BULK)
        for chunk in events(system, topic, ChunkReady, lambda chunk: chunk.work_id in work_ids and chunk.attempt > 0)
    ]
    assert [(chunk.lane, chunk.decoding.language) for chunk in again] == [("interactive", "en")]
    assert events(system, CHUNKS_BULK, ChunkReady, lambda chunk: chunk.work_id in work_ids) == []
