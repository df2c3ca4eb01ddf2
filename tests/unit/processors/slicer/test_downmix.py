"""Speech that is loud in one channel is in the mix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from processors.slicer.downmix import Downmix

BLOCK = 8_000
chance = np.random.default_rng(7)
VOICE = (chance.normal(size=10 * BLOCK) * 3000).astype(np.int16)
OTHER = (chance.normal(size=10 * BLOCK) * 3000).astype(np.int16)
NOTHING = np.zeros_like(VOICE)


def channels(*each: Samples) -> NDArray[np.int16]:
    return np.stack(each, axis=1)


def mixed(sound: NDArray[np.int16], layout: str = "stereo") -> Samples:
    downmix = Downmix(layout, sound.shape[1])
    return np.concatenate([downmix.mix(sound[at : at + BLOCK]) for at in range(0, len(sound), BLOCK)])


def energy(samples: NDArray[np.int16]) -> float:
    return float((samples.astype(float) ** 2).sum())


@pytest.mark.parametrize(
    "sound",
    [
        channels(VOICE, -VOICE),
        channels(VOICE, NOTHING),
        channels(NOTHING, VOICE),
        channels(VOICE, VOICE // 10),
        channels(VOICE, -(VOICE // 10)),
        channels(VOICE, -(VOICE // 2)),
        channels(VOICE // 10, VOICE),
        channels(VOICE, OTHER),
        channels(NOTHING, NOTHING, VOICE, NOTHING, NOTHING, NOTHING),
        channels(VOICE, -VOICE, NOTHING, NOTHING, VOICE // 4, NOTHING),
    ],
    ids=["antiphase", "left", "right", "20 dB", "20 dB antiphase", "half", "20 dB left", "two", "centre", "six"],
)
def test_no_block_has_less_than_half_the_energy_of_its_loudest_channel(sound: NDArray[np.int16]) -> None:
    mono = mixed(sound, "stereo" if sound.shape[1] == 2 else "5.1")
    for at in range(0, len(sound), BLOCK):
        block = sound[at : at + BLOCK]
        assert energy(mono[at : at + BLOCK]) >= 0.5 * max(energy(block[:, channel]) for channel in range(block.shape[1]))


def test_ordinary_stereo_is_averaged() -> None:
    sound = channels(VOICE, (VOICE * 0.7).astype(np.int16))
    assert np.abs(mixed(sound) - sound.mean(axis=1)).max() <= 1


def test_channels_without_places_are_averaged() -> None:
    sound = channels(VOICE, VOICE, VOICE)
    assert np.abs(mixed(sound, "3 channels") - VOICE).max() <= 1


def test_a_file_whose_channels_cancel_now_and_then_is_not_switched_back_and_forth() -> None:
    """In the pauses the channels have nothing in common, and the mix would do; yet each switch is a change of sound."""
    noise, other = VOICE // 100, OTHER // 100
    talks = np.repeat(np.arange(20) % 2 == 0, BLOCK // 2)
    talks = np.tile(talks, 1)[: len(VOICE)]
    sound = channels(np.where(talks, VOICE, noise), np.where(talks, -VOICE, other))
    assert np.abs(mixed(sound)[BLOCK:] - sound[BLOCK:, 0]).max() <= 1


def test_two_alternating_speakers_are_both_in_the_mix() -> None:
    turns = np.arange(len(VOICE)) // (2 * BLOCK) % 2 == 0
    sound = channels(np.where(turns, VOICE, 0).astype(np.int16), np.where(turns, 0, OTHER).astype(np.int16))
    mono = mixed(sound)
    for at in range(0, len(sound), BLOCK):
        assert energy(mono[at : at + BLOCK]) >= 0.5 * energy(sound[at : at + BLOCK])


def test_a_change_is_faded_and_loud_sound_does_not_wrap() -> None:
    tone = (np.sin(np.arange(6 * BLOCK) / 20) * 32_000).astype(np.int16)
    left = np.where(np.arange(len(tone)) < 3 * BLOCK, tone, -tone)
    mono = mixed(channels(left, tone)).astype(int)
    steps = np.abs(np.diff(mono))
    assert steps[: 3 * BLOCK - 1].max() < 4_000
    assert steps[3 * BLOCK :].max() < 4_000
