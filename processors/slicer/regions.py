"""Speech probabilities to spoken regions, each returned as soon as nothing that follows can change it. Pure.

Fed by `vad`; feeds `cutter`. The rules are those of faster-whisper's `get_speech_timestamps`, so that its users get the
same regions; a test compares the two on every clip. Two rules differ: speech that becomes too long is cut at the longest
silence of its second half, which usually ends a sentence, or between two words if there is none; and what is short and never
reaches a high probability is not speech.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from processors.slicer.stretches import Stretches
from processors.slicer.vad import WINDOW_SAMPLES
from schemas.options import SlicingOptions
from schemas.work import SAMPLE_RATE_HZ, Span

HYSTERESIS = 0.15  # speech ends below threshold - HYSTERESIS
SHORT_SILENCE_SAMPLES = SAMPLE_RATE_HZ * 98 / 1000  # where speech that becomes too long may be cut
# The threshold is low, since speech over a telephone stays below one half; so do clicks and the edges of tones, but briefly.
DOUBTFUL, DOUBTFUL_SAMPLES = 0.5, SAMPLE_RATE_HZ // 2
WEAKEST_WITHIN_WINDOWS = 6 * SAMPLE_RATE_HZ // WINDOW_SAMPLES  # a sentence usually ends within six seconds


@dataclass(frozen=True, slots=True)
class Region:
    """`span` is padded; `speech` are the stretches inside it without padding, at least one. In samples of the file."""

    span: Span
    speech: tuple[Span, ...]


class Regions:
    """Times are in samples. A region ends at a silence; it is extended by the padding, or by half the gap to its neighbour."""

    def __init__(self, options: SlicingOptions) -> None:
        self._threshold = options.vad_threshold
        self._silence_below = max(options.vad_threshold - HYSTERESIS, 0.01)
        self._pad = SAMPLE_RATE_HZ * options.speech_pad_s
        self._min_silence = SAMPLE_RATE_HZ * options.min_silence_s
        longest = SAMPLE_RATE_HZ * options.max_chunk_s - WINDOW_SAMPLES - 2 * self._pad
        self._max_speech = max(longest, WINDOW_SAMPLES)
        self._stretches = Stretches(self._threshold, self._silence_below, WINDOW_SAMPLES)
        self._now = 0  # where the next window begins
        self._start: int | None = None  # of the current speech
        self._padded_start = 0  # the same, with its padding
        self._silence = 0  # where its last silence began; 0: there is none
        self._silences: list[Span] = []  # the short ones in it: where each began and ended
        self._peak = 0.0  # its highest probability, including the part that was cut off
        self._recent: deque[tuple[float, int]] = deque(maxlen=WEAKEST_WITHIN_WINDOWS)  # of this speech: probability, position
        self._closed: Region | None = None  # still without the padding at its end, which depends on what follows

    @property
    def needed_from(self) -> int:
        """No later region begins before this sample."""
        if self._closed is not None:
            return self._closed.span[0]
        return self._padded_start if self._start is not None else max(0, int(self._now - self._pad))

    def feed(self, probabilities: Iterable[float]) -> list[Region]:
        final: list[Region] = []
        for probability in probabilities:
            final += self._step(probability)
            self._now += WINDOW_SAMPLES
        return final

    def finish(self, probabilities: Iterable[float], length: int) -> list[Region]:
        """`probabilities`: of the last window, which may be beyond the end. `length`: of the file."""
        final: list[Region] = []
        for probability in probabilities:
            if self._now < length or self._start is not None:
                final += self._step(probability)
            self._now += WINDOW_SAMPLES
        if self._start is not None and self._start < length:
            self._close(length)
        if self._closed is not None:
            final.append(_padded(self._closed, int(min(length, self._closed.span[1] + self._pad))))
        return final

    def _step(self, probability: float) -> list[Region]:
        self._stretches.step(probability, self._now)
        speech = probability >= self._threshold
        if speech and self._silence:
            if self._now - self._silence > SHORT_SILENCE_SAMPLES:
                self._silences.append((self._silence, self._now))
            self._silence = 0
        if self._start is None:
            self._peak = probability
            return self._begin(self._now) if speech else self._finalise()
        self._peak = max(self._peak, probability)
        final: list[Region] = []
        self._recent.append((probability, self._now))
        if self._now - self._start > self._max_speech:
            final = self._split()
        if self._start is not None and probability < self._silence_below:
            self._fall_silent()
        return final

    def _split(self) -> list[Region]:
        """Ends speech that is too long, and begins again."""
        assert self._start is not None
        if self._silence and self._now - self._silence > SHORT_SILENCE_SAMPLES:
            self._close(self._silence)
            return []
        half = self._start + self._max_speech / 2
        late = [silence for silence in self._silences if silence[0] > half]
        if late:
            return self._split_at(*max(late, key=lambda silence: (silence[1] - silence[0], silence)))
        _, weakest = min((window for window in self._recent if window[1] > half), key=lambda window: (window[0], -window[1]))
        return self._split_at(weakest, weakest)

    def _split_at(self, cut: int, resume: int) -> list[Region]:
        """What came after `resume` belongs to the speech that continues."""
        silences = [silence for silence in self._silences if silence[0] >= resume]
        recent = [window for window in self._recent if window[1] >= resume]
        self._close(cut)
        final = self._begin(resume)
        self._silences = silences
        self._recent.extend(recent)
        return final

    def _fall_silent(self) -> None:
        self._silence = self._silence or self._now
        if self._now - self._silence >= self._min_silence:
            self._close(self._silence)

    def _close(self, end: int) -> None:
        assert self._start is not None
        speech = self._stretches.take(end) or ((self._start, end),)
        if self._peak >= DOUBTFUL or sum(b - a for a, b in speech) >= DOUBTFUL_SAMPLES:
            self._closed = Region((self._padded_start, end), speech)
        self._start = None
        self._silence = 0
        self._silences = []
        self._recent.clear()

    def _begin(self, start: int) -> list[Region]:
        """Speech starts here; it shares a short gap with the region before, which is final now."""
        final: list[Region] = []
        pad = self._pad
        if self._closed is not None:
            end = self._closed.span[1]
            gap = start - end
            pad = gap // 2 if gap < 2 * pad else pad
            final = [_padded(self._closed, int(end + pad))]
            self._closed = None
        self._start, self._padded_start = start, int(max(0, start - pad))
        return final

    def _finalise(self) -> list[Region]:
        """The closed region is final, too, when speech can only begin beyond both paddings."""
        if self._closed is None or self._now - self._closed.span[1] < 2 * self._pad:
            return []
        closed, self._closed = self._closed, None
        return [_padded(closed, int(closed.span[1] + self._pad))]


def _padded(region: Region, end: int) -> Region:
    return Region((region.span[0], end), region.speech)
