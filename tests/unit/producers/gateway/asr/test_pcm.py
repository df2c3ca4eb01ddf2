"""Samples without a header become a WAV file, byte by byte as they arrive."""

import asyncio
import io
from collections.abc import Iterable
from pathlib import Path

import av
import pytest

from producers.gateway.asr.pcm import HEADER, IncomingPcm
from producers.gateway.submission.upload import Memory
from runtime.objects.directory import DirectoryStore

SAMPLES = bytes(range(256)) * 100


def stored(folder: Path, pieces: Iterable[bytes]) -> bytes:
    store = DirectoryStore({"work": folder})
    incoming = IncomingPcm(store, "work", "x", 10**9, Memory())

    async def write() -> bytes:
        for piece in pieces:
            await incoming.write(piece)
        await incoming.finish()
        return store.get("work", incoming.store().key)

    return asyncio.run(write())


@pytest.mark.parametrize("piece_bytes", [1, 11, 12, 1000, len(SAMPLES)])
def test_samples_get_a_header(tmp_path: Path, piece_bytes: int) -> None:
    pieces = [SAMPLES[at : at + piece_bytes] for at in range(0, len(SAMPLES), piece_bytes)]
    assert stored(tmp_path, pieces) == HEADER + SAMPLES


def test_the_header_says_what_the_samples_are(tmp_path: Path) -> None:
    with av.open(io.BytesIO(stored(tmp_path, [SAMPLES])), "r") as container:
        audio = container.streams.audio[0]
        assert (audio.rate, audio.channels, audio.codec_context.name) == (16_000, 1, "pcm_s16le")
        assert b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio)) == SAMPLES


def test_a_wav_file_stays_as_it_is(tmp_path: Path) -> None:
    assert stored(tmp_path, [HEADER[:5], HEADER[5:] + SAMPLES]) == HEADER + SAMPLES


def test_a_few_samples_are_samples_too(tmp_path: Path) -> None:
    assert stored(tmp_path, [b"\0\1"]) == HEADER + b"\0\1"
