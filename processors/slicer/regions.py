"""Speech probabilities to spoken regions, each returned as soon as nothing that follows can change it. Pure.

Fed by `vad`; feeds `cutter`. The rules are those of faster-whisper's `get_speech_timestamps`, so that its users get the
same regions; a test compares the two on every clip. Two rules differ: speech that becomes too long is cut at the longest
silence of its second half, which usually ends a sentence, or between two words if there is none; and what is short and never
reaches a high probability is not speech.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from processors.slicer.stretches import Stretches
from processors.slicer.vad import WINDOW_SAMPLES
from schemas.options import SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span

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
        self._min_speech = SAMPLE_RATE_HZ * options.min_speech_s
        longest = SAMPLE_RATE_HZ * options.max_chunk_s - WINDOW_SAMPLES - 2 * self._pad
        self._max_speech = max(longest, WINDOW_SAMPLES)
        self._stretches = Stretches(self._threshold, self._silence_below, WINDOW_SAMPLES)
        self._now = 0  # where the next window begins
        self._start: int | None = None  # of the current speech
        self._padding: float = 0  # before it, and after the region before it
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

    @property
    def _padded_start(self) -> int:
        assert self._start is not None
        return int(max(0, self._start - self._padding))

    def feed(self, probabilities: Iterable[float]) -> list[Region]:
        """The regions that are final now."""
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
            final += self._end(length)
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
            if not speech:
                return self._finalise()
            self._begin(self._now)
            return self._confirm()
        self._peak = max(self._peak, probability)
        self._recent.append((probability, self._now))
        final = self._split() if self._now - self._start > self._max_speech else []
        if self._start is not None and probability < self._silence_below:
            final += self._fall_silent()
        return final + self._confirm()

    def _split(self) -> list[Region]:
        """Ends speech that is too long, and begins again."""
        assert self._start is not None
        if self._silence and self._now - self._silence > SHORT_SILENCE_SAMPLES:
            return self._close(self._silence)
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
        final = self._close(cut)
        self._begin(resume)
        self._silences = silences
        self._recent.extend(recent)
        return final

    def _fall_silent(self) -> list[Region]:
        self._silence = self._silence or self._now
        return self._end(self._silence) if self._now - self._silence >= self._min_silence else []

    def _begin(self, start: int) -> None:
        """Speech starts here; it shares a short gap with the region before."""
        gap = math.inf if self._closed is None else start - self._closed.span[1]
        self._start, self._padding = start, gap // 2 if gap < 2 * self._pad else self._pad

    def _end(self, end: int) -> list[Region]:
        """Speech ends at a silence, or with the file: a region if it is long enough."""
        assert self._start is not None
        if end - self._start > self._min_speech:
            return self._close(end)
        self._forget(self._start, end)
        return []

    def _close(self, end: int) -> list[Region]:
        """The current speech becomes a region if that is probable enough; then the region before is final."""
        assert self._start is not None
        start, padded_start = self._start, self._padded_start
        speech = self._forget(start, end) or ((start, end),)
        if self._peak < DOUBTFUL and sum(b - a for a, b in speech) < DOUBTFUL_SAMPLES:
            return []
        final = self._take_closed(self._padding)
        self._closed = Region((padded_start, end), speech)
        return final

    def _forget(self, start: int, end: int) -> tuple[Span, ...]:
        """The current speech, whose stretches are returned."""
        self._start = None
        self._silence = 0
        self._silences = []
        self._recent.clear()
        return self._stretches.take(start, end)

    def _confirm(self) -> list[Region]:
        """The region before is final as soon as the current speech is certain to become one."""
        if self._start is None or self._silence or self._peak < DOUBTFUL:
            return []
        return self._take_closed(self._padding) if self._now + WINDOW_SAMPLES - self._start > self._min_speech else []

    def _finalise(self) -> list[Region]:
        """The closed region is final, too, when speech can only begin beyond both paddings."""
        if self._closed is None or self._now - self._closed.span[1] < 2 * self._pad:
            return []
        return self._take_closed(self._pad)

    def _take_closed(self, padding: float) -> list[Region]:
        closed, self._closed = self._closed, None
        return [] if closed is None else [_padded(closed, int(closed.span[1] + padding))]


def _padded(region: Region, end: int) -> Region:
    return Region((region.span[0], end), region.speech)
