"""`murmur tune` as a person runs it, with the demo model on bundled clips."""

import json
import shutil
from pathlib import Path

import pytest

from tests.clips import BY_NAME
from tests.processes import Murmur, only_line

MINUTES = "0.1"


@pytest.fixture
def murmur(tmp_path: Path) -> Murmur:
    (tmp_path / "recordings").mkdir()
    return Murmur(tmp_path, {"MURMUR_MODEL": "demo"})


def test_speed_and_agreement_of_a_folder_and_what_to_set(murmur: Murmur) -> None:
    folder = murmur.cwd / "recordings"
    for name in ("en-command.wav", "pt-command.wav"):
        shutil.copy(BY_NAME[name].path, folder)
    (folder / "en-command.txt").write_text("its transcript")
    (folder / "bad.mp3").write_text("this is no audio")
    done = murmur("tune", "--audio", folder, "--minutes", MINUTES, "--write", "tuned.env")
    assert done.returncode == 0
    recommended = done.stdout.partition("Settings to copy:\n")[2]
    tuned = murmur.cwd / "tuned.env"
    assert (tuned.read_text() if tuned.exists() else "") == recommended
    assert done.stdout.startswith("demo on ")
    for row in ("full (default)", "fit, 2 s", "fit, 5 s", "fit, 8 s"):
        assert f"\n{row} " in done.stdout
    assert "Too little speech to compare encoder windows" in done.stdout
    assert "Settings to copy:\nMURMUR_MODEL_REPLICAS=" in done.stdout or "No settings are recommended." in done.stdout
    assert f"{folder / 'bad.mp3'}: skipped: " in done.stderr
    assert "en-command.txt" not in done.stderr
    assert "measuring: 100 %" in done.stderr


def test_json_is_one_object_on_standard_output(murmur: Murmur) -> None:
    shutil.copy(BY_NAME["en-command.wav"].path, murmur.cwd / "recordings")
    found = json.loads(murmur("tune", "--audio", "recordings", "--minutes", MINUTES, "--json").stdout)
    assert (found["model"], found["files"], found["cost"]) == ("demo", 1, "CPU")
    assert [window["margin_s"] for window in found["windows"]] == [None, 2, 5, 8]
    assert {window["words"] for window in found["windows"]} == {found["windows"][0]["words"]}
    assert found["windows"][0]["words"] > 0
    assert found["windows"][0]["different"] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "--audio"),
        (("--audio", "nosuch"), "nosuch"),
        (("--audio", "recordings"), "empty"),
        (("--audio", "recordings", "--model", "nosuch"), "nosuch"),
        (("--audio", "recordings", "--language", "French"), "French"),
        (("--audio", "recordings"), "no file contains speech"),
        (("--audio", "recordings"), "no file can be read"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(murmur: Murmur, arguments: tuple[str, ...], why: str) -> None:
    if why != "empty":
        name = "readme.md" if why == "no file can be read" else "silence.flac"
        content = b"# no audio" if name == "readme.md" else BY_NAME[name].path.read_bytes()
        (murmur.cwd / "recordings" / name).write_bytes(content)
    done = murmur("tune", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    last = only_line(done.stderr.splitlines()[-1])
    assert last.startswith("murmur: ")
    assert why in last
