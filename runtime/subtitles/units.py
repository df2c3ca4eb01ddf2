"""What lines are made of: pieces of text between which a line may be broken, each with its time.

Text with blanks is broken at blanks, never inside a word. Chinese and Japanese have none: they are broken between characters, but
not before closing punctuation, small kana and marks of length or repetition, nor after an opening bracket (kinsoku). Korean is
broken at its blanks.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.segment import Segment

INVISIBLE = dict.fromkeys([*range(32), *range(127, 160)], " ")
SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯ")
NOT_FIRST = frozenset({"Pe", "Pf", "Po", "Pd", "Lm", "Sk", "Mn", "Mc", "Me", "Cf"})  # categories of characters, see above
NOT_LAST = frozenset({"Ps", "Pi", "Cf"})
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")
WITHOUT_BLANKS = re.compile("[\u2e80-\u30ff\u31c0-\u9fff\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff]")


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


def units(segment: Segment) -> list[Unit]:
    """The text of a segment. Times are those of its words; without words, as if all characters took equally long."""
    text = one_line(segment.text)
    timed = _words(text, segment) or [_whole(text, segment)]
    made: list[Unit] = []
    at = 0
    for begin, end in _breaks(text):
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


def _breaks(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each unit."""
    for word in re.finditer(r"\S+", text):
        begin = word.start()
        if WITHOUT_BLANKS.search(word[0]):
            for index in range(begin + 1, word.end()):
                if _may_break(text[index - 1], text[index]):
                    yield begin, index
                    begin = index
        yield begin, word.end()


@lru_cache(4096)
def _may_break(before: str, after: str) -> bool:
    if not (_stands_alone(before) or _stands_alone(after)) or after in SMALL_KANA:
        return False
    return unicodedata.category(before) not in NOT_LAST and unicodedata.category(after) not in NOT_FIRST


def _stands_alone(character: str) -> bool:
    """A character of a script without blanks."""
    return WITHOUT_BLANKS.match(character) is not None and HANGUL.match(character) is None


def joined(units: Sequence[Unit]) -> str:
    return "".join(f" {unit.text}" if unit.spaced and number else unit.text for number, unit in enumerate(units))
