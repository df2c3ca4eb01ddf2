"""Result files: their names, and which existing files are overwritten."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from murmur.cli.plan import Plan
from murmur.cli.results import Results, Written, path_of, write_whole
from murmur.cli.sources import Source
from runtime.errors import MurmurError


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    with Written(tmp_path / "state" / "results.sqlite") as record:
        yield record


@pytest.fixture
def talk(tmp_path: Path) -> Source:
    path = tmp_path / "talk.wav"
    path.write_bytes(b"sound")
    return Source(path, path, tmp_path / "talk")


def results(written: Written, *, force: bool = False) -> Results:
    return Results(written, ["txt", "srt"], force)


def test_an_earlier_result_is_recognised_also_by_a_later_run(written: Written, tmp_path: Path) -> None:
    results(written).write(tmp_path / "talk", "txt", b"one")
    with Written(tmp_path / "state" / "results.sqlite") as later:
        results(later).write(tmp_path / "talk", "txt", b"two")
    assert (tmp_path / "talk.txt").read_bytes() == b"two"


def test_neither_another_file_nor_an_edited_result_is_overwritten(written: Written, tmp_path: Path) -> None:
    results(written).write(tmp_path / "talk", "txt", b"one")
    for theirs in (tmp_path / "talk.txt", tmp_path / "talk.srt"):
        theirs.write_bytes(b"theirs")
        with pytest.raises(FileExistsError, match=theirs.name):
            results(written).write(tmp_path / "talk", theirs.suffix[1:], b"new")
        assert theirs.read_bytes() == b"theirs"
    assert results(written).foreign(tmp_path / "talk") == [tmp_path / "talk.txt", tmp_path / "talk.srt"]


def test_a_link_is_never_an_earlier_result_and_its_target_stays(written: Written, tmp_path: Path) -> None:
    target = results(written).write(tmp_path / "other", "txt", b"one")
    (tmp_path / "talk.txt").symlink_to(target)
    assert results(written).foreign(tmp_path / "talk") == [tmp_path / "talk.txt"]
    results(written, force=True).write(tmp_path / "talk", "txt", b"two")
    assert (target.read_bytes(), (tmp_path / "talk.txt").is_symlink()) == (b"one", False)


def test_without_a_usable_record_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with Written(tmp_path / "state" / "results.sqlite") as record:
        results(record).write(tmp_path / "talk", "txt", b"one")
        assert results(record).foreign(tmp_path / "talk") == [tmp_path / "talk.txt"]
        assert record.error is not None


def test_a_damaged_record_is_an_error_that_is_reported(tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_bytes(b"no database" * 1000)
    with Written(tmp_path / "results.sqlite") as record:
        assert record.error is not None
        assert "results.sqlite" in record.error


def plan(found: list[Source], results: Results, *, answer: bool | None = None) -> Plan:
    made = Plan(results, None if answer is None else lambda _paths: answer)
    made.add(found)
    return made


def test_without_a_terminal_the_file_is_refused_and_the_others_are_transcribed(
    written: Written, talk: Source, tmp_path: Path
) -> None:
    (tmp_path / "talk.txt").write_text("my notes")
    other = Source("other.wav", tmp_path / "other.wav", tmp_path / "other")
    made = plan([talk, other], results(written))
    assert made.sources == [other]
    assert "--force" in made.problems[0][1]
    assert plan([talk], results(written, force=True)).sources == [talk]


def test_who_agrees_has_the_file_overwritten_and_who_does_not_keeps_it(written: Written, talk: Source, tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("my notes")
    with pytest.raises(MurmurError, match=r"talk\.txt"):
        plan([talk], results(written), answer=False)
    agreed = results(written)
    assert plan([talk], agreed, answer=True).sources == [talk]
    agreed.write(tmp_path / "talk", "txt", b"text")
    assert (tmp_path / "talk.txt").read_bytes() == b"text"


def test_an_input_is_never_overwritten_not_even_by_force(written: Written, tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(b"sound under another name")
    with pytest.raises(MurmurError, match="--out"):
        plan([Source(path, path, tmp_path / "talk")], results(written, force=True))


def test_a_folder_where_a_result_belongs_is_refused_before_any_work(written: Written, talk: Source, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").mkdir()
    with pytest.raises(MurmurError, match=r"talk\.srt"):
        plan([talk], results(written, force=True))


@pytest.mark.parametrize("out", ["taken", "taken/below", "x" * 300])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    written: Written, talk: Source, tmp_path: Path, out: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MurmurError, match="cannot write results"):
        plan([Source(talk.path, talk.path, tmp_path / out / "talk")], results(written))


def test_two_files_with_results_of_one_name_are_both_refused(written: Written, talk: Source, tmp_path: Path) -> None:
    third = Source("third.wav", tmp_path / "third.wav", tmp_path / "third")
    made = plan([talk, Source("talk.mp3", tmp_path / "talk.mp3", tmp_path / "talk"), third], results(written))
    assert made.sources == [third]
    assert len(made.problems) == 2


def test_standard_output_takes_one_transcript_in_one_format(written: Written, talk: Source) -> None:
    stdin = Source("standard input", talk.path, None)
    with pytest.raises(MurmurError, match="--formats"):
        plan([stdin], results(written))
    with pytest.raises(MurmurError, match="--out"):
        plan([stdin, talk], Results(written, ["txt"], force=False))
    assert plan([stdin], Results(written, ["txt"], force=False)).sources == [stdin]


def test_a_name_that_would_be_too_long_is_shortened_and_stays_distinct(tmp_path: Path) -> None:
    assert path_of(tmp_path / "talk.v2", "txt") == tmp_path / "talk.v2.txt"
    long = [path_of(tmp_path / ("é" * 125 + end), "json") for end in ("a", "b")]
    assert len(set(long)) == 2
    for path in long:
        write_whole(path, b"text")
        path.name.encode()  # still text
    bytes_only = path_of(tmp_path / os.fsdecode(b"\xe9" * 252), "json")
    write_whole(bytes_only, b"text")
    assert len(os.fsencode(bytes_only.name)) == 255


def test_results_are_written_atomically(tmp_path: Path) -> None:
    write_whole(tmp_path / "out" / "a.txt", b"text")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"text"
    (tmp_path / "taken.txt").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "taken.txt", b"text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "taken.txt"]
