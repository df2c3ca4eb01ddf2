"""Word errors between two texts: words aligned by edit distance, differences counted by kind. Pure.

Used by `murmur tune`, which compares two transcripts, and by the benchmarks, which compare a transcript with the spoken text.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["same", "substituted", "missing", "invented"]
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SIZES = ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
_YEARS = range(1100, 2000)


def words(text: str) -> list[str]:
    """Lower case, without punctuation; numbers are spelled out in English, so that `20` and `twenty` are the same. In scripts
    that are written without blanks every letter counts as a word."""
    bare = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower().replace("’", "'"))
    apart = "".join(f" {letter} " if unicodedata.east_asian_width(letter) in ("W", "F") else letter for letter in bare)
    found = [word.strip("'_") for word in re.findall(r"[\w']+", apart)]
    return [spelled for word in found if word for spelled in (_number(int(word)) if word.isdecimal() else [word])]


def _number(value: int) -> list[str]:
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10], *_rest(value % 10)]
    if value in _YEARS:
        century, year = _number(value // 100), value % 100
        return [*century, *(["oh", *_number(year)] if 0 < year < 10 else _rest(year) or ["hundred"])]
    for size, name in _SIZES:
        if size <= value < 1_000_000_000:
            return [*_number(value // size), name, *_rest(value % size)]
    return [str(value)]


def _rest(value: int) -> list[str]:
    return _number(value) if value else []


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of words. `+` is the score of two texts together."""

    words: int = 0
    substituted: int = 0
    missing: int = 0
    invented: int = 0
    differences: tuple[str, ...] = field(default=(), compare=False)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.words + other.words,
            self.substituted + other.substituted,
            self.missing + other.missing,
            self.invented + other.invented,
            self.differences + other.differences,
        )

    @property
    def errors(self) -> int:
        return self.substituted + self.missing + self.invented

    @property
    def error_rate(self) -> float:
        """Infinite for any word where nothing was spoken."""
        return self.errors / self.words if self.words else float("inf" if self.errors else 0)

    @property
    def missing_rate(self) -> float:
        return self.missing / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One position of the alignment; a missing word is empty."""

    kind: Kind
    spoken: str
    written: str


def score(spoken: str, written: str) -> Score:
    steps = align(words(spoken), words(written))
    count = {kind: sum(step.kind == kind for step in steps) for kind in ("same", "substituted", "missing", "invented")}
    return Score(
        words=len(steps) - count["invented"],
        substituted=count["substituted"],
        missing=count["missing"],
        invented=count["invented"],
        differences=tuple(_differences(steps)),
    )


def align(spoken: Sequence[str], written: Sequence[str]) -> list[Step]:
    """One of the alignments with the fewest errors."""
    table = _distances(spoken, written)
    steps: list[Step] = []
    i, j = len(spoken), len(written)
    while i or j:
        here = table[i][j]
        if i and j and here == table[i - 1][j - 1] + (spoken[i - 1] != written[j - 1]):
            i, j = i - 1, j - 1
            steps.append(Step("same" if spoken[i] == written[j] else "substituted", spoken[i], written[j]))
        elif i and here == table[i - 1][j] + 1:
            i -= 1
            steps.append(Step("missing", spoken[i], ""))
        else:
            j -= 1
            steps.append(Step("invented", "", written[j]))
    return steps[::-1]


def _distances(spoken: Sequence[str], written: Sequence[str]) -> list[list[int]]:
    rows = [list(range(len(written) + 1))]
    for i, word in enumerate(spoken, 1):
        above, row = rows[-1], [i]
        for j, other in enumerate(written, 1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (word != other)))
        rows.append(row)
    return rows


def _differences(steps: Sequence[Step]) -> list[str]:
    """Stretches that differ, each with a word before and after: `spoken -> written`."""
    found: list[str] = []
    at = 0
    while at < len(steps):
        if steps[at].kind == "same":
            at += 1
            continue
        end = next((k for k in range(at, len(steps)) if steps[k].kind == "same"), len(steps))
        around = steps[max(0, at - 1) : end + 1]
        spoken, written = (" ".join(filter(None, side)) for side in zip(*((s.spoken, s.written) for s in around), strict=True))
        found.append(f"{spoken} -> {written}")
        at = end
    return found
