"""Spectrograms are faster-whisper's, and as long as the encoder's input."""

import numpy as np
import pytest
from faster_whisper.audio import pad_or_trim
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from benchmarks.speech.recordings import RATE_HZ, recording
from processors.transcriber.mel import ONE_THREAD_PRODUCTS, LogMel

Waveform = NDArray[np.float32]


def faster_whispers(waveform: Waveform, mels: int, frames: int) -> Waveform:
    """As its batched pipeline computes it."""
    found: Waveform = pad_or_trim(FeatureExtractor(feature_size=mels)(waveform)[..., :-1], frames)
    return found


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("name", ["harbour.flac", "long-pause.flac", "short-yes.flac", "italian.opus", "talk.opus"])
def test_natural_speech_has_the_spectrogram_of_faster_whisper(name: str, mels: int) -> None:
    waveform = recording(name).samples[: 30 * RATE_HZ]
    assert np.abs(LogMel(mels)([waveform], 3000)[0] - faster_whispers(waveform, mels, 3000)).max() < 1e-4


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 400, 2_559, 2_560, 30 * RATE_HZ])
def test_every_length_has_the_spectrogram_of_faster_whisper(samples: int) -> None:
    waveform = recording("talk.opus").samples[2 * RATE_HZ :][:samples]
    assert np.abs(LogMel(80)([waveform], 3000)[0] - faster_whispers(waveform, 80, 3000)).max() < 1e-4


def test_silence_has_the_spectrogram_of_faster_whisper() -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    assert np.abs(LogMel(80)([silence], 250)[0] - faster_whispers(silence, 80, 250)).max() < 1e-6


def test_a_batch_has_the_spectrograms_of_its_waveforms_without_traces_of_each_other() -> None:
    long, short = recording("harbour.flac").samples, recording("short-yes.flac").samples
    log_mel = LogMel(80)
    together = log_mel([long, short], 1000)
    assert together.shape == (2, 80, 1000)
    assert together.flags.c_contiguous
    assert np.array_equal(together[0], log_mel([long], 1000)[0])
    assert np.array_equal(together[1], log_mel([short], 1000)[0])
    assert not together[1][:, len(short) // 160 :].any()


@pytest.mark.parametrize("mels", [80, 128])
def test_no_product_is_large_enough_for_the_threads_of_blas(mels: int) -> None:
    log_mel = LogMel(mels)
    assert log_mel._rows * log_mel._filters.size <= ONE_THREAD_PRODUCTS
    assert log_mel._rows > 1
