"""Arrays in pieces: the same JSON as in one call, and no call for much of it."""

from typing import Any

import orjson
import pytest

from runtime import long_json
from runtime.long_json import PIECE_ITEMS


def same(item: object) -> object:
    return item


ITEMS: list[Any] = [{"text": 'a "b", [c] {d}\n\\', "words": [{"start": n / 7}], "none": None} for n in range(2 * PIECE_ITEMS + 1)]
LENGTHS = [0, 1, PIECE_ITEMS, PIECE_ITEMS + 1, len(ITEMS)]


@pytest.mark.parametrize("length", LENGTHS)
def test_an_array_is_written_as_in_one_call(length: int) -> None:
    items = ITEMS[:length]
    assert orjson.dumps({"a": 1, "items": long_json.array(items), "b": 2}) == orjson.dumps({"a": 1, "items": items, "b": 2})
    indent = orjson.OPT_INDENT_2
    written = orjson.dumps({"a": 1, "items": long_json.indented_array(items), "b": [2]}, option=indent)
    assert written == orjson.dumps({"a": 1, "items": items, "b": [2]}, option=indent)


def test_no_call_writes_more_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    dumps = orjson.dumps

    def counted(value: list[object], option: int | None = None) -> bytes:
        written.append(len(value))
        return dumps(value, option=option)

    monkeypatch.setattr(orjson, "dumps", counted)
    long_json.array(ITEMS)
    long_json.indented_array(ITEMS)
    assert written == [PIECE_ITEMS, PIECE_ITEMS, 1] * 2


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
@pytest.mark.parametrize("length", LENGTHS)
def test_what_was_written_is_read(length: int, option: int) -> None:
    fields = {"text": "ação \u2028 ]}", "nested": {"items": [1, {"items": []}]}, "none": None}
    raw = orjson.dumps({"first": 1.5, "items": ITEMS[:length], **fields}, option=option)
    assert long_json.read(raw, "items", same) == ({"first": 1.5, **fields}, ITEMS[:length])


def test_an_object_without_the_array_or_without_anything_is_read() -> None:
    assert long_json.read(b' { "a" : [ ] } ', "items", same) == ({"a": []}, [])
    assert long_json.read(b"{ }\n", "items", same) == ({}, [])
    assert long_json.read(b'{"items" : [ ] }', "items", same) == ({}, [])


WHOLE = orjson.dumps({"a": [1], "items": ITEMS[:3], "b": "c"})
WRONG = [
    b"",
    b"[]",
    b"nothing",
    b'{"a" 1}',
    b'{"items": {}}',
    b'{"items": [1 2]}',
    b'{"items": [1,]}',
    b'{"a": 1,}',
    WHOLE + b"x",
    b"\xff",
]


@pytest.mark.parametrize("raw", WRONG)
def test_what_is_no_such_object_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        long_json.read(raw, "items", same)


def test_every_beginning_of_a_document_is_an_error() -> None:
    for size in range(len(WHOLE)):
        with pytest.raises(ValueError):
            long_json.read(WHOLE[:size], "items", same)
