"""`murmur transcribe` as a person runs it, and what it has in common with other commands that need no gateway."""

import json
import os
import pty
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from runtime import api_keys
from tests.clips import BY_NAME, word_errors
from tests.processes import MAIN, Murmur, only_line, whole_environment
from tests.waiting import DEADLINE_S, wait_until

COMMAND = BY_NAME["en-command.wav"]
KEYS = api_keys.line("alice", api_keys.new_key())


@pytest.fixture
def alone(tmp_path: Path) -> Murmur:
    """No gateway, whose keys do not matter, and its own folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    own = {"TMPDIR": str(tmp_path / "temporary"), "XDG_STATE_HOME": str(tmp_path / "state")}
    return Murmur(tmp_path / "here", {"MURMUR_MODEL": "demo", "MURMUR_API_KEYS": KEYS, **own})


def test_files_are_transcribed_and_a_bad_one_does_not_keep_the_others(alone: Murmur) -> None:
    (alone.cwd / "bad.mp3").write_text("this is no audio")
    video = BY_NAME["en-video.mp4"]
    (alone.cwd / "empty.mp3").touch()
    done = alone(
        "transcribe", "bad.mp3", "empty.mp3", COMMAND.path, video.path, "--out", "out", "--words", "--formats", "txt,json"
    )
    assert done.returncode == 1
    assert "bad.mp3: " in done.stderr
    assert "(unsupported)" in done.stderr
    assert "empty.mp3: The file 'empty.mp3' is empty." in done.stderr
    written = sorted(f"out/{clip.path.stem}.{kind}" for clip in (COMMAND, video) for kind in ("txt", "json"))
    assert sorted(done.stdout.splitlines()) == written == sorted(f"out/{p.name}" for p in (alone.cwd / "out").iterdir())
    assert word_errors(video.text, (alone.cwd / "out" / "en-video.txt").read_text()) <= video.wer_max
    segments = json.loads((alone.cwd / "out" / "en-command.json").read_text())["segments"]
    assert segments[0]["words"][0]["end"] > 0
    assert not any(c in done.stdout + done.stderr for c in "\r\x1b")
    assert "en-video.mp4: 100 %" in done.stderr
    assert done.stderr.count("The demo model has a vocabulary of a few hundred") == 1
    assert list(Path(alone.environment["TMPDIR"]).glob("murmur*")) == []


def test_results_are_beside_the_file_in_all_formats(alone: Murmur) -> None:
    (alone.cwd / "talk.wav").write_bytes(BY_NAME["pt-command.wav"].path.read_bytes())
    done = alone("transcribe", "talk.wav", "--language", "pt")
    assert done.returncode == 0
    assert {path.name for path in alone.cwd.iterdir()} == {f"talk.{kind}" for kind in ("wav", "txt", "srt", "vtt", "json")}
    clip = BY_NAME["pt-command.wav"]
    texts = {kind: (alone.cwd / f"talk.{kind}").read_text() for kind in ("txt", "srt", "vtt", "json")}
    assert word_errors(clip.text, texts["txt"]) <= clip.wer_max
    for kind, text in texts.items():
        assert texts["txt"].strip() in text, kind


def test_a_language_that_the_model_lacks_is_refused_before_anything_starts(alone: Murmur) -> None:
    done = alone("transcribe", COMMAND.path, "--out", "out", "--language", "French")
    assert (done.returncode, done.stdout) == (2, "")
    assert only_line(done.stderr).startswith("murmur: the model demo does not support French (fr)")


def test_a_folder_and_a_missing_file_are_transcribed_as_far_as_possible_and_repeated_without_a_question(alone: Murmur) -> None:
    recordings = alone.cwd / "recordings"
    (recordings / "deeper").mkdir(parents=True)
    odd_name = b"caf\xe9\n.wav"
    for name in (b"talk.wav", b"deeper/" + odd_name):
        (recordings / os.fsdecode(name)).write_bytes(COMMAND.path.read_bytes())
    (recordings / "cover.jpg").write_bytes(b"a picture")
    arguments = ("transcribe", "recordings", "--recursive", "--formats", "txt")
    done = alone(*arguments)
    assert done.returncode == 0
    assert "cover.jpg: skipped: " in done.stderr
    assert "caf\\udce9\\n.wav: 100 %" in done.stderr
    texts = [recordings / "talk.txt", recordings / "deeper" / os.fsdecode(odd_name.replace(b"wav", b"txt"))]
    assert [word_errors(COMMAND.text, text.read_text()) <= COMMAND.wer_max for text in texts] == [True, True]
    again = alone(*arguments, "nosuch.wav", "--words")
    assert again.returncode == 1
    assert again.stderr.splitlines()[0] == "nosuch.wav: no such file"
    assert sorted(again.stdout.splitlines()) == sorted(done.stdout.splitlines())  # a file's when it has ended


def test_a_file_that_is_not_an_earlier_result_is_kept_unless_force_is_given(alone: Murmur) -> None:
    (alone.cwd / "en-command.txt").write_text("my notes")
    refused = alone("transcribe", COMMAND.path, "--out", ".")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--force" in only_line(refused.stderr)
    assert {path.name: path.read_text() for path in alone.cwd.iterdir()} == {"en-command.txt": "my notes"}
    assert alone("transcribe", COMMAND.path, "--out", ".", "--force", "--formats", "txt").returncode == 0
    assert word_errors(COMMAND.text, (alone.cwd / "en-command.txt").read_text()) <= COMMAND.wer_max


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"\x04", 130)])
def test_on_a_terminal_a_confirmation_is_needed_to_overwrite_a_file(alone: Murmur, answer: bytes, code: int) -> None:
    (alone.cwd / "en-command.txt").write_text("my notes")
    terminal, inner = pty.openpty()
    command = [sys.executable, *MAIN, "transcribe", str(COMMAND.path), "--out", ".", "--formats", "txt"]
    environment = {**whole_environment(alone.environment), "TERM": "xterm"}
    with subprocess.Popen(command, cwd=alone.cwd, env=environment, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        os.write(terminal, answer)
        shown = b"".join(iter(lambda: _read(terminal), b"")).decode()
    os.close(terminal)
    assert process.returncode == code
    assert "Overwrite? [y/N]" in shown
    assert (alone.cwd / "en-command.txt").read_text() == "my notes"


def test_standard_input_is_transcribed_to_standard_output(alone: Murmur) -> None:
    command = [sys.executable, *MAIN, "transcribe", "-"]
    with COMMAND.path.open("rb") as audio:
        done = subprocess.run(
            command,
            cwd=alone.cwd,
            env=whole_environment(alone.environment),
            stdin=audio,
            capture_output=True,
            text=True,
            check=True,
        )
    assert word_errors(COMMAND.text, done.stdout) <= COMMAND.wer_max
    assert list(alone.cwd.iterdir()) == []


@pytest.mark.parametrize(
    "command", [("dev",), ("transcribe", COMMAND.path), ("run", "gateway", "intake"), ("run", "--once", "intake")]
)
def test_a_misspelt_setting_is_one_line_at_the_start(alone: Murmur, command: tuple[str, ...]) -> None:
    misspelt = Murmur(alone.cwd, {**alone.environment, "MURMUR_MODEL": "nosuch", "MURMUR_BEAMSIZE": "secret"})(*command)
    assert misspelt.returncode == 2
    warning, error = misspelt.stderr.strip().splitlines()
    assert "MURMUR_BEAMSIZE (did you mean MURMUR_BEAM_SIZE?)" in warning
    assert "`murmur config` lists all names" in warning
    assert "secret" not in misspelt.stderr
    assert "nosuch" in error


def test_on_a_terminal_there_are_bars_and_a_pipe_still_gets_names_only(alone: Murmur) -> None:
    terminal, inner = pty.openpty()
    command = [sys.executable, *MAIN, "transcribe", str(COMMAND.path), "--out", "out", "--formats", "txt"]
    environment = {**whole_environment(alone.environment), "TERM": "xterm"}
    with subprocess.Popen(command, cwd=alone.cwd, env=environment, stdout=subprocess.PIPE, stderr=inner) as process:
        os.close(inner)
        shown = b"".join(iter(lambda: _read(terminal), b"")).decode()
        assert process.stdout is not None
        assert process.stdout.read() == b"out/en-command.txt\n"
    os.close(terminal)
    assert process.returncode == 0
    assert "━" in shown
    assert "100 %" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_transcribe_leaves_nothing_behind(alone: Murmur, tmp_path: Path, number: int, code: int) -> None:
    long = _repeated(BY_NAME["en-command.wav"].path, tmp_path / "long.wav", times=300)
    log = tmp_path / "log"
    command = [sys.executable, *MAIN, "transcribe", str(long), "--out", "out"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=alone.cwd,
            env=whole_environment(alone.environment),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_heeds_ctrl_c,
        ) as process,
    ):
        wait_until(lambda: f"{long.name}: " in log.read_text() or process.poll() is not None, "the file to be sent")
        os.killpg(process.pid, number)
        assert process.wait(DEADLINE_S) == code
    assert "Traceback" not in log.read_text()
    assert list(alone.cwd.iterdir()) == []
    assert list(Path(alone.environment["TMPDIR"]).glob("murmur*")) == []


def _heeds_ctrl_c() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _repeated(clip: Path, path: Path, times: int) -> Path:
    """Minutes of speech, so that it is not finished before the signal comes."""
    with wave.open(str(clip)) as short, wave.open(str(path), "wb") as long:
        long.setparams(short.getparams())
        frames = short.readframes(short.getnframes())
        for _ in range(times):
            long.writeframes(frames)
    return path
