"""The detector's pause in silence: what it saves, and that it changes no region of speech. Clips: natural speech."""

from functools import cache

import numpy as np
import pytest

from processors.slicer import vad
from processors.slicer.audio import BLOCK_SAMPLES, Samples
from processors.slicer.regions import Region, Regions
from processors.slicer.vad import (
    QUIET_PEAK,
    QUIET_WINDOWS,
    WARM_UP_WINDOWS,
    WINDOW_SAMPLES,
    Probabilities,
    Session,
    SpeechDetector,
    load_session,
)
from schemas.options import SlicingOptions
from schemas.work import Span
from tests.contract.clips import NATURAL, samples_of

OPTIONS = SlicingOptions(min_silence_s=0.16)


@cache
def session() -> Session:
    return load_session()


class CountedWindows:
    """The network; counts the windows that it is given."""

    def __init__(self) -> None:
        self.windows = 0

    def run(self, outputs: None, inputs: dict[str, Probabilities]) -> list[Probabilities]:
        self.windows += len(inputs["input"])
        return session().run(outputs, inputs)


@pytest.fixture
def without_pause(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Until it is undone."""
    monkeypatch.setattr(vad, "QUIET_WINDOWS", 1 << 40)
    return monkeypatch


def silence(duration_s: float, peak: int) -> Samples:
    return np.random.default_rng(0).integers(-peak, peak + 1, round(duration_s * 16_000), np.int16)


def probabilities(samples: Samples, block: int = BLOCK_SAMPLES) -> Probabilities:
    detector = SpeechDetector(session())
    found = [detector.feed(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*found, detector.finish()])


def regions(samples: Samples, block: int = BLOCK_SAMPLES) -> list[Region]:
    return Regions(OPTIONS).finish(probabilities(samples, block), len(samples))


def speech(found: list[Region]) -> list[Span]:
    """Without the padding, which the start of a file shortens."""
    return [stretch for region in found for stretch in region.speech]


@pytest.mark.parametrize("peak", [0, 1, QUIET_PEAK])
def test_an_hour_of_silence_costs_ten_seconds(peak: int) -> None:
    counted = CountedWindows()
    detector = SpeechDetector(counted)
    minute = silence(60, peak)
    found = [detector.feed(minute) for _ in range(60)]
    assert counted.windows == QUIET_WINDOWS
    assert sum(map(len, found)) == 60 * len(minute) // WINDOW_SAMPLES


def test_louder_silence_is_not_left_out() -> None:
    counted = CountedWindows()
    SpeechDetector(counted).feed(silence(20, QUIET_PEAK + 1))
    assert counted.windows == 20 * 16_000 // WINDOW_SAMPLES


@pytest.mark.parametrize("gain_db", [0, -40])
@pytest.mark.parametrize("name", NATURAL)
def test_the_pause_changes_nothing_in_natural_speech(name: str, gain_db: int, without_pause: pytest.MonkeyPatch) -> None:
    samples = np.round(samples_of(name) * 10 ** (gain_db / 20)).astype(np.int16)
    expected = regions(samples)
    without_pause.undo()
    assert expected
    assert regions(samples) == expected


@pytest.mark.parametrize("name", NATURAL)
def test_speech_at_the_level_of_silence_is_not_found_without_the_pause_either(
    name: str, without_pause: pytest.MonkeyPatch
) -> None:
    samples = samples_of(name).astype(np.float32)
    assert probabilities(np.round(samples * (QUIET_PEAK / np.abs(samples).max())).astype(np.int16)).max() < 0.1


@pytest.mark.parametrize("peak", [0, QUIET_PEAK])
@pytest.mark.parametrize("name", NATURAL)
def test_speech_after_a_minute_of_silence_is_found_as_at_the_start_of_a_file(name: str, peak: int) -> None:
    before = silence(60, peak)
    moved = len(before) - WARM_UP_WINDOWS * WINDOW_SAMPLES
    samples = np.concatenate((before, samples_of(name)))
    alone, after = speech(regions(samples[moved:])), speech(regions(samples))
    assert np.abs(np.subtract(after, moved) - alone).max() <= WINDOW_SAMPLES  # a recording may fade in from silence


def test_without_the_pause_speech_after_a_minute_of_silence_is_found_late(without_pause: pytest.MonkeyPatch) -> None:
    """The reason why the pause begins anew instead of going on."""
    before, samples = silence(60, 0), samples_of("travel.flac")
    alone, after = speech(regions(samples)), speech(regions(np.concatenate((before, samples))))
    assert after[0][0] - len(before) - alone[0][0] > 0.1 * 16_000


def test_the_pause_does_not_depend_on_how_the_samples_arrive() -> None:
    story = samples_of("story.flac")
    samples = np.concatenate((story, silence(10.3, 1), story, silence(12.1, 2), story))
    whole = regions(samples, len(samples))
    assert len(whole) > 3
    assert all(regions(samples, block) == whole for block in (700, 16_384, 100_001))
