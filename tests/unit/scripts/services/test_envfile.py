"""Env files mean the same to a shell, to a test and to murmur."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.services import envfile

ODD = {"MURMUR_S3_SECRET_KEY": "a b'c\"$d`e\\", "MURMUR_TOPIC_PREFIX": "murmur.minio.", "MURMUR_MODEL": "demo"}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    envfile.write(tmp_path / "minio.env", ODD, "a title")
    assert envfile.read(tmp_path / "minio.env") == ODD
    assert (tmp_path / "minio.env").stat().st_mode & 0o077 == 0


def test_a_shell_reads_the_same(tmp_path: Path) -> None:
    file = tmp_path / "minio.env"
    envfile.write(file, ODD, "a title")
    bash = shutil.which("bash") or "bash"
    answer = subprocess.run(
        [bash, "-c", f"set -a; . {file}; env -0"], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    exported = dict(line.split("=", 1) for line in answer.stdout.decode().split("\0") if line.startswith("MURMUR_"))
    assert exported == ODD


def test_settings_are_made_of_it_and_a_name_that_is_none_is_refused() -> None:
    settings = envfile.settings({"MURMUR_TOPIC_PARTITIONS": "4", "MURMUR_S3_PATH_STYLE": "false"})
    assert (settings.topic_partitions, settings.s3_path_style) == (4, False)
    with pytest.raises(ValueError, match="s3_endpiont"):
        envfile.settings({"MURMUR_S3_ENDPIONT": "x"})
