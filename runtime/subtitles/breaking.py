"""Where text may be broken that has no blanks between its words: by ICU, as the Unicode standard has it (UAX 14).

Thai, Lao, Khmer and Burmese between words, which ICU finds by its dictionaries; Japanese between phrases; Chinese between
characters. None begins a line with closing punctuation or small kana, or ends one with an opening bracket (kinsoku).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
EAST_ASIAN = "\u2e80-\u30ff\u31c0-\u9fff\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff"
WITHOUT_BLANKS = re.compile(f"[{SOUTH_EAST_ASIAN}{EAST_ASIAN}]")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")  # Korean has blanks
KANA = re.compile("[\u3041-\u30ff]")
STRICT, IN_PHRASES = "zh@lb=strict", "ja@lb=strict;lw=phrase"


def has_no_blanks(text: str) -> bool:
    """Whether a blank after it would end more than a word."""
    return not text.isascii() and WITHOUT_BLANKS.search(text) is not None and HANGUL.search(text) is None


def pieces(text: str, width: Callable[[str], int], width_max: int) -> Iterator[str]:
    """Of a text without blanks. A piece that would be wider is broken anywhere, but not inside of what a reader sees as one
    character."""
    for piece in _words(text):
        if width(piece) <= width_max:
            yield piece
        else:
            yield from _filled(piece, width, width_max)


def _words(text: str) -> Iterator[str]:
    """A mark of repetition stays with what it repeats, which in Lao it would not."""
    from icu4py.breakers import LineBreaker  # here, since most texts need none of its 40 MB

    word = ""
    for piece in LineBreaker(text, IN_PHRASES if KANA.search(text) else STRICT):
        if word and unicodedata.category(piece[0]) != "Lm":
            yield word
            word = ""
        word += piece
    yield word


def _filled(text: str, width: Callable[[str], int], width_max: int) -> Iterator[str]:
    from icu4py.breakers import CharacterBreaker

    line = ""
    for character in CharacterBreaker(text, STRICT):
        if line and width(line + character) > width_max:
            yield line
            line = ""
        line += character
    yield line
