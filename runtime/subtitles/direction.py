"""Marks for text that is written from right to left (Arabic, Hebrew, Persian, Urdu), where a player would place it wrongly."""

import unicodedata
from functools import lru_cache

RIGHT_TO_LEFT_MARK = "\u200f"
EMBED_RIGHT_TO_LEFT, END_OF_EMBEDDING = "\u202b", "\u202c"


def marked(lines: tuple[str, ...]) -> tuple[str, ...]:
    """For WebVTT, whose players take the direction of a line from its first letter: a line that begins with a foreign letter, a
    digit or punctuation gets a mark before it."""
    if not _is_right_to_left(lines):
        return lines
    return tuple(line if _first(line) == "R" else RIGHT_TO_LEFT_MARK + line for line in lines)


def embedded(lines: tuple[str, ...]) -> tuple[str, ...]:
    """For SubRip, whose players show every line from left to right: the punctuation at its end would be at the wrong side."""
    if not _is_right_to_left(lines):
        return lines
    return tuple(f"{EMBED_RIGHT_TO_LEFT}{line}{END_OF_EMBEDDING}" for line in lines)


def _is_right_to_left(lines: tuple[str, ...]) -> bool:
    """By the majority of the letters."""
    if all(line.isascii() for line in lines):
        return False
    sides = [_side(character) for line in lines for character in line]
    return sides.count("R") > sides.count("L")


def _first(line: str) -> str:
    """The side of the first character: only a letter of its own says from which side a line is written."""
    return _side(line[:1])


@lru_cache(4096)
def _side(character: str) -> str:
    """R or L for a letter, else empty."""
    kind = unicodedata.bidirectional(character) if character else ""
    return "R" if kind in ("R", "AL") else "L" if kind == "L" else ""
