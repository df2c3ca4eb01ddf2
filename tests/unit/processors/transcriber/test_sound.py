"""Silence is what no detector finds speech in and nothing stands out of, however loud its background is."""

import numpy as np
import pytest

from processors.transcriber.sound import Sound

RATE = 16_000


def noise(duration_s: float, level_db: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    samples = np.random.default_rng(1).normal(0, 32768 * 10 ** (level_db / 20), round(duration_s * RATE))
    return np.clip(samples, -32768, 32767).astype(np.int16)


def beside_a_voice(level_db: float) -> Sound:
    """Two seconds of noise, two of a voice 30 dB above it, of which only the second half was detected, four of noise."""
    return Sound(np.concatenate([noise(2, level_db), noise(2, level_db + 30), noise(4, level_db)]), [(3.0, 4.0)])


@pytest.mark.parametrize("level_db", [-70.0, -40.0])
def test_noise_without_speech_is_silent_at_any_level(level_db: float) -> None:
    sound = beside_a_voice(level_db)
    assert sound.is_silent(5.0, 7.0, 6.0)
    assert sound.is_silent(0.0, 1.5, 6.0)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (3.2, 3.8),  # detected
        (3.9, 6.0),  # partly detected
        (4.2, 6.0),  # beside detected speech: a time may be that far off
        (1.0, 2.5),  # not detected, and loud
    ],
)
def test_a_text_over_speech_or_over_something_loud_is_not(start: float, end: float) -> None:
    assert not beside_a_voice(-40.0).is_silent(start, end, 6.0)


def test_what_is_inaudible_is_silent_even_where_detection_did_not_run() -> None:
    sound = Sound(np.concatenate([noise(2, -85), noise(2, -30)]), [(0.0, 4.0)])
    assert sound.is_silent(0.2, 1.8, 6.0)
    assert not sound.is_silent(2.2, 3.8, 6.0)
    assert not Sound(noise(2, -60), [(0.0, 2.0)]).is_silent(0.0, 2.0, 6.0)


def test_the_margin_says_how_far_above_the_background_a_sound_is() -> None:
    sound = Sound(np.concatenate([noise(4, -50), noise(1, -42)]), [])
    assert not sound.is_silent(4.1, 4.9, 6.0)
    assert sound.is_silent(4.1, 4.9, 12.0)


@pytest.mark.parametrize("samples", [0, 1, 500, 801])
def test_the_shortest_chunk_has_a_level(samples: int) -> None:
    for start, end in ((0.0, 0.05), (0.0, 0.0), (0.02, 1.0)):
        assert Sound(np.zeros(samples, dtype=np.int16), []).is_silent(start, end, 6.0)


def test_samples_from_minus_one_to_one_have_the_same_levels() -> None:
    as_int = noise(2, -85)
    assert Sound(as_int, [(0.0, 2.0)]).is_silent(0, 2, 6.0)
    assert Sound((as_int / 32768).astype(np.float32), [(0.0, 2.0)]).is_silent(0, 2, 6.0)


def test_without_detection_there_may_be_speech_anywhere() -> None:
    samples = noise(4, -40)
    assert Sound(samples, [], vad=False).is_speech(1.0, 2.0)
    assert not Sound(samples, [], vad=False).is_silent(1.0, 2.0, 6.0)
    assert Sound(samples, []).is_silent(1.0, 2.0, 6.0)


@pytest.mark.parametrize(("loud_s", "voice"), [(0.1, False), (0.15, False), (0.2, True), (1.0, True)])
def test_a_voice_is_louder_than_the_background_for_as_long_as_a_word(loud_s: float, voice: bool) -> None:
    sound = Sound(np.concatenate([noise(3, -50), noise(loud_s, -30), noise(3, -50)]), [(0.0, 6.0 + loud_s)])
    assert sound.may_have_voice(0.0, 6.0, 6.0) is voice
    assert not sound.may_have_voice(0.0, 3.0, 6.0)


@pytest.mark.parametrize(
    ("quiet_s", "loud_db", "decides"),
    [
        (2.0, -30, False),  # too short
        (3.0, -30, True),
        (3.0, -44, False),  # neither steady nor clearly quiet and loud
        (3.0, -49, True),  # steady
    ],
)
def test_the_level_decides_only_in_a_chunk_that_has_a_background(quiet_s: float, loud_db: float, decides: bool) -> None:
    sound = Sound(np.concatenate([noise(quiet_s, -50), noise(quiet_s - 0.2, loud_db)]), [], vad=False)
    assert sound.may_have_voice(0.0, quiet_s, 6.0) is not decides


def test_what_a_clear_spread_is_follows_the_margin() -> None:
    sound = Sound(np.concatenate([noise(3, -50), noise(3, -30)]), [], vad=False)
    assert not sound.may_have_voice(0.0, 3.0, 9.0)
    assert sound.may_have_voice(0.0, 3.0, 11.0)
