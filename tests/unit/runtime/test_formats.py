"""The writers of transcripts: valid files at every edge, and nothing in the text can break the structure."""

from datetime import UTC, datetime

import orjson
import pytest

from runtime.formats import FORMATS, answer, timed_texts
from runtime.subtitles import SubtitleRules
from schemas.options import DecodingOptions, ModelRef
from schemas.segment import RemovedSegment, Segment, Word
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo
from tests.unit.runtime.subtitles.spoken import all_cues


def transcript(*segments: Segment) -> Transcript:
    return Transcript(
        work_id="a" * 64,
        audio_id="b" * 64,
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
        language="pt",
        language_probability=0.9,
        duration_s=4.0,
        speech_s=3.0,
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
        processing_s=1.0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def segment(text: str, start: float = 0.0, end: float = 1.0) -> Segment:
    return Segment(start=start, end=end, text=text)


def written(format_name: str, *segments: Segment) -> str:
    return FORMATS[format_name].write(transcript(*segments)).decode()


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [
        ("txt", "Olá.\nTudo bem?\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,420\nOlá.\n\n2\n00:00:01,500 --> 00:00:02,333\nTudo bem?\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.420\nOlá.\n\n00:00:01.500 --> 00:00:02.333\nTudo bem?\n"),
        ("tsv", "start\tend\ttext\n0\t1500\tOlá.\n1500\t2000\tTudo bem?\n"),
    ],
)
def test_two_segments_are_written_as_the_format_requires(format_name: str, expected: str) -> None:
    assert written(format_name, segment("Olá.", 0, 1.5), segment("Tudo bem?", 1.5, 2)) == expected


@pytest.mark.parametrize(
    ("format_name", "expected"), [("txt", ""), ("srt", ""), ("vtt", "WEBVTT\n"), ("tsv", "start\tend\ttext\n")]
)
def test_a_transcript_without_speech_is_a_valid_file(format_name: str, expected: str) -> None:
    assert written(format_name) == expected


def test_the_json_file_holds_text_segments_language_duration_and_model() -> None:
    document = orjson.loads(FORMATS["json"].write(transcript(segment("Olá."))))

    assert document["text"] == "Olá."
    assert document["language"] == "pt"
    assert document["duration"] == 4.0
    assert document["model"] == {"name": "demo", "revision": "1"}
    assert document["segments"][0]["text"] == "Olá."
    assert "words" not in document["segments"][0]


def test_the_json_file_has_the_decoded_track_and_the_start_of_the_audio() -> None:
    warning = TranscriptWarning(code="lost", message="2.0 s of audio are missing", start=1.5, end=3.5)
    info = AudioInfo(
        container="mov", codec="aac", sample_rate_hz=48_000, channels=2, start_s=4.2, track=1, tracks=(), warnings=(warning,)
    )
    document = orjson.loads(FORMATS["json"].write(transcript().model_copy(update={"audio_info": info})))

    assert document["audio_info"] == info.model_dump(mode="json")
    assert (document["audio_info"]["track"], document["audio_info"]["start_s"]) == (1, 4.2)
    assert document["audio_info"]["warnings"] == [warning.model_dump()]


def test_words_are_in_the_json_file_when_they_were_requested() -> None:
    word = Word(start=0.0, end=0.5, word="Olá.", probability=0.8)
    document = orjson.loads(FORMATS["json"].write(transcript(segment("Olá.").model_copy(update={"words": (word,)}))))

    assert document["segments"][0]["words"] == [{"start": 0.0, "end": 0.5, "word": "Olá.", "probability": 0.8}]


def test_hours_take_more_than_two_digits_when_they_must() -> None:
    assert "100:00:00,000 --> 100:00:01,000" in written("srt", segment("late", 360_000, 360_001))


def test_rounding_carries_into_the_minute() -> None:
    file = written("srt", segment("x", 59.9996, 60.9999), segment("y", 3599.9999, 3601))
    assert "00:01:00,000 --> 00:01:01,000" in file
    assert "01:00:00,000 --> 01:00:01,000" in file


@pytest.mark.parametrize(
    ("start", "end"),
    [(1.0, 1.0), (1.0004, 1.00049), (2.0, 1.0), (-0.5, -0.2), (float("nan"), float("nan")), (0.0, float("inf"))],
)
def test_a_cue_never_ends_before_or_when_it_begins(start: float, end: float) -> None:
    of = transcript(segment("x", start, end))
    (text,), (cue,) = timed_texts(of), all_cues(of, SubtitleRules())
    assert 0 <= text.start_ms < text.end_ms
    assert 0 <= cue.start_ms < cue.end_ms


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "\x00\x1f"])
def test_a_segment_without_text_is_not_a_cue(text: str) -> None:
    assert written("srt", segment(text), segment("said", 1, 2)).startswith("1\n00:00:01,000")


@pytest.mark.parametrize("text", ["one\n\ntwo", "one\r\ntwo", "one\ttwo", "one\u2028two", "one\x85two", "one\x0btwo"])
@pytest.mark.parametrize("format_name", ["txt", "srt", "vtt", "tsv"])
def test_a_break_inside_the_text_becomes_a_blank(format_name: str, text: str) -> None:
    assert "one two\n" in written(format_name, segment(text))


@pytest.mark.parametrize("text", ["a --> b", "a ---> b", "00:00:00.000 --> 00:00:01.000"])
@pytest.mark.parametrize("format_name", ["srt", "vtt"])
def test_an_arrow_inside_the_text_cannot_be_taken_for_times(format_name: str, text: str) -> None:
    assert written(format_name, segment(text)).count("-->") == 1


def test_markup_inside_the_text_is_shown_and_not_obeyed_by_a_vtt_player() -> None:
    assert "&lt;v Roger&gt; Q&amp;A\n" in written("vtt", segment("<v Roger> Q&A"))


def test_only_the_json_has_what_the_filters_removed() -> None:
    removed = RemovedSegment(start=1.0, end=2.5, text="Thanks for watching!", reason="phantoms")
    whole = transcript(segment("hello")).model_copy(update={"removed": (removed,)})
    expected = [{"start": 1.0, "end": 2.5, "text": "Thanks for watching!", "reason": "phantoms"}]
    assert orjson.loads(FORMATS["json"].write(whole))["removed"] == expected
    assert answer(whole)["removed"] == expected
    for name in FORMATS.keys() - {"json"}:
        assert b"watching" not in FORMATS[name].write(whole)
