"""Attempts: what began and did not end is counted, also by the next process."""

from pathlib import Path

from processors.slicer.attempts import Attempts


def test_an_attempt_that_never_ended_is_counted_by_the_next_process(tmp_path: Path) -> None:
    Attempts(tmp_path / "decoding").begin("file")
    Attempts(tmp_path / "decoding").begin("file")
    assert Attempts(tmp_path / "decoding").count("file") == 2
    assert Attempts(tmp_path / "decoding").count("other") == 0


def test_an_attempt_that_ended_is_not_counted(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    attempts.begin("file")
    attempts.end("file")
    attempts.end("file")
    assert attempts.count("file") == 0
    assert list(tmp_path.iterdir()) == []


def test_works_that_have_one_file_at_the_same_time_are_one_attempt(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    for _ in range(3):
        attempts.begin("file")
    assert attempts.count("file") == 0
    assert Attempts(tmp_path).count("file") == 1
    attempts.end("file")
    assert Attempts(tmp_path).count("file") == 1
    attempts.end("file")
    attempts.end("file")
    assert attempts.count("file") == Attempts(tmp_path).count("file") == 0


def test_a_damaged_count_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("many")
    assert Attempts(tmp_path).count("file") == 0


def test_without_a_folder_nothing_is_kept() -> None:
    attempts = Attempts(None)
    attempts.begin("file")
    assert attempts.count("file") == 0
