"""A transcript as pieces for a language model, and what its answer is worth. Pure.

Every segment is a numbered line, and the answer has to have the same lines. Whatever a transcript says, and whatever the model
makes of it: the outcome is a text for each segment that differs only so much from what was transcribed, or that text itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex
from rapidfuzz.distance import Levenshtein

LINE = regex.compile(r"\s*(\d+)\s*:[ \t]?(.*)")
FENCE = regex.compile(r"\s*```\w*\s*\n?|\n?\s*```\s*\Z")


class Nonsense(Exception):
    """An answer that is not the numbered lines that were asked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive segments; `places` are their positions in the transcript."""

    places: tuple[int, ...]
    texts: tuple[str, ...]

    @property
    def lines(self) -> str:
        return "\n".join(f"{number}: {text}" for number, text in enumerate(self.texts, 1))


def pieces(texts: Sequence[str], wanted: Sequence[bool], chars_max: int) -> Iterator[Piece]:
    """Of the `wanted` segments that have a text. A piece ends at the end of a segment; a longer segment is a piece of its own."""
    places: list[int] = []
    lines: list[str] = []
    for place, text in enumerate(texts):
        line = " ".join(text.split())
        if not line or not wanted[place]:
            continue
        if lines and sum(map(len, lines)) + len(line) > chars_max:
            yield Piece(tuple(places), tuple(lines))
            places, lines = [], []
        places.append(place)
        lines.append(line)
    if lines:
        yield Piece(tuple(places), tuple(lines))


def parse(answer: str, count: int) -> list[str]:
    """The texts of lines 1 to `count`. Raises Nonsense."""
    found: dict[int, str] = {}
    for line in FENCE.sub("", answer).strip().splitlines():
        if not line.strip():
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise Nonsense("a line of the answer has no number")
        number = int(match[1][:9])
        if number in found or not 1 <= number <= count:
            raise Nonsense("the answer has a line that was not asked for")
        found[number] = " ".join(match[2].split())
    if len(found) != count:
        raise Nonsense(f"the answer has {len(found)} of {count} lines")
    return [found[number] for number in range(1, count + 1)]


def is_plausible(before: str, after: str, max_change: float) -> bool:
    """Whether it is a correction of this text. Case, marks and blanks do not count. Of a single short word hardly a letter may
    differ: `yes` is no correction of `no`."""
    one, other = _letters(before), _letters(after)
    allowed = int(max_change * max(len(one), len(other)))
    if not other and one:
        return False
    return Levenshtein.distance(one, other, score_cutoff=allowed) <= allowed


def _letters(text: str) -> str:
    return regex.sub(r"\W", "", text).casefold()
