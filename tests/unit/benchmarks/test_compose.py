"""What is made of recordings keeps the times of the speech, and is the same whenever it is made."""

import numpy as np
import pytest

from benchmarks.speech import compose, sounds
from benchmarks.speech.recordings import RATE_HZ, Part, Recording, decode

VOICE = 0.3


def tone(duration_s: float, level: float = VOICE) -> Recording:
    """A "voice" with 0.2 s of silence around it."""
    voice = level * np.sin(np.arange(round(duration_s * RATE_HZ)) / 5)
    return Recording("tone", "en", np.pad(voice, RATE_HZ // 5).astype(np.float32), (Part(0.2, 0.2 + duration_s, "la"),))


def is_voice(recording: Recording, at_s: float) -> bool:
    window = recording.samples[round((at_s - 0.01) * RATE_HZ) : round((at_s + 0.01) * RATE_HZ)]
    return float(np.abs(window).max()) > VOICE / 3


def check_times(recording: Recording) -> None:
    for part in recording.parts:
        inside, outside = (part.start + 0.05, part.end - 0.05), (part.start - 0.05, part.end + 0.05)
        assert [is_voice(recording, at) for at in (*inside, *outside)] == [True, True, False, False]


@pytest.mark.parametrize("pauses_s", [[0.15, 0.2], [1.0, 8.0]])
def test_joined_recordings_are_at_the_reported_times(pauses_s: list[float]) -> None:
    joined = compose.join("joined", [tone(0.5), tone(1.0), tone(0.3)], pauses_s)
    check_times(joined)
    between = [after.start - before.end for before, after in zip(joined.parts[:-1], joined.parts[1:], strict=True)]
    assert between == pytest.approx(pauses_s)
    assert joined.parts[0].start == pytest.approx(0.5)


def test_joined_without_pauses_they_touch() -> None:
    joined = compose.join("joined", [tone(0.5), tone(0.5)], [0.0])
    assert joined.parts[0].end == pytest.approx(joined.parts[1].start)
    assert is_voice(joined, joined.parts[1].start)


def test_the_shortest_and_the_longest_pause_are_among_them() -> None:
    lengths = compose.pauses(10, seed=1)
    assert (min(lengths), max(lengths)) == (0.2, 8.0)
    assert lengths == compose.pauses(10, seed=1) != compose.pauses(10, seed=2)


def test_pauses_between_words_are_shortened() -> None:
    voice, silence = tone(0.5).samples[RATE_HZ // 5 : -RATE_HZ // 5], np.zeros(RATE_HZ, np.float32)
    edge = np.zeros(RATE_HZ // 5, np.float32)
    halting = Recording("halting", "en", np.concatenate([edge, voice, silence, voice, edge]), (Part(0.2, 2.2, "la la"),))
    fluent = compose.without_pauses(halting)
    (part,) = fluent.parts
    assert part.end - part.start == pytest.approx(1.0 + compose.LONGEST_HUSH_S, abs=0.02)
    check_times(fluent)


def test_faster_speech_is_sooner_over_and_its_times_are_too() -> None:
    fast = compose.faster(compose.join("joined", [tone(1.0), tone(1.0)], [0.8]), 1.5)
    assert fast.duration_s == pytest.approx(3.8 / 1.5, abs=0.1)
    check_times(fast)


def test_a_sound_under_speech_is_as_far_below_it_as_requested() -> None:
    speech = tone(2.0)
    difference = compose.mixed(speech, sounds.noise(speech.duration_s), 10.0).samples - speech.samples
    voice = speech.samples[RATE_HZ // 5 : -RATE_HZ // 5]
    assert 10 * np.log10(np.mean(voice**2) / np.mean(difference**2)) == pytest.approx(10.0, abs=0.3)


def test_a_telephone_file_keeps_its_length_and_loses_what_is_low() -> None:
    hum = np.sin(np.arange(RATE_HZ) * 2 * np.pi * 60 / RATE_HZ) * VOICE
    low = tone(1.0).with_samples(hum.astype(np.float32))
    filtered = decode(compose.as_telephone(low).data)
    assert len(filtered) == pytest.approx(RATE_HZ, abs=RATE_HZ // 50)
    assert float(np.abs(filtered).max()) < VOICE / 10


@pytest.mark.parametrize("name", sounds.SOUNDS)
def test_sounds_are_the_same_every_time(name: str) -> None:
    made = sounds.SOUNDS[name](3.0, 1)
    assert len(made) == 3 * RATE_HZ
    assert float(np.abs(made).max()) <= 0.5
    assert np.array_equal(made, sounds.SOUNDS[name](3.0, 1))
