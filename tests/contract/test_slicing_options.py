"""Every option of speech detection shows its effect on natural speech: `talk.opus`, 17 parts with pauses of 0.6 to 3 s."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest

from processors.slicer.audio import BLOCK_SAMPLES, Check, DecodeOptions, Samples, Seekable, no_check
from processors.slicer.media_info import MediaInfo
from processors.slicer.slicing import Closed, Cut, Slicer
from processors.slicer.vad import Probabilities, Session, load_session
from schemas.options import SlicingOptions
from schemas.work import Span
from tests.contract.clips import samples_of

TALK = "talk.opus"


class Decoded:
    """The talk, without decoding it for every option."""

    info = MediaInfo(container="ogg", codec="opus", sample_rate_hz=48_000, channels=1)
    usage = None

    def blocks(self) -> Iterator[Samples]:
        samples = samples_of(TALK)
        return (samples[at : at + BLOCK_SAMPLES] for at in range(0, len(samples), BLOCK_SAMPLES))


@contextmanager
def talk(file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[Decoded]:
    yield Decoded()


class Unused:
    def run(self, outputs: None, inputs: dict[str, Probabilities]) -> list[Probabilities]:
        raise AssertionError


@cache
def session() -> Session:
    return load_session()


def cuts(options: SlicingOptions, network: Session | None = None) -> list[Cut]:
    *events, closed = Slicer(talk, network or session(), 600).slice(BytesIO(b"talk"), options)
    assert isinstance(closed, Closed)
    assert (closed.vad_s > 0) == options.vad
    found = [event for event in events if isinstance(event, Cut)]
    assert closed.chunks == tuple(cut.chunk for cut in found)
    return found


def pieces(**options: float) -> list[Span]:
    return [piece for cut in cuts(SlicingOptions.model_validate(options)) for piece in cut.chunk.pieces]


def seconds(spans: list[Span]) -> float:
    return sum(end - start for start, end in spans) / 16_000


def test_a_higher_threshold_finds_less_speech() -> None:
    low, high = (pieces(vad_threshold=threshold, min_silence_s=0.1, speech_pad_s=0) for threshold in (0.2, 0.9))
    assert seconds(low) - seconds(high) > 1


def test_shorter_speech_than_the_shortest_is_left_out() -> None:
    every, longer = (pieces(min_speech_s=shortest, min_silence_s=0.1, speech_pad_s=0) for shortest in (0, 1))
    assert longer == [(start, end) for start, end in every if end - start > 16_000]
    assert len(longer) < len(every)


def test_a_shorter_silence_ends_speech_more_often() -> None:
    by_silence = [len(pieces(min_silence_s=silence_s, speech_pad_s=0)) for silence_s in (0.1, 1, 2)]
    assert by_silence[0] > by_silence[1] > by_silence[2] > 1


def test_padding_is_added_on_both_sides_of_speech() -> None:
    bare, padded = (pieces(speech_pad_s=pad_s) for pad_s in (0, 0.2))
    assert padded == [(max(0, start - 3200), min(len(samples_of(TALK)), end + 3200)) for start, end in bare]


@pytest.mark.parametrize("vad", [True, False])
def test_a_smaller_longest_chunk_makes_more_chunks(vad: bool) -> None:
    by_limit = {limit_s: cuts(SlicingOptions(max_chunk_s=limit_s, vad=vad)) for limit_s in (5, 10, 30)}
    assert all(0 < len(cut.pcm) <= limit_s * 32_000 for limit_s, found in by_limit.items() for cut in found)
    assert len(by_limit[5]) > len(by_limit[10]) > len(by_limit[30])


def test_without_speech_detection_the_whole_file_is_cut_and_the_network_is_not_run() -> None:
    found = cuts(SlicingOptions(vad=False), Unused())
    samples = samples_of(TALK)
    assert b"".join(cut.pcm for cut in found) == samples.astype("<i2").tobytes()
    assert [cut.chunk.span for cut in found] == [span for cut in found for span in cut.chunk.pieces]
    assert all(before.chunk.span[1] == after.chunk.span[0] for before, after in pairwise(found))


def test_without_speech_detection_no_word_is_cut() -> None:
    """Every cut is in a pause: the detector finds no speech there."""
    spoken = pieces(min_silence_s=0.1, speech_pad_s=0)
    bounds = [cut.chunk.span[1] for cut in cuts(SlicingOptions(vad=False))][:-1]
    assert len(bounds) > 3
    assert not [at for at in bounds if any(start < at < end for start, end in spoken)]


def test_the_audio_of_a_chunk_is_that_of_its_pieces() -> None:
    samples = samples_of(TALK)
    for cut in cuts(SlicingOptions(min_silence_s=0.1)):
        assert np.frombuffer(cut.pcm, "<i2").tolist() == [s for a, b in cut.chunk.pieces for s in samples[a:b].tolist()]
