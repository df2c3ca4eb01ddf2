"""Log-mel spectrograms, the input of a Whisper model: faster-whisper's values within 1e-4, for two thirds of the CPU time.

Fed by `whisper` with waveforms. Only frames with sound are computed, in single precision, and no product is large enough for
OpenBLAS to wake its threads: those spin beside the replicas, and a chunk would cost 1.8 times the CPU (demo model, 2 cores).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.sound import SAMPLE_RATE_HZ

FFT_SAMPLES, HOP_SAMPLES = 400, 160  # of every Whisper model
LOWEST, RANGE = 1e-10, 8.0  # of an energy; of its logarithm below the loudest
ONE_THREAD_PRODUCTS = 262_144  # up to this size OpenBLAS multiplies on the calling thread
PRODUCTS = 6  # computed together: what is between the samples and the bands stays in the processor's cache
Mel = np.ndarray[Any, Any]


class LogMel:
    """For models with `mels` bands. Safe to use from many threads."""

    def __init__(self, mels: int) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        filters = FeatureExtractor.get_mel_filters(SAMPLE_RATE_HZ, FFT_SAMPLES, mels)
        self._filters = np.ascontiguousarray(filters.T, np.float32)
        self._window = np.hanning(FFT_SAMPLES + 1)[:-1].astype(np.float32)
        self._rows = ONE_THREAD_PRODUCTS // self._filters.size  # of one product

    def __call__(self, waveforms: Sequence[NDArray[np.float32]], frames: int) -> Mel:
        """Of shape (waveforms, mels, frames); what is shorter is padded with 0.0, as the models were trained."""
        batch = np.zeros((len(waveforms), self._filters.shape[1], frames), np.float32)
        for mel, waveform in zip(batch, waveforms, strict=True):
            computed = self._log_mel(waveform)[:frames]
            mel[:, : len(computed)] = computed.T
        return batch

    def _log_mel(self, waveform: NDArray[np.float32]) -> Mel:
        """One row for each frame that begins in the waveform. The range below the loudest counts one frame more."""
        padded = np.pad(np.pad(waveform, (0, HOP_SAMPLES)), FFT_SAMPLES // 2, mode="reflect")
        stretches = np.lib.stride_tricks.sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES][:-1]
        parts = range(0, len(stretches), self._rows * PRODUCTS)
        mel = np.concatenate([self._energies(stretches[at : at + parts.step]) for at in parts])
        np.log10(np.maximum(mel, LOWEST, out=mel), out=mel)
        np.maximum(mel, mel.max() - RANGE, out=mel)
        mel += 4.0
        mel /= 4.0
        return mel[:-1]

    def _energies(self, stretches: Mel) -> Mel:
        """In the bands, by as many products as the limit of their size requires."""
        spectrum = np.fft.rfft(stretches * self._window)
        power = np.zeros((PRODUCTS * self._rows, spectrum.shape[1]), np.float32)
        np.square(spectrum.real, out=power[: len(spectrum)])
        power[: len(spectrum)] += np.square(spectrum.imag)
        products: Mel = power.reshape(PRODUCTS, self._rows, -1) @ self._filters
        return products.reshape(len(power), -1)[: len(spectrum)]
