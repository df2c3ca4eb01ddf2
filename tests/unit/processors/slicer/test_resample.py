"""Frames of any length are the same sound."""

from itertools import chain

import numpy as np
import pytest
from av.audio.frame import AudioFrame

from processors.slicer.audio import Samples
from processors.slicer.resample import Resampler
from schemas.sound import SAMPLE_RATE_HZ

SECOND = np.random.default_rng(3).integers(-9000, 9000, SAMPLE_RATE_HZ).astype(np.int16)
NOTHING = np.zeros_like(SECOND)
TWO_SPEAKERS = np.stack([np.concatenate([SECOND, NOTHING, SECOND]), np.concatenate([NOTHING, SECOND, -SECOND])], axis=1)


def converted(frame_samples: int) -> Samples:
    resampler = Resampler()
    pieces = [list(resampler.convert(frame(begin, frame_samples))) for begin in range(0, len(TWO_SPEAKERS), frame_samples)]
    return np.concatenate([*chain.from_iterable(pieces), *resampler.flush()])


def frame(begin: int, samples: int) -> AudioFrame:
    made = AudioFrame.from_ndarray(TWO_SPEAKERS[begin : begin + samples].reshape(1, -1), "s16", "stereo")
    made.sample_rate = SAMPLE_RATE_HZ
    return made


@pytest.mark.parametrize("frame_samples", [100, 30_000, 48_000])
def test_the_mix_does_not_depend_on_the_length_of_the_frames(frame_samples: int) -> None:
    """A container with long frames is not mixed more coarsely than one with short frames."""
    assert np.array_equal(converted(frame_samples), converted(1024))


def test_a_stream_may_change_its_channels() -> None:
    resampler = Resampler()
    first, second = (
        list(resampler.convert(frame(0, 8000))),
        AudioFrame.from_ndarray(np.zeros((1, 6 * 8000), np.int16), "s16", "5.1"),
    )
    second.sample_rate = SAMPLE_RATE_HZ
    assert sum(map(len, [*first, *resampler.convert(second), *resampler.flush()])) == 16_000
