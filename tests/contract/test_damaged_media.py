"""Damaged files of many containers in the decoder process: decoded, or refused with a reason, and the next one is right."""

import io
import random
from collections import deque
from contextlib import closing, suppress
from functools import cache

import pytest

from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.sandbox.pool import Decoders
from processors.slicer.sandbox.process import Limits
from runtime.errors import Invalid
from tests.contract.media import Sound, decoded, media, speech

REASONS = {"empty", "unsupported", "no_audio", "corrupt", "too_long", "too_slow", "too_much_memory"}
KINDS = {
    "adts": "aac",
    "aiff": "pcm_s16be",
    "asf": "wmav2",
    "avi": "mp3",
    "flac": "flac",
    "flv": "mp3",
    "matroska": "aac",
    "mp3": "mp3",
    "mp4": "aac",
    "mpegts": "aac",
    "ogg": "libopus",
    "wav": "pcm_s16le",
    "webm": "libopus",
}
SECONDS = 2.0


@cache
def whole(kind: str) -> bytes:
    rate = {"libopus": 48_000, "mp3": 44_100, "wmav2": 44_100}.get(KINDS[kind], 16_000)
    return media(kind, Sound(speech(SECONDS), KINDS[kind], rate))


def outcome(data: bytes) -> Samples | str:
    """Samples, or the reason for which there are none. Nothing else is right: DecoderDied fails the test."""
    try:
        return decoded(data)[0]
    except Invalid as refused:
        assert refused.failure.reason in REASONS  # noqa: PT017  either outcome is right
        return refused.failure.reason


def flipped(data: bytes, seed: int) -> bytes:
    """One bit in 10,000 of the file, with every other seed one in 1,000; with every third in the first 600 bytes only."""
    chance, damaged = random.Random(seed), bytearray(data)
    for _ in range(max(1, len(data) * 8 // (1_000 if seed % 2 else 10_000))):
        damaged[chance.randrange(min(len(data), 600) if seed % 3 == 0 else len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def assert_next_is_right(kind: str) -> None:
    assert len(decoded(whole(kind))[0]) / 16_000 == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_flipped_by_a_hundred_seeds(kind: str) -> None:
    outcomes = [outcome(flipped(whole(kind), seed)) for seed in range(100)]
    assert any(not isinstance(one, str) for one in outcomes)
    assert_next_is_right(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_at_each_tenth(kind: str) -> None:
    """Never longer than the whole, and only a file with its index at the end is lost with that."""
    outcomes = [outcome(whole(kind)[: len(whole(kind)) * tenths // 10]) for tenths in range(10)]
    assert outcomes[0] == "empty"
    lengths = [0 if isinstance(one, str) else len(one) / 16_000 for one in outcomes]
    assert max(lengths) <= SECONDS + 0.15
    assert lengths[9] > 0.45 * SECONDS or kind == "mp4"  # a page of an Ogg file is a second long
    assert_next_is_right(kind)


def test_one_process_decodes_all_of_them() -> None:
    """A file that is refused leaves the process as it was."""
    with closing(Decoders(Limits())) as own:
        children = set()
        for data in [flipped(whole(kind), 1) for kind in KINDS] + [whole(kind)[:-100] for kind in KINDS]:
            with suppress(Invalid), own(io.BytesIO(data), DecodeOptions(600)) as audio:
                deque(audio.blocks())
            children.add(own._idle[-1].child.pid)
        assert len(children) == 1
