"""Names of downloads."""

from urllib.parse import unquote

import pytest

from producers.gateway.http.filenames import content_disposition, title_with_ending, with_ending


@pytest.mark.parametrize(
    ("title", "saved_as"),
    [
        ("Interview.wav", "Interview.srt"),
        ("Interview.MP3", "Interview.srt"),
        ("Call 26.11", "Call 26.11.srt"),
        ("no.1", "no.1.srt"),
        ("AC/DC live", "AC-DC live.srt"),
        ("Ana & Bob: 1/2", "Ana & Bob: 1-2.srt"),
        ("a\\b", "a-b.srt"),
        ("../../etc/passwd", "..-..-etc-passwd.srt"),
        (".wav", ".wav.srt"),
        ("علی\u200cرضا", "علی\u200cرضا.srt"),
    ],
)
def test_a_name_that_a_reader_has_given_is_no_path_and_loses_the_ending_of_a_media_file_alone(title: str, saved_as: str) -> None:
    assert title_with_ending(title, "srt") == saved_as


@pytest.mark.parametrize("letter", ["a", "é", "会", "😀", "👨\u200d👩\u200d👧"])
@pytest.mark.parametrize("ending", ["srt", "verbose.json"])
def test_a_long_name_is_cut_so_that_its_ending_stays(letter: str, ending: str) -> None:
    title = (letter * 255)[:255]
    for name in (title_with_ending(title, ending), with_ending(f"{title[:251]}.wav", ending)):
        stem = name.removesuffix(f".{ending}")
        assert stem != name
        assert title.startswith(stem)
        assert not stem.endswith("\u200d")
        assert 255 - 4 - len(letter.encode()) <= len(name.encode()) <= 255
        header = content_disposition("inline", name)
        assert unquote(header.rpartition("UTF-8''")[2]) == name or f'"{name}"' in header


def test_the_ending_of_a_long_file_name_stays_in_the_header() -> None:
    assert content_disposition("inline", "é" * 250 + ".wav").endswith(".wav")
