"""The limits that subtitles keep to. The defaults are those of broadcasters' guidelines for adult viewers."""

from dataclasses import dataclass
from typing import Self

from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class SubtitleRules:
    """Characters are counted as columns: a full-width one (Chinese, Japanese, Korean) counts as two.

    `chars_per_s`: the reading speed; a cue that would be read faster stays longer, up to the next one. `min_ms`, `max_ms`: how
    long a cue stays. `gap_ms`: between two cues, so that a change is noticed: two frames."""

    line_chars: int = 42
    lines: int = 2
    chars_per_s: float = 20.0
    min_ms: int = 833
    max_ms: int = 7000
    gap_ms: int = 80

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            line_chars=settings.subtitle_line_chars,
            lines=settings.subtitle_lines,
            chars_per_s=settings.subtitle_chars_per_s,
            min_ms=round(settings.subtitle_min_s * 1000),
            max_ms=round(max(settings.subtitle_max_s, settings.subtitle_min_s) * 1000),
            gap_ms=settings.subtitle_gap_ms,
        )

    @property
    def cue_chars(self) -> int:
        """The most that a cue can hold."""
        return self.line_chars * self.lines

    def reading_ms(self, chars: int) -> int:
        return round(chars / self.chars_per_s * 1000)
