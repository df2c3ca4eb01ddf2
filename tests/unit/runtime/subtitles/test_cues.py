"""Subtitles by the book: what is said is all there, in order, in lines that fit, for as long as it takes to read them."""

import io
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import pysubs2
import pytest
import srt
import webvtt

from runtime.formats import FORMATS
from runtime.settings import Settings
from runtime.subtitles import Cue, SubtitleRules, SubtitleText
from runtime.subtitles.units import columns
from schemas.segment import Segment
from tests.unit.runtime.subtitles.spoken import (
    ARABIC,
    ENGLISH,
    HEBREW,
    JAPANESE,
    TEXTS,
    THAI,
    all_cues,
    conversation,
    segment,
    with_words,
)
from tests.unit.runtime.test_formats import transcript

RULES = SubtitleRules()
MARKS = re.compile("[\u200f\u202b\u202c]")
Make = Callable[[str, float, float], Segment]
Parsed = list[tuple[int, int, str]]


def made(*segments: Segment, rules: SubtitleRules = RULES) -> list[Cue]:
    last_s = max(each.end for each in segments)
    return all_cues(transcript(*segments).model_copy(update={"duration_s": last_s}), rules)


def letters(text: str) -> str:
    return re.sub(r"\s", "", MARKS.sub("", text))


def with_srt(file: str) -> Parsed:
    found = list(srt.parse(file))
    assert [each.index for each in found] == list(range(1, len(found) + 1))
    return [(round(one.start.total_seconds() * 1000), round(one.end.total_seconds() * 1000), one.content) for one in found]


def with_pysubs2(file: str) -> Parsed:
    return [(each.start, each.end, each.plaintext) for each in pysubs2.SSAFile.from_string(file, "srt")]


def with_webvtt(file: str) -> Parsed:
    return [(_ms(one.start), _ms(one.end), one.text) for one in webvtt.from_buffer(io.StringIO(file)).captions]


def _ms(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


@pytest.mark.parametrize("make", [segment, with_words])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_long_segment_becomes_cues_of_two_lines_that_fit(text: str, make: Make) -> None:
    found = made(make(text, 0.0, 20.0))
    assert len(found) >= 3
    assert letters("".join("".join(cue.lines) for cue in found)) == letters(text)
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < columns(line) <= 42 for line in cue.lines)
        assert cue.end_ms - cue.start_ms <= RULES.max_ms


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_said_the_words_are_all_there_and_no_cue_overlaps_another(seed: int) -> None:
    segments = conversation(seed)
    found = made(*segments)
    assert letters("".join("".join(cue.lines) for cue in found)) == letters("".join(each.text for each in segments))
    for cue, following in pairwise(found):
        assert cue.start_ms < cue.end_ms <= following.start_ms
        assert cue.end_ms - cue.start_ms <= RULES.max_ms
        assert all(columns(line) <= 42 for line in cue.lines)
        assert len(cue.lines) <= 2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("name", "parse"), [("srt", with_srt), ("srt", with_pysubs2), ("vtt", with_webvtt)])
def test_independent_parsers_read_what_was_written(name: str, parse: Callable[[str], Parsed], seed: int) -> None:
    segments = conversation(seed)
    file = FORMATS[name].write(transcript(*segments)).decode()
    expected = [(cue.start_ms, cue.end_ms, letters("".join(cue.lines))) for cue in all_cues(transcript(*segments), RULES)]
    assert [(start, end, letters(text)) for start, end, text in parse(file)] == expected


@pytest.mark.parametrize("name", FORMATS)
def test_all_words_are_in_every_format_in_order(name: str) -> None:
    spoken = [with_words(ENGLISH, 0.0, 12.0), with_words(HEBREW, 12.5, 20.0), with_words(JAPANESE, 20.5, 40.0)]
    file = FORMATS[name].write(transcript(*spoken).model_copy(update={"decoding": WITH_WORDS})).decode()
    text = letters("".join(cue for _, _, cue in with_srt(file)) if name == "srt" else TIMES.sub("", file))
    at = 0
    for word in (word for each in spoken for word in each.words or ()):
        at = text.find(letters(word.word), at) + 1
        assert at, word


TIMES = re.compile(r"[\d:.]+ --> [\d:.]+")
WITH_WORDS = transcript().decoding.model_copy(update={"words": True})


def test_cues_are_broken_where_sentences_and_clauses_end() -> None:
    found = made(with_words(ENGLISH, 0.0, 14.0))
    assert [" ".join(cue.lines)[-1] for cue in found] == [":", ",", "."]


def test_a_pause_is_a_good_place_for_a_break() -> None:
    before, after = "one two three four five six seven eight nine ten", "eleven twelve thirteen fourteen fifteen sixteen"
    first, second = with_words(before, 0.0, 4.0), with_words(after, 6.0, 9.0)
    both = Segment(start=0.0, end=9.0, text=f"{before} {after}", words=(*(first.words or ()), *(second.words or ())))
    assert [(cue.start_ms, " ".join(cue.lines)) for cue in made(both)] == [(0, before), (6000, after)]


def test_lines_are_about_equally_long() -> None:
    (cue,) = made(segment("a sentence of fifty letters that needs two of them", 0.0, 4.0))
    assert cue.lines == ("a sentence of fifty letters", "that needs two of them")


