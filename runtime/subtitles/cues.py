"""The cues of a transcript with their times: each begins when it is spoken and stays as long as it takes to read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime.subtitles.lines import lines, needed
from runtime.subtitles.rules import SubtitleRules
from runtime.subtitles.splitting import split
from runtime.subtitles.units import Unit, milliseconds, units
from schemas.segment import Segment


@dataclass(frozen=True, slots=True)
class Cue:
    """What is on the screen at one time. `start_ms` < `end_ms`; no line is empty."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


class Cues:
    """All words, in order, as their segments come: a cue is complete once it is known when the next one begins. One that would
    have less than its shortest time is joined with the next one if both fit together."""

    def __init__(self, rules: SubtitleRules) -> None:
        self._rules = rules
        self._last: Sequence[Unit] = ()  # not complete; empty: there is none

    def add(self, segment: Segment) -> Iterator[Cue]:
        """Those that are complete with this segment, which follows all before."""
        rules = self._rules
        made = units(segment, rules.line_chars)
        for part in split(made, rules) if made else ():
            if not self._last or (joined := _joined(self._last, part, rules)) is None:
                yield from self._complete(part[0].start_ms)
                self._last = part
            else:
                self._last = joined

    def end(self, duration_s: float) -> Iterator[Cue]:
        """The last one, in a file with sound of this length."""
        yield from self._complete(None, milliseconds(duration_s))
        self._last = ()

    def _complete(self, next_ms: int | None, over_ms: int = 0) -> Iterator[Cue]:
        last, rules = self._last, self._rules
        if last:
            yield Cue(last[0].start_ms, _end_ms(last, next_ms, over_ms, rules), lines(last, rules))


def _joined(part: Sequence[Unit], following: Sequence[Unit], rules: SubtitleRules) -> Sequence[Unit] | None:
    """Both as one cue; None: the first is long enough, or they do not fit together."""
    first = following[0]
    if first.start_ms - rules.gap_ms - part[0].start_ms >= rules.min_ms:
        return None
    both = [*part, Unit(first.text, first.chars, first.start_ms, first.end_ms, spaced=True), *following[1:]]
    fits = needed(both, rules) <= rules.lines and both[-1].end_ms - both[0].start_ms <= rules.max_ms
    return both if fits else None


def _end_ms(part: Sequence[Unit], next_ms: int | None, over_ms: int, rules: SubtitleRules) -> int:
    """As long as it is spoken, longer if that is too short to be read; it neither overlaps the next cue nor touches it."""
    start_ms, spoken_ms = part[0].start_ms, part[-1].end_ms
    chars = sum(unit.chars + unit.spaced for unit in part)
    wanted_ms = max(spoken_ms, start_ms + max(rules.min_ms, rules.reading_ms(chars)))
    if next_ms is None:
        limit_ms = max(over_ms, spoken_ms)
    elif next_ms - rules.gap_ms > start_ms:
        limit_ms = next_ms - rules.gap_ms
    else:
        limit_ms = next_ms
    return max(start_ms + 1, min(wanted_ms, start_ms + rules.max_ms, limit_ms))
