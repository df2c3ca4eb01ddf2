"""Where a line may be broken, and when each piece is spoken."""

import pytest
from uniseg.linebreak import line_break_units

from runtime.subtitles.units import columns, joined, units
from tests.unit.runtime.subtitles.spoken import CHINESE, ENGLISH, JAPANESE, KOREAN, TEXTS, segment, with_words

CLOSING, OPENING = "、。！？”」）：，", "「（“"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_pieces_put_together_are_the_text(text: str) -> None:
    assert joined(units(segment(text, 0, 10))) == text
    assert joined(units(with_words(text, 0, 10))) == text


def test_text_with_blanks_is_broken_at_its_blanks_alone() -> None:
    for text in (ENGLISH, KOREAN, "well-known a/b don't 10,000.50 http://a.example/b-c?d=e"):
        assert [unit.text for unit in units(segment(text, 0, 10))] == text.split(" ")


@pytest.mark.parametrize("text", [JAPANESE, CHINESE], ids=["ja", "zh"])
def test_no_line_of_chinese_or_japanese_begins_with_closing_or_ends_with_opening_punctuation(text: str) -> None:
    found = [unit.text for unit in units(segment(text, 0, 10))]
    assert len(found) > 40
    for piece in found:
        assert piece[0] not in f"{CLOSING}ーっょゅ"
        assert piece[-1] not in OPENING


@pytest.mark.parametrize("text", [JAPANESE, CHINESE, "東京Tokyo駅", "1万円の😀です"], ids=["ja", "zh", "mixed", "emoji"])
def test_breaks_are_among_those_of_the_unicode_standard(text: str) -> None:
    """UAX 14 by an independent library, which is too slow to be used here."""
    allowed, at = set(), 0
    for piece in line_break_units(text):
        at += len(piece)
        allowed.add(at)
    at = 0
    for unit in units(segment(text, 0, 10)):
        at += len(unit.text)
        assert at in allowed, text[:at]


def test_a_full_width_character_is_two_columns_and_a_combining_one_none() -> None:
    assert (columns("abc"), columns("東京"), columns("ｱ"), columns("e\u0301"), columns("한국"), columns("Olá")) == (
        3,
        4,
        1,
        1,
        4,
        3,
    )


def test_each_piece_has_the_time_of_its_word() -> None:
    found = units(with_words("one two three four", 1.0, 5.0, pause_s=0.2))
    assert [(unit.text, unit.start_ms, unit.end_ms) for unit in found] == [
        ("one", 1200, 2000),
        ("two", 2200, 3000),
        ("three", 3200, 4000),
        ("four", 4200, 5000),
    ]


def test_a_piece_that_consists_of_several_words_lasts_from_the_first_to_the_last() -> None:
    spoken = with_words("はい。", 0.0, 2.0)
    assert [word.word for word in spoken.words or ()] == ["はい", "。"]
    assert [(unit.text, unit.start_ms, unit.end_ms) for unit in units(spoken)] == [("は", 0, 500), ("い。", 500, 2000)]


def test_without_words_time_is_shared_by_length() -> None:
    found = units(segment("aaaa bbbbb", 0.0, 1.0))
    assert [(unit.start_ms, unit.end_ms) for unit in found] == [(0, 400), (500, 1000)]


def test_words_that_are_not_those_of_the_text_are_not_used() -> None:
    corrected = with_words("one too three", 0.0, 3.0).model_copy(update={"text": "one two three"})
    assert units(corrected) == units(segment("one two three", 0.0, 3.0))
