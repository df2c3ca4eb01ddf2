"""How `murmur dev` prints that commands are run from the folder in which it was started, and how it starts itself again."""

import os
import sys
from pathlib import Path

import pytest

from murmur.cli.dev import _start_again, command
from runtime.errors import DeviceLost
from runtime.supervision import CALM_S


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


def test_after_the_loss_of_its_gpu_it_becomes_a_new_process_with_the_same_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, arguments: started.append(arguments))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "murmur", "dev", "--port", "0"])
    _start_again(DeviceLost("gone"), uptime_s=CALM_S)
    assert started == [[sys.executable, "-m", "murmur", "dev", "--port", "0"]]


def test_a_loss_right_after_the_start_ends_it_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execv", lambda _program, _arguments: pytest.fail("started again"))
    with pytest.raises(DeviceLost):
        _start_again(DeviceLost("gone"), uptime_s=CALM_S - 1)
