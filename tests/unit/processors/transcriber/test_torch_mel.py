"""Spectrograms of torch are those of the CPU path. The same code as on a GPU, run by torch on the CPU."""

import numpy as np
import pytest

from benchmarks.speech.recordings import RATE_HZ, recording
from processors.transcriber.mel import LogMel
from processors.transcriber.torch_mel import TorchLogMel, log_mel_for

NO_TORCH = "NO TORCH, THE SPECTROGRAMS OF A GPU ARE NOT TESTED: install torch, which the extra [gpu] brings"


def test_a_model_on_the_cpu_gets_the_spectrograms_of_numpy() -> None:
    assert isinstance(log_mel_for(80, on_gpu=False), LogMel)


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("name", ["harbour.flac", "long-pause.flac", "short-yes.flac", "italian.opus", "talk.opus"])
def test_natural_speech_has_the_spectrogram_of_the_cpu(name: str, mels: int) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    waveform = recording(name).samples[: 30 * RATE_HZ]
    assert np.abs(TorchLogMel(mels, "cpu")([waveform], 3000) - LogMel(mels)([waveform], 3000)).max() < 1e-3


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 400, 2_559, 30 * RATE_HZ])
def test_a_batch_of_any_lengths_has_the_shape_and_values_of_the_cpu(samples: int) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    speech = recording("talk.opus").samples[2 * RATE_HZ :]
    batch = [speech[:samples], np.zeros(RATE_HZ, np.float32), speech[: 5 * RATE_HZ]]
    found, expected = TorchLogMel(80, "cpu")(batch, 1000), LogMel(80)(batch, 1000)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.abs(found - expected).max() < 1e-3
