"""What `murmur dev` chooses for itself: its folders."""

from pathlib import Path

import pytest

from murmur.dev import folders, with_folders
from runtime.errors import UsageError
from runtime.settings import Settings


def test_the_outbox_is_beside_the_inbox_unless_it_is_set(tmp_path: Path) -> None:
    chosen = with_folders(Settings(model="demo", inbox=tmp_path / "in"))
    assert folders(chosen) == (tmp_path / "in", tmp_path / "transcripts")
    everything = with_folders(Settings(model="demo", data_dir=tmp_path / "data"))
    assert folders(everything) == (tmp_path / "data" / "inbox", tmp_path / "data" / "transcripts")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "http://127.0.0.1:8511"),
        ({"gateway_port": 9000, "base_path": "/murmur"}, "http://127.0.0.1:9000/murmur"),
        ({"gateway_host": "::1"}, "http://[::1]:8511"),
        ({"public_url": "https://speech.example"}, "https://speech.example"),
        ({"gateway_port": 0}, None),
        ({"gateway_host": "0.0.0.0"}, None),
    ],
)
def test_links_lead_to_the_gateway_of_this_machine_where_its_address_is_known(
    given: dict[str, object], expected: str | None
) -> None:
    assert with_folders(Settings.model_validate({"model": "demo", **given})).public_url == expected


@pytest.mark.parametrize(("inbox", "outbox"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "b/../a/c")])
def test_inbox_and_outbox_inside_each_other_are_refused(tmp_path: Path, inbox: str, outbox: str) -> None:
    chosen = with_folders(Settings(model="demo", inbox=tmp_path / inbox, outbox=tmp_path / outbox))
    with pytest.raises(UsageError, match="--outbox"):
        folders(chosen)


def test_the_same_folder_by_another_name_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    chosen = with_folders(Settings(model="demo", inbox=tmp_path / "real", outbox=tmp_path / "link" / "out"))
    with pytest.raises(UsageError, match="--outbox"):
        folders(chosen)
