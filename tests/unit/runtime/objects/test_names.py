"""The names of result files, up to the limits of the stores."""

import hashlib

import pytest

from runtime.formats import FORMATS
from runtime.objects.names import format_of, result_key, result_keys

LONG_KEYS = [
    "s" * 255,
    "ж" * 127,
    "🎙" * 63,
    "/".join(["d" * 250] * 4) + "/" + "e" * 20,
    "/".join(["d" * 255] * 4),
    "x/" * 511 + "yy",
    "🎙" * 60 + "/" + "/".join(["ж" * 127] * 3) + "/aaaaaaaaaaaaaa",
]


def test_the_full_name_comes_first_so_that_two_suffixes_of_one_stem_do_not_collide() -> None:
    assert result_keys("calls/a.mp4") == ("calls/a.mp4.json", "calls/a.mp4.txt", "calls/a.mp4.srt", "calls/a.mp4.vtt")
    assert not set(result_keys("a.mp4")) & set(result_keys("a.wav"))


def test_the_longest_name_that_fits_is_left_as_it_is() -> None:
    assert result_key("s" * 251, "txt") == "s" * 251 + ".txt"
    assert result_key("s" * 251, "json") != "s" * 251 + ".json"
    deep = "/".join(["d" * 250] * 4) + "/"
    assert result_key(deep + "e" * 16, "txt") == deep + "e" * 16 + ".txt"
    assert result_key(deep + "e" * 17, "txt") != deep + "e" * 17 + ".txt"


@pytest.mark.parametrize("key", LONG_KEYS)
def test_a_name_that_is_too_long_is_cut_between_characters_and_carries_the_keys_digest(key: str) -> None:
    name = result_key(key, "json")
    stem, tilde, tail = name.rpartition("~")
    assert tilde
    assert tail == hashlib.sha256(key.encode()).hexdigest()[:8] + ".json"
    assert key.startswith(stem)
    assert len(name.encode()) <= 1024
    assert max(len(segment.encode()) for segment in name.split("/")) <= 255


def test_no_more_is_cut_than_must_be() -> None:
    assert len(result_key("ж" * 127, "json").encode()) in (254, 255)
    assert len(result_key("/".join(["d" * 250] * 4) + "/" + "e" * 20, "json").encode()) == 1024


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert result_key("s" * 250 + "1.wav", "json") != result_key("s" * 250 + "2.wav", "json")


def test_each_format_has_an_ending_by_which_it_is_found() -> None:
    keys = result_keys("calls/a.mp4", tuple(FORMATS))
    assert keys[1:3] == ("calls/a.mp4.verbose.json", "calls/a.mp4.words.json")
    assert [format_of(key, "calls/a.mp4") for key in keys] == list(FORMATS)
    assert [format_of(key, None) for key in keys] == list(FORMATS)


def test_a_name_that_ends_like_a_format_does_not_change_it() -> None:
    (json,) = result_keys("a.words", ("json",))
    (words,) = result_keys("a", ("words",))
    assert json == words
    assert (format_of(json, "a.words"), format_of(words, "a")) == ("json", "words")


def test_a_long_name_is_found_too_and_an_unknown_format_is_not() -> None:
    (srt,) = result_keys("x" * 400, ("srt",))
    assert format_of(srt, "x" * 400) == "srt"
    assert format_of("a.mp4.docx", "a.mp4") is None
