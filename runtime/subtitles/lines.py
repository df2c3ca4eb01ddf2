"""The lines of one cue: as few as the text needs, about equally long, broken at punctuation where that costs little."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from runtime.subtitles.breaking import has_no_blanks
from runtime.subtitles.rules import SubtitleRules
from runtime.subtitles.units import Unit, joined

SENTENCE_ENDS = ".?!…。？！．؟۔।"
CLAUSE_ENDS = ",;:、，；：،؛"
AFTER_CLOSING = "\"'”’»)]）」』】》"
# What a break costs, in squares of columns, as the lengths of lines do: at most a tenth of what 60 columns cost in two lines.
NO_CLAUSE, NO_SENTENCE = 120, 40


def lines(units: Sequence[Unit], rules: SubtitleRules) -> tuple[str, ...]:
    """As many as needed, even if that is too many."""
    count = needed(units, rules)
    if count == 1:
        return (joined(units),)
    ends = _balanced(units, min(count, len(units)), rules)
    return tuple(joined(units[begin:end]) for begin, end in zip([0, *ends], [*ends, len(units)], strict=True))


def needed(units: Sequence[Unit], rules: SubtitleRules) -> int:
    """The least number of lines."""
    return max(count for _, count in filled(units, rules))


def filled(units: Sequence[Unit], rules: SubtitleRules) -> Iterator[tuple[int, int]]:
    """For each unit: the width of its line up to there, and the number of that line, if lines are filled one after the other."""
    count, width = 1, 0
    for number, unit in enumerate(units):
        more = unit.chars + (unit.spaced and number > 0)
        if width and width + more > rules.line_chars:
            count, width = count + 1, unit.chars
        else:
            width += more if width else unit.chars
        yield width, count


def break_rank(before: Unit, after: Unit) -> int:
    """How well a line or a cue may end between two units: 0 at the end of a sentence, 1 of a clause, 2 elsewhere. Where
    words have no blanks between them, a blank is the end of a clause."""
    last = before.text.rstrip(AFTER_CLOSING)[-1:]
    if last and last in SENTENCE_ENDS:
        return 0
    is_clause = (last and last in CLAUSE_ENDS) or (after.spaced and has_no_blanks(before.text) and has_no_blanks(after.text))
    return 1 if is_clause else 2


def _balanced(units: Sequence[Unit], count: int, rules: SubtitleRules) -> list[int]:
    """Where `count` lines are broken, so that the sum of the squares of their widths is smallest: dynamic programming."""
    totals = [0, *accumulate(unit.chars + unit.spaced for unit in units)]
    size = len(units)

    def width(begin: int, end: int) -> int:
        return totals[end] - totals[begin] - units[begin].spaced

    def cost(begin: int, end: int) -> float:
        columns = width(begin, end)
        over = columns - rules.line_chars
        rank = break_rank(units[end - 1], units[end]) if end < size else 0
        return columns**2 + (0, NO_SENTENCE, NO_CLAUSE)[rank] + (10_000 * over if over > 0 and end - begin > 1 else 0)

    best: list[tuple[float, list[int]]] = [(cost(0, end), []) for end in range(1, size + 1)]
    for _ in range(count - 1):
        best = [
            min(
                ((best[begin - 1][0] + cost(begin, end), [*best[begin - 1][1], begin]) for begin in range(1, end)),
                default=(float("inf"), []),
                key=lambda each: each[0],
            )
            for end in range(1, size + 1)
        ]
    return best[-1][1]
