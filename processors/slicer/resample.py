"""Decoded frames of any kind to samples: s16 mono 16 kHz. Fed by `track`; channels are mixed by `downmix`."""

from collections.abc import Iterator
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from processors.slicer.containers import check_sound
from processors.slicer.downmix import Downmix
from schemas.sound import SAMPLE_RATE_HZ

MIX_SAMPLES = SAMPLE_RATE_HZ // 2  # the length that a downmix is chosen for: several syllables


class Resampler:
    """One stream's frames, in order; a stream may change its sample format, layout or rate."""

    def __init__(self) -> None:
        self._kind: tuple[str, str, int] | None = None
        self._resampler = AudioResampler()
        self._downmix: Downmix | None = None
        self._unmixed: list[NDArray[np.int16]] = []
        self._unmixed_samples = 0

    def convert(self, frame: AudioFrame) -> Iterator[Samples]:
        """Raises Invalid for a sample rate or a number of channels out of range."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            yield from self.flush()
            self._start(frame)
            self._kind = kind
        frame.pts = None  # times are handled by `clock.py`, not by the filter
        yield from self._samples(frame)

    def flush(self) -> Iterator[Samples]:
        """What is left in the filters. The next frame begins with new ones."""
        if self._kind is not None:
            self._kind = None
            yield from self._samples(None)
            if self._downmix is not None and self._unmixed_samples:
                yield from self._mixed(self._downmix, self._unmixed_samples)

    def _start(self, frame: AudioFrame) -> None:
        channels = frame.layout.nb_channels
        check_sound(frame.sample_rate, channels)
        self._resampler = AudioResampler("s16", "mono" if channels == 1 else None, SAMPLE_RATE_HZ)
        if channels == 1:
            self._downmix = None
        elif self._downmix is None or self._downmix.layout != (frame.layout.name, channels):
            self._downmix = Downmix(frame.layout.name, channels)

    def _samples(self, frame: AudioFrame | None) -> Iterator[Samples]:
        for converted in self._resampler.resample(frame):
            if converted is None:  # a flushed filter that passes frames through
                continue
            channels = converted.layout.nb_channels
            plane = cast("bytes", converted.planes[0])  # a buffer, which its type stubs do not state; not copied
            samples = np.frombuffer(plane, np.int16, converted.samples * channels)
            if self._downmix is None:
                yield samples
                continue
            self._unmixed.append(samples.reshape(-1, channels))
            self._unmixed_samples += converted.samples
            if self._unmixed_samples >= MIX_SAMPLES:
                yield from self._mixed(self._downmix, self._unmixed_samples - self._unmixed_samples % MIX_SAMPLES)

    def _mixed(self, downmix: Downmix, count: int) -> Iterator[Samples]:
        """The first `count` of the unmixed samples. A frame may have many times MIX_SAMPLES."""
        unmixed = np.concatenate(self._unmixed)
        self._unmixed_samples = len(unmixed) - count
        self._unmixed = [unmixed[count:]] if self._unmixed_samples else []
        for begin in range(0, count, MIX_SAMPLES):
            yield downmix.mix(unmixed[begin : min(begin + MIX_SAMPLES, count)])
