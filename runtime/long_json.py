"""JSON with an array of many thousand items, written and read in pieces: one call for all of it would stop every other thread of
the process for as long, 0.1 s for ten hours of words.

Used for transcripts, by the formats, the gateway and `runtime/objects/transcripts.py`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import orjson

PIECE_ITEMS = 100  # about 0.2 MB of segments with words: 1 ms
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
T = TypeVar("T")


def array(items: Iterable[object]) -> orjson.Fragment:
    """The items as an array in a document for `orjson.dumps`."""
    return orjson.Fragment(b"[%b]" % b",".join(orjson.dumps(piece)[1:-1] for piece in _pieces(items)))


def indented_array(items: Iterable[object]) -> orjson.Fragment:
    """As `array()`, for a field at the top level of a document that is written with OPT_INDENT_2."""
    lines = [orjson.dumps(piece, option=orjson.OPT_INDENT_2)[1:-2].replace(b"\n", b"\n  ") for piece in _pieces(items)]
    return orjson.Fragment(b"[%b\n  ]" % b",".join(lines) if lines else b"[]")


def read(raw: bytes, field: str, convert: Callable[[Any], T]) -> tuple[dict[str, Any], list[T]]:
    """The fields of an object, except the one with the array; the array's items, if it is there, each converted as it is read, so
    that what was read need not be freed at once. Raises ValueError, and what `convert` raises."""
    text = raw.decode()
    fields: dict[str, Any] = {}
    items: list[T] = []
    at, more = _open(text, 0, "{", "}")
    while more:
        name, at = _DECODER.raw_decode(text, at)
        at = _expect(text, at, ":")
        if name == field:
            at = _read_items(text, at, items, convert)
        else:
            fields[name], at = _DECODER.raw_decode(text, at)
        at, more = _next(text, at, "}")
    if at != len(text):
        raise ValueError(f"more after the end of the JSON object, at {at}")
    return fields, items


def _pieces(items: Iterable[object]) -> Iterator[list[object]]:
    rest = iter(items)
    while piece := list(islice(rest, PIECE_ITEMS)):
        yield piece


def _read_items(text: str, at: int, items: list[T], convert: Callable[[Any], T]) -> int:
    at, more = _open(text, at, "[", "]")
    while more:
        item, at = _DECODER.raw_decode(text, at)
        items.append(convert(item))
        at, more = _next(text, at, "]")
    return at


def _open(text: str, at: int, bracket: str, end: str) -> tuple[int, bool]:
    """After the opening bracket, and whether there is anything in it; if not, after its end."""
    at = _expect(text, at, bracket)
    return (_skip(text, at + 1), False) if text[at : at + 1] == end else (at, True)


def _next(text: str, at: int, end: str) -> tuple[int, bool]:
    """After a comma, or after the end."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return _skip(text, at + 1), False
    return _expect(text, at, ","), True


def _expect(text: str, at: int, character: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"JSON has no {character!r} at {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
