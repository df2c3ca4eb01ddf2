"""Many channels to one, so that no speaker is lost: the mix always has half the energy of the loudest channel.

Fed by `resample`, block by block. Channels have FFmpeg's weights. A mix that is too quiet (a silent channel, one far below the
other) is amplified; where channels cancel each other, the loudest one replaces the mix until they have been in phase for a while.
"""

from functools import lru_cache

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from schemas.sound import SAMPLE_RATE_HZ

Gains = NDArray[np.float32]  # one for each channel
LEAST_ENERGY = 0.55  # of the loudest channel's: a little over half, since gains fade in
CANCELS_BELOW, AGREES_ABOVE = 0.25, 0.5  # energy of the mix, relative to that of uncorrelated channels
AGREED_SAMPLES = 2 * SAMPLE_RATE_HZ  # how long before the mix is used again
FADE_SAMPLES = SAMPLE_RATE_HZ // 100  # 10 ms: no click
_SILENCE = 1.0  # mean square below which a block is not evaluated


class Downmix:
    """`layout`: the name of the channel layout; `channels`: how many it has."""

    def __init__(self, layout: str, channels: int) -> None:
        self.layout = (layout, channels)
        self._weights = _weights(layout, channels)
        self._gains = self._weights
        self._loudest: int | None = None  # the channel that is used instead of the mix
        self._agreed = 0

    def mix(self, block: NDArray[np.int16]) -> Samples:
        """`block`: samples × channels."""
        sound = block.astype(np.float32)
        covariance = sound.T @ sound
        before, self._gains = self._gains, self._chosen(covariance, len(block))
        mixed = sound @ self._gains
        if before is not self._gains:
            head = sound[:FADE_SAMPLES]
            share = np.linspace(0, 1, len(head), dtype=np.float32)
            mixed[: len(head)] = (1 - share) * (head @ before) + share * mixed[: len(head)]
        np.rint(mixed, out=mixed)
        return np.clip(mixed, -32768, 32767, out=mixed).astype(np.int16)

    def _chosen(self, covariance: NDArray[np.float32], samples: int) -> Gains:
        energies = covariance.diagonal()
        loudest = float(energies.max())
        if loudest < _SILENCE * samples:
            return self._gains
        energy = float(self._weights @ covariance @ self._weights)
        unrelated = float(self._weights**2 @ energies)
        self._follow(energy / unrelated if unrelated else 0.0, samples)
        if self._agreed < AGREED_SAMPLES and self._loudest is not None:
            if energies[self._loudest] < LEAST_ENERGY * loudest:
                self._loudest = int(energies.argmax())
            return self._only(self._loudest)
        self._loudest = None
        if energy >= loudest / 2:
            return self._weights
        raised: Gains = (self._weights * np.sqrt(LEAST_ENERGY * loudest / energy)).astype(np.float32)
        return raised

    def _follow(self, agreement: float, samples: int) -> None:
        if agreement < CANCELS_BELOW:
            self._agreed = 0
            self._loudest = self._loudest or 0  # the actual one is chosen next
        else:
            self._agreed = self._agreed + samples if agreement > AGREES_ABOVE else 0

    def _only(self, channel: int) -> Gains:
        gains = np.zeros_like(self._weights)
        gains[channel] = 1
        return gains


@lru_cache(64)
def _weights(layout: str, channels: int) -> Gains:
    """The weight of each channel in FFmpeg's own downmix, measured with one sample of each. Read-only.

    Channels without known positions ("5 channels") have no mixing rule; they are averaged.
    """
    if layout.endswith(" channels"):
        return np.full(channels, 1 / channels, np.float32)
    unit = 1 << 14
    probe = AudioFrame.from_ndarray((np.eye(channels, dtype=np.int16) * unit).reshape(1, -1), "s16", layout)
    probe.sample_rate = SAMPLE_RATE_HZ
    mixed = AudioResampler("s16", "mono", SAMPLE_RATE_HZ).resample(probe)
    return (np.concatenate([frame.to_ndarray().reshape(-1) for frame in mixed]) / unit).astype(np.float32)
