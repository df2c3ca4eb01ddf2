"""How `murmur dev` prints that commands are run from the folder in which it was started."""

import sys
from pathlib import Path

import pytest

from murmur.cli.dev import command


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / ".venv" / "bin" / "murmur"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_it_is_the_path_in_the_environment(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for called in (".venv/bin/murmur", str(checkout / ".venv/bin/murmur")):
        monkeypatch.setattr(sys, "argv", [called, "dev"])
        assert command() == ".venv/bin/murmur"


def test_elsewhere_it_is_the_whole_path(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "elsewhere").mkdir()
    monkeypatch.chdir(checkout / "elsewhere")
    monkeypatch.setattr(sys, "argv", [str(checkout / ".venv/bin/murmur"), "dev"])
    assert command() == str(checkout / ".venv/bin/murmur")


def test_where_the_shell_finds_it_it_is_its_name(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout / ".venv/bin"))
    monkeypatch.setattr(sys, "argv", [str(checkout / ".venv/bin/murmur"), "dev"])
    assert command() == "murmur"
