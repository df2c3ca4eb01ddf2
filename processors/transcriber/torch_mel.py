"""Log-mel spectrograms computed by torch, on the GPU: the values of `mel` within 1e-3. With the extra `[gpu]`; `whisper` uses it
where the model is on a GPU.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.transcriber.mel import FFT_SAMPLES, HOP_SAMPLES, LOWEST, RANGE, LogMel, Mel
from schemas.sound import SAMPLE_RATE_HZ


class TorchLogMel:
    """See `LogMel`. Spectrograms are brought back to the CPU, from where the encoder takes its input; they are small."""

    def __init__(self, mels: int, device: str = "cuda") -> None:
        import torch
        from faster_whisper.feature_extractor import FeatureExtractor

        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        filters = FeatureExtractor.get_mel_filters(SAMPLE_RATE_HZ, FFT_SAMPLES, mels)
        self._torch: Any = torch
        self._device = device
        self._filters = torch.from_numpy(filters.astype(np.float32)).to(device)
        self._window = torch.hann_window(FFT_SAMPLES, device=device)

    def __call__(self, waveforms: Sequence[NDArray[np.float32]], frames: int) -> Mel:
        with self._torch.inference_mode():
            batch = self._torch.zeros((len(waveforms), len(self._filters), frames), device=self._device)
            for mel, waveform in zip(batch, waveforms, strict=True):
                computed = self._log_mel(waveform)[:, :frames]
                mel[:, : computed.shape[1]] = computed
            found: Mel = batch.cpu().numpy()
        return found

    def _log_mel(self, waveform: NDArray[np.float32]) -> Any:
        """Padded before torch, which cannot reflect what is shorter than the padding."""
        padded = np.pad(np.pad(waveform, (0, HOP_SAMPLES)), FFT_SAMPLES // 2, mode="reflect")
        samples = self._torch.from_numpy(padded).to(self._device)
        spectrum = self._torch.stft(samples, FFT_SAMPLES, HOP_SAMPLES, window=self._window, center=False, return_complex=True)[
            :, :-1
        ]
        mel = (self._filters @ spectrum.abs().square()).clamp(min=LOWEST).log10()
        mel = self._torch.maximum(mel, mel.max() - RANGE)
        return ((mel + 4.0) / 4.0)[:, :-1]


def log_mel_for(mels: int, *, on_gpu: bool) -> LogMel | TorchLogMel:
    """On the GPU if the model is there and torch can use it, else with numpy."""
    if on_gpu and importlib.util.find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():
            return TorchLogMel(mels)
    return LogMel(mels)
