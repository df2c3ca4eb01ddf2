"""Our streaming detector and regions against faster-whisper's, which hears a file as a whole."""

from itertools import pairwise, product

import faster_whisper.vad
import numpy as np
import pytest
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from processors.slicer.cutter import Cutter
from processors.slicer.regions import Region, Regions
from processors.slicer.vad import Session, SpeechDetector, load_session
from schemas.options import SlicingOptions
from schemas.work import Span
from tests.contract.clips import BUNDLED, NATURAL, samples_of

# Our own threshold is lower, and what only that finds must last: see test_regions.
OPTIONS = [
    SlicingOptions(vad_threshold=0.5, min_silence_s=0.16),
    SlicingOptions(vad_threshold=0.6, min_silence_s=0.5, speech_pad_s=0.1),
    SlicingOptions(vad_threshold=0.35, min_silence_s=0.16, speech_pad_s=0.2),
]


GRID = list(product([0.35, 0.5, 0.7], [0, 0.25, 1], [0.1, 0.5, 2], [0, 0.4]))


class Scripted:
    """In the place of faster-whisper's network: returns given probabilities."""

    def __init__(self, probabilities: NDArray[np.float32]) -> None:
        self._probabilities = probabilities

    def __call__(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._probabilities[: len(audio) // 512]


@pytest.fixture(scope="module")
def session() -> Session:
    return load_session()


def theirs(samples: Samples, options: SlicingOptions) -> list[Span]:
    wanted = faster_whisper.vad.VadOptions(
        threshold=options.vad_threshold,
        min_speech_duration_ms=int(options.min_speech_s * 1000),
        max_speech_duration_s=options.max_chunk_s,
        min_silence_duration_ms=int(options.min_silence_s * 1000),
        speech_pad_ms=int(options.speech_pad_s * 1000),
    )
    found = faster_whisper.vad.get_speech_timestamps(samples.astype(np.float32) / 32768, wanted)
    return [(region["start"], region["end"]) for region in found]


def ours(samples: Samples, options: SlicingOptions, session: Session, block: int) -> list[Region]:
    detector, regions = SpeechDetector(session), Regions(options)
    found = [r for at in range(0, len(samples), block) for r in regions.feed(detector.feed(samples[at : at + block]))]
    return found + regions.finish(detector.finish(), len(samples))


def padded(regions: list[Region]) -> list[Span]:
    return [region.span for region in regions]


@pytest.mark.parametrize("clip", BUNDLED + NATURAL)
def test_the_network_finds_what_faster_whispers_does(clip: str, session: Session) -> None:
    """Except in the last window, where faster-whisper sets the last samples to zero."""
    samples = samples_of(clip)
    padded = np.pad(samples, (0, 512 - len(samples) % 512)).astype(np.float32) / 32768
    expected = faster_whisper.vad.get_vad_model()(padded)[:-1]
    assert np.abs(SpeechDetector(session).feed(samples) - expected).max() < 1e-5


@pytest.mark.parametrize("clip", BUNDLED)
def test_every_clip_has_the_same_regions_and_chunks(clip: str, session: Session) -> None:
    samples = samples_of(clip)
    for options in OPTIONS:
        regions = ours(samples, options, session, 16384)
        assert padded(regions) == theirs(samples, options)
        spans = [{"start": start, "end": end} for start, end in padded(regions)]
        expected, _ = faster_whisper.vad.collect_chunks(samples, spans, max_duration=options.max_chunk_s)
        cutter = Cutter(int(options.max_chunk_s * 16000))
        chunks = [chunk for region in regions for chunk in cutter.add(region)] + list(cutter.finish())
        joined = [np.concatenate([samples[a:b] for a, b in chunk.pieces]).tolist() for chunk in chunks]
        assert joined == [chunk.tolist() for chunk in expected if len(chunk)]


def test_regions_do_not_depend_on_how_the_samples_arrive(session: Session) -> None:
    samples = samples_of("en-meeting-opus.ogg")
    whole = ours(samples, OPTIONS[0], session, len(samples))
    assert whole
    assert all(ours(samples, OPTIONS[0], session, block) == whole for block in (700, 16384, 100_001))


@pytest.mark.parametrize("clip", NATURAL)
def test_natural_speech_has_the_same_regions_with_any_options(
    clip: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same probabilities, and without a longest chunk, where our rules differ: see test_regions."""
    samples = samples_of(clip)
    detector = SpeechDetector(session)
    probabilities = np.concatenate([detector.feed(samples), detector.finish()])
    monkeypatch.setattr(faster_whisper.vad, "get_vad_model", lambda: Scripted(probabilities))
    for threshold, min_speech_s, min_silence_s, pad_s in GRID:
        options = SlicingOptions(
            vad_threshold=threshold, min_speech_s=min_speech_s, min_silence_s=min_silence_s, speech_pad_s=pad_s
        ).model_copy(update={"max_chunk_s": 3600.0})
        found = Regions(options).finish(probabilities, len(samples))
        assert padded(found) == theirs(samples, options), options


@pytest.mark.parametrize("seed", range(60))
def test_the_rules_agree_on_any_probabilities(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(seed)
    runs = chance.integers(1, [12, 40, 120][seed % 3], 300)
    probabilities = np.repeat(chance.choice([0.05, 0.2, 0.4, 0.6, 0.95], 300), runs).astype(np.float32)
    # A silence in every second: where speech grows too long our rules differ, see test_regions.
    probabilities[np.arange(len(probabilities)) % 31 < 7] = 0.05
    length = (len(probabilities) - 1) * 512 + int(chance.integers(0, 512))
    options = SlicingOptions(
        vad_threshold=0.5,
        max_chunk_s=float(chance.choice([3, 5, 10, 30])),
        min_speech_s=float(chance.choice([0, 0.25, 1.5])),
        min_silence_s=float(chance.choice([0, 0.1, 0.16])),
        speech_pad_s=float(chance.choice([0, 0.05, 0.4])),
    )
    monkeypatch.setattr(faster_whisper.vad, "get_vad_model", lambda: Scripted(probabilities))
    machine = Regions(options)
    found = [region for p in probabilities[:-1] for region in machine.feed([p])]
    found += machine.finish(probabilities[-1:], length)
    assert padded(found) == theirs(np.zeros(length, np.int16), options)
    stretches = [(max(start, a), min(end, b)) for region in found for start, end in [region.span] for a, b in region.speech]
    assert stretches == [stretch for region in found for stretch in region.speech]
    assert all(before[1] <= after[0] for before, after in pairwise(stretches))
