"""Names of speakers in the text of a transcript."""

import pytest

from producers.gateway.documents.names import Names, Speaker
from producers.gateway.jobs.speakers import with_speakers
from runtime.formats import FORMATS, USUAL
from schemas.segment import Segment, Word
from schemas.transcript import Transcript
from tests.unit.runtime.test_formats import transcript


def text_of(whole: Transcript) -> str:
    return FORMATS["txt"].write(whole, USUAL).decode()


def spoken(*starts: float) -> Transcript:
    return transcript(*(Segment(start=start, end=start + 1, text=f"at {start:g}") for start in starts))


def test_a_name_is_at_the_first_segment_of_each_speaker() -> None:
    speakers = [Speaker(start=6, name="Bo"), Speaker(start=0, name="Ana"), Speaker(start=8.0004, name="Ana")]
    named = with_speakers(spoken(0, 2, 6, 7, 8, 9), speakers)
    assert text_of(named) == "Ana: at 0\nat 2\nBo: at 6\nat 7\nAna: at 8\nat 9\n"


def test_before_the_first_name_and_after_an_empty_one_nobody_is_named() -> None:
    speakers = [Speaker(start=2, name="Ana"), Speaker(start=4, name=""), Speaker(start=6, name="Ana")]
    assert text_of(with_speakers(spoken(0, 2, 4, 6), speakers)) == "at 0\nAna: at 2\nat 4\nAna: at 6\n"


def test_of_several_names_with_the_same_time_the_last_is_valid() -> None:
    speakers = [Speaker(start=0, name="Ana"), Speaker(start=0, name="Bo")]
    assert text_of(with_speakers(spoken(0), speakers)) == "Bo: at 0\n"


def test_a_speaker_without_a_segment_of_his_own_is_left_out() -> None:
    speakers = [Speaker(start=0, name="Ana"), Speaker(start=1, name="Bo"), Speaker(start=1.5, name="Ana")]
    assert text_of(with_speakers(spoken(0, 2), speakers)) == "Ana: at 0\nat 2\n"


def test_subtitles_that_are_made_of_words_have_the_name_too() -> None:
    words = tuple(Word(start=place, end=place + 1, word=f" {text}", probability=1) for place, text in enumerate(("good", "day")))
    whole = transcript(Segment(start=0, end=2, text="good day", words=words))
    srt = FORMATS["srt"].write(with_speakers(whole, [Speaker(start=0, name="Ana")]), USUAL)
    assert srt.endswith(b"\nAna: good day\n")


def test_without_names_the_transcript_stays_as_it_is() -> None:
    whole = spoken(0)
    assert with_speakers(whole, []) is with_speakers(whole, [Speaker(start=0, name=" ")]) is whole


def test_a_name_is_one_line() -> None:
    assert Names(filename=" a\r\n\r\n<b>\0 ").filename == "a <b>"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        (" Ana\n\tMaria\x00\u2028\xa0Silva ", "Ana Maria Silva"),
        ("a\u202eb\u2066c\u200bd\ufeff", "abcd"),
        ("\u200d \u200b", ""),
    ],
)
def test_a_name_keeps_what_words_and_emoji_are_joined_with_and_no_controls(given: str, kept: str) -> None:
    assert Speaker(start=0, name=given).name == kept