def test_a_cue_begins_with_its_first_word() -> None:
    spoken = with_words(ENGLISH, 3.0, 17.0, pause_s=0.05)
    starts = {round(word.start * 1000) for word in spoken.words or ()}
    assert {cue.start_ms for cue in made(spoken)} <= starts


def test_a_cue_that_is_spoken_too_fast_stays_as_long_as_it_takes_to_read_it() -> None:
    fast, later = segment("these are forty characters, said quickly", 0.0, 0.9), segment("later", 10.0, 11.0)
    first, _ = made(fast, later)
    assert first.end_ms == 40 * 1000 / RULES.chars_per_s


def test_it_does_not_stay_into_the_next_one() -> None:
    fast, soon = segment("these are forty characters, said quickly", 0.0, 0.9), segment("This is the next sentence.", 1.0, 3.0)
    first, second = made(fast, soon)
    assert (first.end_ms, second.start_ms) == (1000 - RULES.gap_ms, 1000)


def test_a_short_cue_stays_for_the_shortest_time() -> None:
    first, _ = made(segment("Yes.", 1.0, 1.2), segment("No.", 5.0, 6.0))
    assert (first.start_ms, first.end_ms) == (1000, 1000 + RULES.min_ms)


def test_one_that_cannot_stay_is_joined_with_the_next() -> None:
    (cue,) = made(segment("Yes.", 1.0, 1.2), segment("I think so.", 1.2, 2.5))
    assert (cue.lines, cue.start_ms, cue.end_ms) == (("Yes. I think so.",), 1000, 2500)


def test_a_word_in_a_long_segment_does_not_stay_for_all_of_it() -> None:
    (cue,) = made(segment("Hm.", 0.0, 25.0))
    assert cue.end_ms == RULES.max_ms


def test_lines_of_thai_end_where_a_clause_does() -> None:
    found = made(segment(THAI, 0.0, 20.0))
    clauses = THAI.split(" ")
    assert [line for cue in found for line in cue.lines][-1] == clauses[-1]
    assert "".join(found[1].lines).endswith(clauses[1])


def test_the_limits_are_settings() -> None:
    limits = {"subtitle_line_chars": 20, "subtitle_lines": 1, "subtitle_max_s": 3, "subtitle_gap_ms": 0}
    rules = SubtitleRules.of(Settings.model_validate(limits))
    found = made(segment(ENGLISH, 0.0, 14.0), rules=rules)
    assert all(len(cue.lines) == 1 and columns(cue.lines[0]) <= 20 for cue in found)
    assert all(cue.end_ms - cue.start_ms <= 3000 for cue in found)
    first, second = made(segment("one two three", 0.0, 2.0), segment("four five six", 2.0, 4.0), rules=rules)
    assert first.end_ms == second.start_ms


@pytest.mark.parametrize("text", [ARABIC, HEBREW], ids=["ar", "he"])
def test_text_from_right_to_left_is_embedded_in_srt_and_marked_in_vtt(text: str) -> None:
    spoken = segment(text, 0.0, 8.0)
    lines = [line for _, _, cue in with_srt(FORMATS["srt"].write(transcript(spoken)).decode()) for line in cue.split("\n")]
    assert all(line.startswith("\u202b") and line.endswith("\u202c") for line in lines)
    assert "\u202b" not in FORMATS["vtt"].write(transcript(spoken)).decode()


@pytest.mark.parametrize("text", ["iPhone 15 הוא טלפון חדש", "15 טלפונים חדשים", "«שלום»"])
def test_a_line_from_right_to_left_that_begins_otherwise_has_a_mark_in_vtt(text: str) -> None:
    assert f"\n\u200f{text}\n" in FORMATS["vtt"].write(transcript(segment(text, 0.0, 2.0))).decode()


@pytest.mark.parametrize("text", [ENGLISH, JAPANESE, "He said שלום to me."])
def test_other_text_has_no_marks(text: str) -> None:
    for name in ("srt", "vtt"):
        assert not MARKS.search(FORMATS[name].write(transcript(segment(text, 0.0, 8.0))).decode())


def written(segments: Sequence[Segment], name: str) -> str:
    return FORMATS[name].write(transcript(*segments)).decode()


def test_markup_and_arrows_stay_text_for_a_parser() -> None:
    tricky = [segment("a --> b <i>c</i> & d", 0.0, 2.0), segment("-->", 3.0, 4.0)]
    assert [text for _, _, text in with_webvtt(written(tricky, "vtt"))] == ["a --&gt; b &lt;i&gt;c&lt;/i&gt; &amp; d", "--&gt;"]
    assert [text for _, _, text in with_srt(written(tricky, "srt"))] == ["a -> b <i>c</i> & d", "->"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_a_file_that_grows_is_the_file_of_the_whole(name: Literal["srt", "vtt"], seed: int) -> None:
    segments, text = conversation(seed), SubtitleText(name, RULES)
    parts = [*(text.add([each]) for each in segments), text.end(transcript(*segments).duration_s)]

    assert "".join(parts).encode() == FORMATS[name].write(transcript(*segments))
    assert sum(" --> " in part for part in parts[:-1]) > len(segments) / 2
