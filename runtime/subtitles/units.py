"""What lines are made of: pieces of text between which a line may be broken, each with its time.

Text with blanks is broken at blanks, and inside a word only if that is longer than a line. Where text without blanks is broken:
`breaking.py`.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from runtime.subtitles.breaking import has_no_blanks, pieces
from schemas.segment import Segment

INVISIBLE = dict.fromkeys([*range(32), *range(127, 160)], " ")


@dataclass(frozen=True, slots=True)
class Unit:
    """`chars`: its width in columns. `spaced`: a blank precedes it, unless it begins a line."""

    text: str
    chars: int
    start_ms: int
    end_ms: int
    spaced: bool


@dataclass(frozen=True, slots=True)
class _Timed:
    """The characters `begin` to `end` of a text, and when they are spoken."""

    begin: int
    end: int
    start_ms: int
    end_ms: int

    def at(self, index: int) -> int:
        return self.start_ms + round((index - self.begin) * (self.end_ms - self.start_ms) / max(1, self.end - self.begin))


def one_line(text: str) -> str:
    """Line breaks, tabs and control characters become blanks: an empty line would end a cue."""
    return " ".join(text.translate(INVISIBLE).split())


def milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000)) if math.isfinite(seconds) else 0


def units(segment: Segment, line_chars: int) -> list[Unit]:
    """The text of a segment; none is wider than a line. Times are those of its words; without words, as if all characters took
    equally long."""
    text = one_line(segment.text)
    timed = _words(text, segment) or [_whole(text, segment)]
    made: list[Unit] = []
    at = 0
    for begin, end in _breaks(text, line_chars):
        while timed[at].end <= begin and at + 1 < len(timed):
            at += 1
        last = at
        while timed[last].end < end and last + 1 < len(timed):
            last += 1
        piece = text[begin:end]
        spaced = begin > 0 and text[begin - 1] == " "
        made.append(Unit(piece, columns(piece), timed[at].at(begin), timed[last].at(end), spaced))
    return made


def columns(text: str) -> int:
    """The width of a text: full-width characters count as two, combining and invisible ones do not count."""
    return len(text) if text.isascii() else sum(map(_width, text))


@lru_cache(4096)
def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _whole(text: str, segment: Segment) -> _Timed:
    start_ms = milliseconds(segment.start)
    return _Timed(0, len(text), start_ms, max(milliseconds(segment.end), start_ms + 1))


def _words(text: str, segment: Segment) -> list[_Timed]:
    """Where each word is in the text. None at all if the words are not those of the text, as after a correction."""
    found: list[_Timed] = []
    at = 0
    for word in segment.words or ():
        written = one_line(word.word)
        while text.startswith(" ", at):
            at += 1
        if not text.startswith(written, at):
            return []
        start_ms = max(milliseconds(word.start), found[-1].end_ms if found else 0)
        found.append(_Timed(at, at + len(written), start_ms, max(milliseconds(word.end), start_ms)))
        at += len(written)
    return found if not text[at:].strip() else []


def _breaks(text: str, line_chars: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each unit."""
    for word in re.finditer(r"\S+", text):
        at = word.start()
        is_broken = has_no_blanks(word[0]) or columns(word[0]) > line_chars
        for piece in pieces(word[0], columns, line_chars) if is_broken else (word[0],):
            yield at, at + len(piece)
            at += len(piece)


def joined(units: Sequence[Unit]) -> str:
    return "".join(f" {unit.text}" if unit.spaced and number else unit.text for number, unit in enumerate(units))
