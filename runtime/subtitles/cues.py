"""The cues of a transcript with their times: each begins when it is spoken and stays as long as it takes to read it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from runtime.subtitles.lines import lines, needed
from runtime.subtitles.rules import SubtitleRules
from runtime.subtitles.splitting import split
from runtime.subtitles.units import Unit, milliseconds, units
from schemas.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Cue:
    """What is on the screen at one time. `start_ms` < `end_ms`; no line is empty."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(transcript: Transcript, rules: SubtitleRules) -> Iterator[Cue]:
    """All words, in order. A cue that would have less than its shortest time is joined with the next one if both fit together."""
    segments = (units(segment, rules.line_chars) for segment in transcript.segments)
    parts = [part for each in segments if each for part in split(each, rules)]
    whole = _joined(parts, rules)
    over_ms = milliseconds(transcript.duration_s)
    for part, following in pairwise([*whole, None]):
        assert part is not None
        end_ms = _end_ms(part, following[0].start_ms if following else None, over_ms, rules)
        yield Cue(part[0].start_ms, end_ms, lines(part, rules))


def _joined(parts: Iterable[Sequence[Unit]], rules: SubtitleRules) -> list[Sequence[Unit]]:
    whole: list[Sequence[Unit]] = []
    for part in parts:
        if whole and part[0].start_ms - rules.gap_ms - whole[-1][0].start_ms < rules.min_ms:
            first = part[0]
            both = [*whole[-1], Unit(first.text, first.chars, first.start_ms, first.end_ms, spaced=True), *part[1:]]
            if needed(both, rules) <= rules.lines and both[-1].end_ms - both[0].start_ms <= rules.max_ms:
                whole[-1] = both
                continue
        whole.append(part)
    return whole


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
