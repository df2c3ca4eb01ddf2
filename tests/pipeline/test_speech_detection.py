"""Options of speech detection, from the form of a submission to the chunks that a transcriber gets."""

import io
import wave

import numpy as np

from murmur.dev import Dev
from schemas.topics import CHUNKS_INTERACTIVE
from schemas.work import ChunkReady
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.reading import events, works

CLIP = BY_NAME["en-meeting-opus.ogg"].path


def chunks(client: Client, system: Dev, name: str, content: bytes, **fields: str) -> list[ChunkReady]:
    """What the file was cut into."""
    task_id = str(client.post(name, content, **fields).json["task_id"])
    assert client.ended(task_id)["state"] == "SUCCESS"
    (work_id,) = works(system, {task_id})
    return events(system, CHUNKS_INTERACTIVE, ChunkReady, lambda chunk: chunk.work_id == work_id)


def noise(duration_s: int) -> bytes:
    samples = np.random.default_rng(0).integers(-300, 300, duration_s * 16_000, np.int16)
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16_000)
        target.writeframes(samples.tobytes())
    return out.getvalue()


def test_without_speech_detection_noise_is_transcribed_too(client: Client, system: Dev) -> None:
    content = noise(3)
    assert chunks(client, system, "noise.wav", content) == []
    (chunk,) = chunks(client, system, "noise.wav", content, vad="false")
    assert (chunk.vad, chunk.pieces) == (False, ((0, 48_000),))


def test_every_option_of_a_submission_changes_what_is_cut(client: Client, system: Dev) -> None:
    def pieces(**fields: str) -> list[tuple[int, int]]:
        found = chunks(client, system, CLIP.name, CLIP.read_bytes(), min_silence_duration_ms="100", **fields)
        assert all(chunk.vad for chunk in found)
        return [piece for chunk in sorted(found, key=lambda chunk: chunk.span) for piece in chunk.pieces]

    cuts = [
        pieces(speech_pad_ms="0"),
        pieces(speech_pad_ms="50"),
        pieces(speech_pad_ms="0", vad_threshold="0.9"),
        pieces(speech_pad_ms="0", min_speech_duration_ms="1500"),
        pieces(speech_pad_ms="0", max_chunk_s="1"),
    ]
    assert all(cuts)
    assert len(set(map(tuple, cuts))) == len(cuts)
