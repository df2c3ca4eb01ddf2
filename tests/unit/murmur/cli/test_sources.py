"""Which files are transcribed for the names on the command line, and where their results belong."""

import os
from pathlib import Path

import pytest

from murmur.cli.sources import Source, Sources

STDIN = Path("/nowhere/stdin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.txt", "b.json", "cover.jpg", ".hidden.wav", "sub/c.mp3", "sub/deeper/d.ogg", ".git/e.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
    (tmp_path / "in" / "link.wav").symlink_to("a.wav")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in", target_is_directory=True)
    os.mkfifo(tmp_path / "in" / "pipe.wav")
    return tmp_path / "in"


def find(*names: Path, out: Path | None = None, recursive: bool = False) -> tuple[list[Source], dict[str, str]]:
    """What is found, and why not the rest."""
    failed: dict[str, str] = {}
    sources = Sources(out, recursive, STDIN, lambda path, reason: failed.update({Path(path).name: reason}))
    return sources.find(names), failed


def paths(sources: list[Source], base: Path) -> list[str]:
    return [str(source.path.relative_to(base)) for source in sources]


def test_a_folder_is_its_files_without_hidden_ones_links_and_transcripts(folder: Path) -> None:
    found, failed = find(folder)
    assert (paths(found, folder), failed) == (["a.wav", "cover.jpg"], {})
    assert all(source.found for source in found)


def test_subfolders_are_included_on_demand_and_links_to_folders_are_not_followed(folder: Path) -> None:
    found, failed = find(folder, recursive=True)
    assert (paths(found, folder), failed) == (["a.wav", "cover.jpg", "sub/c.mp3", "sub/deeper/d.ogg"], {})


def test_results_are_beside_each_file_or_in_the_same_subfolders_of_the_named_folder(folder: Path, tmp_path: Path) -> None:
    beside = [source.results for source in find(folder / "sub", recursive=True)[0]]
    assert beside == [folder / "sub" / "c", folder / "sub" / "deeper" / "d"]
    elsewhere = [source.results for source in find(folder / "sub", out=tmp_path / "out", recursive=True)[0]]
    assert elsewhere == [tmp_path / "out" / "c", tmp_path / "out" / "deeper" / "d"]


def test_what_cannot_be_read_is_named_and_the_rest_is_found(folder: Path) -> None:
    found, failed = find(folder / "nosuch.mp3", folder / "a.wav", folder / "pipe.wav", folder / ("x" * 300))
    assert paths(found, folder) == ["a.wav"]
    assert failed["nosuch.mp3"] == "no such file"
    assert "`-`" in failed["pipe.wav"]
    assert "too long" in failed["x" * 300]


def test_a_folder_with_nothing_in_it_is_named_with_the_option_for_its_subfolders(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    assert "--recursive" in find(tmp_path / "in")[1]["in"]
    assert "no files" in find(tmp_path / "in", recursive=True)[1]["in"]


def test_a_file_that_is_named_twice_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(find(folder / "a.wav", Path("a.wav"), out=folder)[0]) == 1


def test_a_link_that_is_named_is_followed(folder: Path) -> None:
    assert paths(find(folder / "link.wav")[0], folder) == ["link.wav"]


def test_standard_input_has_no_result_files_unless_a_folder_for_them_is_named(tmp_path: Path) -> None:
    assert find(Path("-"))[0] == [Source("standard input", STDIN, None)]
    assert find(Path("-"), out=tmp_path)[0] == [Source("standard input", STDIN, tmp_path / "stdin")]


def test_any_name_that_the_file_system_allows_is_found(tmp_path: Path) -> None:
    names = [b"caf\xe9.wav", b"two\nlines.wav", b"-.wav", b"x" * 251 + b".wav"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"content")
    assert sorted(os.fsencode(source.path.name) for source in find(tmp_path)[0]) == sorted(names)
