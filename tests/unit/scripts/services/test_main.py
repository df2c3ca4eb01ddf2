"""The command line on a machine that has not got the toolchain."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def services(what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.services", what]
    return subprocess.run(command, cwd=ROOT, env={"PATH": "", **environment}, capture_output=True, text=True, check=False)


def test_a_missing_toolchain_is_a_clear_message_and_not_a_failure(tmp_path: Path) -> None:
    answer = services("build", MURMUR_SERVICES_CACHE=str(tmp_path))
    assert answer.returncode == 0
    assert "`java` is not installed" in answer.stdout
    assert "WILL BE SKIPPED" in answer.stdout


@pytest.mark.parametrize(("what", "environment"), [("build", {"CI": "true"}), ("up", {})])
def test_where_services_are_wanted_a_missing_toolchain_is_a_failure(
    tmp_path: Path, what: str, environment: dict[str, str]
) -> None:
    answer = services(what, MURMUR_SERVICES_CACHE=str(tmp_path), **environment)
    assert answer.returncode == 1
    assert answer.stderr.startswith("services: `java` is not installed")
