"""Recommended settings in a file of settings."""

from pathlib import Path

import pytest

from murmur.cli.tuning import env_file
from runtime.errors import UsageError


def test_settings_are_replaced_added_and_removed_and_other_lines_stay(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nMURMUR_MODEL=small\nMURMUR_MODEL_REPLICAS=1\nMURMUR_MAX_CHUNK_S=20")
    env_file.write(file, {"MURMUR_MODEL_REPLICAS": "2", "MURMUR_ENCODER_WINDOW": "fit"}, ["MURMUR_MAX_CHUNK_S", "MURMUR_X"])
    assert file.read_text() == "# mine\nMURMUR_MODEL=small\nMURMUR_MODEL_REPLICAS=2\nMURMUR_ENCODER_WINDOW=fit\n"


def test_a_file_that_is_not_there_is_made_and_none_where_nothing_is_recommended(tmp_path: Path) -> None:
    env_file.write(tmp_path / "none", {}, ["MURMUR_MAX_CHUNK_S"])
    assert not (tmp_path / "none").exists()
    env_file.write(tmp_path / "new", {"MURMUR_MODEL_REPLICAS": "2"}, [])
    assert (tmp_path / "new").read_text() == "MURMUR_MODEL_REPLICAS=2\n"


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    env_file.check(tmp_path / ".env")
    for place in (tmp_path, tmp_path / "nosuch" / ".env"):
        with pytest.raises(UsageError, match="cannot be written"):
            env_file.check(place)
    with pytest.raises(UsageError, match="cannot be written"):
        env_file.write(tmp_path, {"MURMUR_MODEL_REPLICAS": "2"}, [])


def test_a_line_for_the_shell_stays_one(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("export MURMUR_MODEL_REPLICAS=1\nMURMUR_MAX_CHUNK_S=20\n")
    env_file.write(file, {"MURMUR_MODEL_REPLICAS": "2", "MURMUR_MAX_CHUNK_S": "5"}, [])
    assert file.read_text() == "export MURMUR_MODEL_REPLICAS=2\nMURMUR_MAX_CHUNK_S=5\n"


def test_a_file_that_is_no_text_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MURMUR_MODEL=caf\xe9\n")
    with pytest.raises(UsageError, match="UTF-8"):
        env_file.check(tmp_path / ".env")
