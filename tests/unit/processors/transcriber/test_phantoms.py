"""Known inventions are found whatever their case and punctuation, and only as a whole text."""

import pytest

from processors.transcriber.phantoms import LIST, is_listed, listed, normalised
from runtime import languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Thanks for watching!", "en"),
        ("THANK YOU FOR WATCHING", "en"),
        ("Thank you. Thank you. Thank you.", "en"),
        ("Thanks for watching! Please subscribe to my channel.", "en"),
        ("Subtitles by the Amara.org community", "en"),
        ("Untertitel der Amara.org-Community", "de"),
        ("Untertitel im Auftrag des ZDF für funk, 2017", "de"),
        ("ご視聴ありがとうございました", "ja"),
        ("ご視聴 ありがとうございました。ありがとうございました。", "ja"),
        ("Thank you for watching.", "ja"),  # English is written in every language
        ("請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目", "zh"),
        ("Редактор субтитров А.Семкин Корректор А.Егорова", "ru"),
    ],
)
def test_a_text_that_is_a_known_phrase_or_made_of_them_is_listed(text: str, language: str) -> None:
    assert is_listed(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Thanks for watching the children yesterday.", "en"),
        ("Thank you for watching. Now to the weather.", "en"),
        ("Untertitel der Amara.org-Community", "fr"),
        ("Tak.", "pl"),  # "yes"; in Danish it is thanks
        ("", "en"),
        ("...", "en"),
    ],
)
def test_any_other_text_is_not(text: str, language: str) -> None:
    assert not is_listed(text, language)


def test_every_line_of_the_list_has_a_language_of_whisper_and_a_phrase_once() -> None:
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [tuple(line.split(maxsplit=1)) for line in lines]
    assert {pair[0] for pair in pairs} <= set(languages.NAMES)
    assert all(len(pair) == 2 and normalised(pair[1]) for pair in pairs)
    assert len({(code, normalised(phrase)) for code, phrase in pairs}) == len(pairs)
    assert listed()["en"].has(normalised("thanks for WATCHING"))
