"""The exact times of speech inside a region: stretches between short silences, without padding. Pure.

Fed by `regions` with the same probabilities; used for the times of words, and to find speech without text.
"""

from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span

SILENCE_SAMPLES = int(0.16 * SAMPLE_RATE_HZ)  # longer than the closure of any consonant
# A stretch begins and ends where its probability passes half of its peak: the low threshold needed for weak speech would add a
# quarter of a second of reverberation to clear speech.
EDGE = 0.5


class Stretches:
    """Times are in samples. Speech begins at `threshold` and ends below `silence_below`."""

    def __init__(self, threshold: float, silence_below: float, window_samples: int) -> None:
        self._threshold = threshold
        self._silence_below = silence_below
        self._window = window_samples
        self._closed: list[Span] = []
        self._windows: list[tuple[int, float]] = []  # of the current stretch: where each begins, its probability
        self._silence: int | None = None  # where the current silence began

    def step(self, probability: float, now: int) -> None:
        if probability >= self._threshold:
            self._silence = None
        elif probability < self._silence_below and self._windows and self._silence is None:
            self._silence = now
        if probability >= self._threshold or self._windows:
            self._windows.append((now, probability))
        if self._silence is not None and now - self._silence >= SILENCE_SAMPLES:
            self._close(now + self._window)

    def take(self, start: int, end: int) -> tuple[Span, ...]:
        """Removes the stretches up to `end`, and returns their parts from `start` on; one that continues is split."""
        if self._windows:
            self._close(end)
        taken = ((max(a, start), min(b, end)) for a, b in self._closed)
        self._closed = [(max(a, end), b) for a, b in self._closed if b > end]
        return tuple((a, b) for a, b in taken if a < b)

    def _close(self, end: int) -> None:
        """Windows from `end` on belong to the next stretch, if there is speech in them."""
        mine = [window for window in self._windows if window[0] < end]
        rest = [window for window in self._windows if window[0] >= end]
        self._windows = rest if any(probability >= self._threshold for _, probability in rest) else []
        self._silence = None
        if mine:
            level = EDGE * max(probability for _, probability in mine)
            loud = [at for at, probability in mine if probability >= level]
            self._closed.append((loud[0], loud[-1] + self._window))
