"""Where a line may be broken, and when each piece is spoken."""

import unicodedata

import pytest
from uniseg.graphemecluster import grapheme_clusters
from uniseg.linebreak import line_break_units

from runtime.subtitles import units as subject
from runtime.subtitles.units import Unit, columns, joined
from schemas.segment import Segment, Word
from tests.unit.runtime.subtitles.spoken import (
    CHINESE,
    ENGLISH,
    JAPANESE,
    KOREAN,
    SOUTH_EAST_ASIAN,
    TEXTS,
    segment,
    with_words,
)

CLOSING, OPENING = "、。！？”」）：，", "「（“"
LINE = 42


def units(of: Segment, line_chars: int = LINE) -> list[Unit]:
    return subject.units(of, line_chars)


def texts(text: str, line_chars: int = LINE) -> list[str]:
    return [unit.text for unit in units(segment(text, 0, 10), line_chars)]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_pieces_put_together_are_the_text(text: str) -> None:
    assert joined(units(segment(text, 0, 10))) == text
    assert joined(units(with_words(text, 0, 10))) == text


def test_text_with_blanks_is_broken_at_its_blanks_alone() -> None:
    for text in (ENGLISH, KOREAN, "well-known a/b don't 10,000.50 http://a.example/b-c?d=e"):
        assert texts(text) == text.split(" ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ฉันไปตลาดเพื่อซื้อผักสดให้ครอบครัว", "ฉัน ไป ตลาด เพื่อ ซื้อ ผัก สด ให้ ครอบครัว"),
        ("ຂ້ອຍໄປຕະຫຼາດເພື່ອຊື້ຜັກ", "ຂ້ອຍ ໄປ ຕະຫຼາດ ເພື່ອ ຊື້ ຜັກ"),
        ("ខ្ញុំទៅផ្សារដើម្បីទិញបន្លែ", "ខ្ញុំ ទៅ ផ្សារ ដើម្បី ទិញ បន្លែ"),
        ("ဈေးသို့ဟင်းသီးဟင်းရွက်ဝယ်ရန်သွား", "ဈေး သို့ ဟင်းသီးဟင်းရွက် ဝယ် ရန် သွား"),
        ("今日は天気がいいですね。", "今日は 天気が いいですね。"),
    ],
    ids=["th", "lo", "km", "my", "ja"],
)
def test_text_without_blanks_is_broken_between_its_words(text: str, words: str) -> None:
    assert texts(text) == words.split(" ")


@pytest.mark.parametrize("text", SOUTH_EAST_ASIAN.values(), ids=SOUTH_EAST_ASIAN)
def test_no_line_begins_with_a_mark_of_the_letter_before_it(text: str) -> None:
    found = texts(text)
    assert len(found) > 2 * len(text.split(" "))
    assert not [piece for piece in found if unicodedata.category(piece[0]) in ("Mn", "Mc", "Lm")]


def test_tokens_that_are_no_words_do_not_break_one() -> None:
    """Whisper's words of Thai are tokens: single vowel signs among them."""
    word = "ครอบครัวที่นี่"
    tokens = tuple(Word(start=n / 10, end=(n + 1) / 10, word=token, probability=0.9) for n, token in enumerate(word))
    found = units(Segment(start=0.0, end=len(word) / 10, text=word, words=tokens))
    assert [(unit.text, unit.start_ms, unit.end_ms) for unit in found] == [
        ("ครอบครัว", 0, 800),
        ("ที่", 800, 1100),
        ("นี่", 1100, 1400),
    ]


@pytest.mark.parametrize("line_chars", range(10, 15))
@pytest.mark.parametrize("text", ["ก็ก๋ำ" * 20, "e\u0301o\u0302" * 60, "ក្ម្ពុ" * 40, "👨‍👩‍👧‍👦🇵🇹👍🏽" * 12, "ǅ" * 99, "नि्क्षि" * 40])
def test_what_is_too_long_without_any_word_is_broken_between_characters_as_a_reader_sees_them(text: str, line_chars: int) -> None:
    found = texts(text, line_chars)
    assert "".join(found) == text
    assert all(columns(piece) <= line_chars for piece in found)
    borders = {0}
    for character in grapheme_clusters(text):
        borders.add(max(borders) + len(character))
    ends = [len("".join(found[: n + 1])) for n in range(len(found))]
    assert set(ends) <= borders


def test_a_word_that_is_longer_than_a_line_is_broken_where_it_may_be() -> None:
    assert texts("siehe http://a.example/a-long-path/of-a-page?named=so", 20) == [
        *("siehe", "http://", "a.example/", "a-", "long-", "path/", "of-", "a-", "page?", "named=so"),
    ]
    assert texts("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk") == [
        "Donaudampfschifffahrtselektrizitätenhauptb",
        "etriebswerk",
    ]


@pytest.mark.parametrize("text", [JAPANESE, CHINESE], ids=["ja", "zh"])
def test_no_line_of_chinese_or_japanese_begins_with_closing_or_ends_with_opening_punctuation(text: str) -> None:
    found = texts(text)
    assert len(found) >= 20
    for piece in found:
        assert piece[0] not in f"{CLOSING}ーっょゅ"
        assert piece[-1] not in OPENING


@pytest.mark.parametrize("text", [JAPANESE, CHINESE, "東京Tokyo駅", "1万円の😀です"], ids=["ja", "zh", "mixed", "emoji"])
def test_breaks_are_among_those_of_the_unicode_standard(text: str) -> None:
    """UAX 14 by an independent library, which has no dictionaries."""
    allowed, at = set(), 0
    for piece in line_break_units(text):
        at += len(piece)
        allowed.add(at)
    at = 0
    for piece in texts(text):
        at += len(piece)
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
    assert [(unit.text, unit.start_ms, unit.end_ms) for unit in units(spoken)] == [("はい。", 0, 2000)]


def test_a_piece_of_a_word_has_its_share_of_the_time() -> None:
    spoken = with_words("美丽的花", 0.0, 2.0)
    assert [word.word for word in spoken.words or ()] == ["美丽", "的花"]
    assert [(unit.text, unit.start_ms) for unit in units(spoken)] == [("美", 0), ("丽", 500), ("的", 1000), ("花", 1500)]


def test_without_words_time_is_shared_by_length() -> None:
    found = units(segment("aaaa bbbbb", 0.0, 1.0))
    assert [(unit.start_ms, unit.end_ms) for unit in found] == [(0, 400), (500, 1000)]


def test_words_that_are_not_those_of_the_text_are_not_used() -> None:
    corrected = with_words("one too three", 0.0, 3.0).model_copy(update={"text": "one two three"})
    assert units(corrected) == units(segment("one two three", 0.0, 3.0))
