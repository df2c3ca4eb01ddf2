"""Speech probabilities to spoken regions, each given out as soon as nothing that follows can change it. Pure.

Fed by `vad`; feeds `cutter`. The rules are those of faster-whisper's `get_speech_timestamps`, so that its users get the
same regions; a test compares the two over every clip.
"""

from collections.abc import Iterable

from processors.slicer.vad import WINDOW_SAMPLES
from schemas.options import SlicingOptions
from schemas.work import SAMPLE_RATE_HZ, Span

HYSTERESIS = 0.15  # speech ends below threshold - HYSTERESIS
SHORT_SILENCE_SAMPLES = SAMPLE_RATE_HZ * 98 / 1000  # where speech that grows too long may be cut


class Regions:
    """Times are in samples. A region closes at a silence; it grows by the padding, or by half the gap to its neighbour."""

    def __init__(self, options: SlicingOptions) -> None:
        self._threshold = options.vad_threshold
        self._silence_below = max(options.vad_threshold - HYSTERESIS, 0.01)
        self._pad = SAMPLE_RATE_HZ * options.speech_pad_s
        self._min_silence = SAMPLE_RATE_HZ * options.min_silence_s
        longest = SAMPLE_RATE_HZ * options.max_chunk_s - WINDOW_SAMPLES - 2 * self._pad
        self._max_speech = max(longest, WINDOW_SAMPLES)
        self._now = 0  # where the next window begins
        self._start: int | None = None  # of the speech that is going on
        self._padded_start = 0  # the same, with its padding
        self._silence = 0  # where it last fell silent; 0: it has not
        self._cut = self._resume = 0  # the last short silence in it: where it began, where speech went on after it
        self._closed: Span | None = None  # padded start, bare end: what follows decides its padding

    @property
    def needed_from(self) -> int:
        """No region to come begins before this sample."""
        if self._closed is not None:
            return self._closed[0]
        return self._padded_start if self._start is not None else max(0, int(self._now - self._pad))

    def feed(self, probabilities: Iterable[float]) -> list[Span]:
        certain: list[Span] = []
        for probability in probabilities:
            certain += self._step(probability)
            self._now += WINDOW_SAMPLES
        return certain

    def finish(self, probabilities: Iterable[float], length: int) -> list[Span]:
        """`probabilities`: of the last window, which may lie behind the end. `length`: of the file."""
        certain: list[Span] = []
        for probability in probabilities:
            if self._now < length or self._start is not None:
                certain += self._step(probability)
            self._now += WINDOW_SAMPLES
        if self._start is not None and self._start < length:
            self._close(length)
        if self._closed is not None:
            certain.append((self._closed[0], int(min(length, self._closed[1] + self._pad))))
        return certain

    def _step(self, probability: float) -> list[Span]:
        speech = probability >= self._threshold
        if speech and self._silence:
            self._silence = 0
            if self._resume < self._cut:
                self._resume = self._now
        if self._start is None:
            return self._begin(self._now) if speech else self._settle()
        certain: list[Span] = []
        if self._now - self._start > self._max_speech:
            if not self._cut:
                self._close(self._now)
                return certain
            certain = self._split()
        if self._start is not None and probability < self._silence_below:
            self._fall_silent()
        return certain

    def _split(self) -> list[Span]:
        """Speech that is too long ends at its last short silence."""
        cut, resume = self._cut, self._resume
        self._close(cut)
        return self._begin(resume) if resume >= cut else []

    def _fall_silent(self) -> None:
        self._silence = self._silence or self._now
        lasted = self._now - self._silence
        if lasted > SHORT_SILENCE_SAMPLES:
            self._cut = self._silence
        if lasted >= self._min_silence:
            self._close(self._silence)

    def _close(self, end: int) -> None:
        self._closed = (self._padded_start, end)
        self._start = None
        self._silence = self._cut = self._resume = 0

    def _begin(self, start: int) -> list[Span]:
        """Speech starts here; it shares a short gap with the region before, which is certain now."""
        certain: list[Span] = []
        pad = self._pad
        if self._closed is not None:
            gap = start - self._closed[1]
            pad = gap // 2 if gap < 2 * pad else pad
            certain = [(self._closed[0], int(self._closed[1] + pad))]
            self._closed = None
        self._start, self._padded_start = start, int(max(0, start - pad))
        return certain

    def _settle(self) -> list[Span]:
        """The closed region is certain, too, when speech can only begin beyond both paddings."""
        if self._closed is None or self._now - self._closed[1] < 2 * self._pad:
            return []
        start, end = self._closed
        self._closed = None
        return [(start, int(end + self._pad))]
