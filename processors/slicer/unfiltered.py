"""The whole file as regions, without speech detection: each as long as a chunk may be, and ending where it is quietest. Pure.

In place of `vad` and `regions` where a job or the installation switches speech detection off. Every sound counts as speech, but
not digital silence.
"""

import numpy as np
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from processors.slicer.regions import Region
from processors.slicer.vad import QUIET_PEAK
from schemas.options import SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span

FRAME_SAMPLES = 160
FRAMES_PER_S = SAMPLE_RATE_HZ // FRAME_SAMPLES
QUIET_FRAMES = 30  # a region ends in the middle of the quietest 0.3 s
SEARCHED_FRAMES = 10 * FRAMES_PER_S  # before the limit: a sentence usually ends there
SILENT_FRAMES = FRAMES_PER_S  # longer silence between sounds is none of their speech
_Frames = NDArray[np.float64]


class UnfilteredRegions:
    """Times are in samples. Keeps the loudness of the current region, no samples."""

    cpu_s = 0.0

    def __init__(self, options: SlicingOptions) -> None:
        self._max_samples = int(options.max_chunk_s * SAMPLE_RATE_HZ)
        self._start = 0
        self._end = 0
        self._rest: Samples = np.zeros(0, np.int16)
        self._energies: _Frames = np.zeros(0)  # of the frames from `_start` on
        self._peaks: _Frames = np.zeros(0)

    @property
    def needed_from(self) -> int:
        """No later region begins before this sample."""
        return self._start

    def feed(self, block: Samples) -> list[Region]:
        """The regions that are final now."""
        self._end += len(block)
        samples = np.concatenate((self._rest, block))
        whole = len(samples) - len(samples) % FRAME_SAMPLES
        self._rest = samples[whole:]
        self._measure(samples[:whole])
        final: list[Region] = []
        while self._end - self._start > self._max_samples:
            final += self._cut(self._start + self._quietest() * FRAME_SAMPLES)
        return final

    def finish(self) -> list[Region]:
        self._measure(np.pad(self._rest, (0, -len(self._rest) % FRAME_SAMPLES)))
        return self._cut(self._end)

    def _measure(self, samples: Samples) -> None:
        frames = samples.reshape(-1, FRAME_SAMPLES).astype(np.float64)
        self._energies = np.concatenate((self._energies, np.square(frames).sum(axis=1)))
        self._peaks = np.concatenate((self._peaks, np.abs(frames).max(axis=1)))

    def _quietest(self) -> int:
        """The middle of the quietest time before the limit, in frames."""
        limit = self._max_samples // FRAME_SAMPLES
        begin = max(limit - SEARCHED_FRAMES, limit // 2)
        energies = np.convolve(self._energies[begin:limit], np.ones(QUIET_FRAMES), "valid")
        return begin + int(np.argmin(energies)) + QUIET_FRAMES // 2

    def _cut(self, end: int) -> list[Region]:
        """From the start to there, unless it is silent."""
        span = self._start, end
        speech = tuple(_sounds(self._peaks[: -(-(end - self._start) // FRAME_SAMPLES)], span))
        frames = (end - self._start) // FRAME_SAMPLES
        self._energies, self._peaks = self._energies[frames:], self._peaks[frames:]
        self._start = end
        return [Region(span, speech)] if speech else []


def _sounds(peaks: _Frames, span: Span) -> list[Span]:
    """Where there is sound, in samples of the file."""
    loud = np.flatnonzero(peaks > QUIET_PEAK)
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > SILENT_FRAMES) + 1)
    start, end = span
    return [(start + int(run[0]) * FRAME_SAMPLES, min(start + int(run[-1] + 1) * FRAME_SAMPLES, end)) for run in runs if len(run)]
