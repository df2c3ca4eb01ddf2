"""The cues of a segment: as few as can be read, broken at the ends of sentences and clauses, and in pauses."""

from collections.abc import Iterator, Sequence

from runtime.subtitles.lines import break_rank, filled
from runtime.subtitles.rules import SubtitleRules
from runtime.subtitles.units import Unit

PAUSE_MS = 500  # a silence of this length is a good place
# Costs, in numbers of cues: one more cue costs 1.
RANKS = (0.0, 0.1, 0.3)
PAUSED = 0.05
UNEVEN = 0.5  # an empty cue; less by the square of what it holds
TOO_SHORT = 1.0
TOO_LONG = 10.0  # for each further length of the longest cue: the text would vanish while it is spoken


def split(units: Sequence[Unit], rules: SubtitleRules) -> list[Sequence[Unit]]:
    """Parts of the units, in order; each fits into a cue."""
    if _fits(units, rules):
        return [units]
    best: list[tuple[float, int]] = [(0.0, 0)]  # of the first n units: the cost of their cues, and where the last one begins
    best += [(float("inf"), 0)] * len(units)
    for begin in range(len(units)):
        for end, chars in _ends(units, begin, rules):
            cost = best[begin][0] + _cost(units, begin, end, chars, rules)
            if cost < best[end][0]:
                best[end] = cost, begin
    parts: list[Sequence[Unit]] = []
    end = len(units)
    while end:
        begin = best[end][1]
        parts.append(units[begin:end])
        end = begin
    return parts[::-1]


def _fits(units: Sequence[Unit], rules: SubtitleRules) -> bool:
    too_long = units[-1].end_ms - units[0].start_ms > rules.max_ms
    return not too_long and all(count <= rules.lines for _, count in filled(units, rules))


def _ends(units: Sequence[Unit], begin: int, rules: SubtitleRules) -> Iterator[tuple[int, int]]:
    """Where a cue that begins there may end, and its width."""
    chars = 0
    for number, (_, count) in enumerate(filled(units[begin : begin + rules.cue_chars], rules)):
        unit = units[begin + number]
        if count > rules.lines and number:
            return
        chars += unit.chars + (unit.spaced and number > 0)
        yield begin + number + 1, chars


def _cost(units: Sequence[Unit], begin: int, end: int, chars: int, rules: SubtitleRules) -> float:
    cost = 1.0 + UNEVEN * max(0.0, 1 - chars / rules.cue_chars) ** 2
    long_ms = units[end - 1].end_ms - units[begin].start_ms
    if long_ms > rules.max_ms:
        cost += TOO_LONG * (long_ms / rules.max_ms - 1)
    if end < len(units):
        rest_ms = units[end].start_ms - units[end - 1].end_ms
        cost += min(RANKS[break_rank(units[end - 1], units[end])], PAUSED if rest_ms >= PAUSE_MS else 1.0)
        if units[end].start_ms - units[begin].start_ms < rules.min_ms:
            cost += TOO_SHORT
    elif long_ms < rules.min_ms:
        cost += TOO_SHORT / 2  # it may stay on the screen after its end
    return cost
