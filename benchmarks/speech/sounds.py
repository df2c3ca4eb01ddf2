"""Sounds without speech, made from a seed: a transcript must have no words for them. Pure."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.speech.recordings import RATE_HZ, Samples

CHORDS_HZ = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))
CHORD_S, NOTE_S = 2.0, 0.25
RING_HZ = (440.0, 480.0)
RING_S, RING_EVERY_S = 2.0, 6.0
CLAPS_PER_S = 60


def noise(duration_s: float, seed: int = 0) -> Samples:
    """Pink: as much in every octave, as in a room or a street."""
    spectrum = np.fft.rfft(_white(duration_s, seed))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return _loud(np.fft.irfft(spectrum, n=_count(duration_s)))


def music(duration_s: float, seed: int = 0) -> Samples:
    """Chords of a few harmonics that die away, and a melody of plucked notes above them."""
    generator = np.random.default_rng(seed)
    mixed = np.zeros(_count(duration_s))
    for number, at in enumerate(np.arange(0, duration_s, CHORD_S)):
        for hz in CHORDS_HZ[number % len(CHORDS_HZ)]:
            _add(mixed, at, _tone(hz, CHORD_S, decay_s=1.5))
    scale = [hz * 2 for chord in CHORDS_HZ for hz in chord]
    for at in np.arange(0, duration_s, NOTE_S):
        _add(mixed, at, 0.7 * _tone(float(generator.choice(scale)), NOTE_S, decay_s=0.15))
    return _loud(mixed)


def ringing(duration_s: float, seed: int = 0) -> Samples:
    """A ringing tone: two tones for two seconds, four seconds of a quiet line."""
    at = np.arange(_count(duration_s)) / RATE_HZ
    tones = sum((np.sin(2 * np.pi * hz * at) for hz in RING_HZ), np.zeros(len(at)))
    return _loud(tones * (at % RING_EVERY_S < RING_S) + 0.01 * _white(duration_s, seed))


def hum(duration_s: float, seed: int = 0) -> Samples:
    """Mains and its harmonics, with a little hiss."""
    at = np.arange(_count(duration_s)) / RATE_HZ
    harmonics = sum((np.sin(2 * np.pi * 50 * n * at) / n for n in range(1, 8)), np.zeros(len(at)))
    return _loud(harmonics + 0.02 * _white(duration_s, seed))


def applause(duration_s: float, seed: int = 0) -> Samples:
    """Many short bursts of noise at random times."""
    generator = np.random.default_rng(seed)
    mixed = np.zeros(_count(duration_s))
    for at in generator.uniform(0, duration_s, int(CLAPS_PER_S * duration_s)):
        burst = generator.normal(0, 1, RATE_HZ // 50) * np.exp(-np.arange(RATE_HZ // 50) / 60)
        _add(mixed, at, generator.uniform(0.2, 1) * burst)
    return _loud(mixed)


def silence(duration_s: float, seed: int = 0) -> Samples:
    """A microphone's own noise, 70 dB below the loudest sound."""
    return _loud(_white(duration_s, seed), peak=10 ** (-70 / 20))


SOUNDS: Mapping[str, Callable[[float, int], Samples]] = {
    "music": music,
    "noise": noise,
    "ringing": ringing,
    "hum": hum,
    "applause": applause,
    "silence": silence,
}


def _count(duration_s: float) -> int:
    return round(duration_s * RATE_HZ)


def _white(duration_s: float, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 1, _count(duration_s))


def _tone(hz: float, duration_s: float, decay_s: float) -> NDArray[np.float64]:
    at = np.arange(_count(duration_s)) / RATE_HZ
    attack = np.minimum(at / 0.01, 1)
    harmonics = sum((np.sin(2 * np.pi * hz * n * at) / n**1.5 for n in range(1, 5)), np.zeros(len(at)))
    return np.asarray(harmonics * attack * np.exp(-at / decay_s))


def _add(mixed: NDArray[np.float64], at_s: float, sound: NDArray[np.float64]) -> None:
    begin = round(at_s * RATE_HZ)
    mixed[begin : begin + len(sound)] += sound[: len(mixed) - begin]


def _loud(sound: NDArray[np.float64], peak: float = 0.5) -> Samples:
    loud: Samples = (sound * (peak / np.abs(sound).max())).astype(np.float32)
    return loud
