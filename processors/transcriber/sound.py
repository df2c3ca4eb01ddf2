"""How loud a chunk is, and where speech was detected in it: evidence for and against a text. Pure.

Built by `windows`, asked by `filters`. Levels are in dB of full scale.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from processors.transcriber.engine import Samples
from processors.transcriber.features import LOUDEST
from processors.transcriber.spoken import Stretch, clipped, total_s
from schemas.sound import SAMPLE_RATE_HZ

FRAME_S = 0.05  # shorter than a syllable
BACKGROUND_PERCENTILE = 20  # even fluent speech is as quiet as its background for so much of the time
LOUD_PERCENTILE = 95
BACKGROUND_S = 5.0  # in a shorter chunk somebody may speak all the time
INAUDIBLE_DB = -80.0  # a few steps of a 16-bit sample: digital silence, whether or not speech detection ran
SHORTEST_WORD_S = 0.2
TIMES_S = 0.3  # a model's times may be off by this


class Sound:
    """`speech`: as detected, in seconds of the chunk; no evidence without `vad`."""

    def __init__(self, samples: Samples, speech: Sequence[Stretch], *, vad: bool = True) -> None:
        self.vad = vad
        self._samples = samples
        self._speech = speech

    def is_speech(self, start: float, end: float) -> bool:
        """Whether any speech was detected near a text with these times, or may be there because detection did not run."""
        return not self.vad or bool(clipped(self._speech, start - TIMES_S, end + TIMES_S))

    def speech_s(self, start: float, end: float) -> float:
        """How much speech was detected between these times; all of it, if detection did not run."""
        return total_s(clipped(self._speech, start, end)) if self.vad else end - start

    def is_silent(self, start: float, end: float, margin_db: float) -> bool:
        """Whether all of it is inaudible; or no speech was detected, and nothing is that much louder than the background."""
        loudest = float(self._between(start, end).max(initial=INAUDIBLE_DB))
        return loudest <= INAUDIBLE_DB or (not self.is_speech(start, end) and loudest < self._background_db + margin_db)

    def may_have_voice(self, start: float, end: float, margin_db: float) -> bool:
        """Whether anything as long as the shortest word is that much louder than the background, or the chunk has none."""
        if not self._has_background(margin_db):
            return True
        loud = self._between(start, end) >= self._background_db + margin_db
        return float(loud.sum()) * FRAME_S >= SHORTEST_WORD_S

    def _has_background(self, margin_db: float) -> bool:
        """Whether the chunk is long enough, and either steady, as no speech is, or has clearly quiet and loud parts. Otherwise
        its quiet parts may be speech, over a loud background or without a pause."""
        levels = self._levels_db
        if len(levels) * FRAME_S < BACKGROUND_S:
            return False
        spread_db = float(np.percentile(levels, LOUD_PERCENTILE)) - self._background_db
        return not margin_db / 2 <= spread_db < margin_db * 2

    def _between(self, start: float, end: float) -> NDArray[np.float32]:
        first = int(max(start, 0) / FRAME_S)
        return self._levels_db[first : max(int(end / FRAME_S), first + 1)]

    @cached_property
    def _levels_db(self) -> NDArray[np.float32]:
        """Of every frame; the rest after the last whole frame is left out."""
        length = round(FRAME_S * SAMPLE_RATE_HZ)
        samples = self._samples[: len(self._samples) // length * length].astype(np.float32)
        full_scale = LOUDEST if self._samples.dtype == np.int16 else 1.0
        levels = np.sqrt(np.mean(samples.reshape(-1, length) ** 2, axis=1)) / full_scale
        in_db: NDArray[np.float32] = 20 * np.log10(np.maximum(levels, 1e-6))
        return in_db

    @cached_property
    def _background_db(self) -> float:
        levels = self._levels_db
        return max(INAUDIBLE_DB, float(np.percentile(levels, BACKGROUND_PERCENTILE))) if len(levels) else INAUDIBLE_DB
