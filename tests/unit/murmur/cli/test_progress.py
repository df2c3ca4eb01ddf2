"""Plain lines: one for every 10 %, and the names of written files on standard output."""

import io
from pathlib import Path

import pytest

from murmur.cli.progress import Lines, printable, reporting


def test_without_a_terminal_there_is_a_line_for_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with reporting(stream) as reporter:
        for percent in range(101):
            reporter.progress(Path("a.wav"), percent / 100)
        reporter.written(Path("a.txt"))
        reporter.failed(Path("b.wav"), "no sound (no_audio)")
    lines = stream.getvalue().splitlines()
    assert lines == [*(f"a.wav: {tenth * 10} %" for tenth in range(11)), "b.wav: no sound (no_audio)"]
    assert capsys.readouterr().out == "a.txt\n"


def test_a_download_shows_its_size() -> None:
    stream = io.StringIO()
    reporter = Lines(stream)
    reporter.download("large-v3", 0, 0)  # before its size is known
    reporter.download("large-v3", 1_600_000_000, 3_200_000_000)
    assert stream.getvalue() == "downloading the model large-v3: 50 %, 1600 of 3200 MB\n"


def test_a_name_with_control_characters_or_other_bytes_is_one_printable_line() -> None:
    assert printable("a\nb\x1b[2J é") == "a\\nb\\x1b[2J é"
    assert printable(Path("caf\udce9.wav")) == "caf\\udce9.wav"
