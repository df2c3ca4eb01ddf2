"""The commands as a person runs them: against one running `murmur dev`, and `murmur transcribe` on its own."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime import api_keys
from tests.clips import BY_NAME, without_samples, word_errors
from tests.contract.clips import samples_of
from tests.contract.media import Sound, media
from tests.processes import MAIN, Murmur, Process, only_line, run, whole_environment
from tests.waiting import DEADLINE_S, wait_until

UNKNOWN = "00000000-0000-4000-8000-000000000000"
COMMAND = BY_NAME["en-command.wav"]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KEY = api_keys.new_key()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("dev")
    given = {"MURMUR_MODEL": "demo", "MURMUR_DATA_DIR": str(folder / "data"), "MURMUR_GATEWAY_PORT": "0"}
    given["MURMUR_API_KEYS"] = api_keys.line("default", KEY)
    with Murmur(folder, given).start("dev") as process:
        wait_until(lambda: process.printed("Kafka clients"), "murmur dev to be ready")
        yield process


def value_of(dev: Process, what: str) -> str:
    """What `murmur dev` printed after these words."""
    return dev.output().partition(what)[2].split()[0]


@pytest.fixture
def murmur(dev: Process, tmp_path: Path) -> Murmur:
    return Murmur(tmp_path, {"MURMUR_GATEWAY_URL": value_of(dev, "murmur is ready:"), "MURMUR_API_KEY": KEY})


@pytest.fixture
def alone(tmp_path: Path) -> Murmur:
    """No gateway, whose keys do not matter, and its own folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    own = {"TMPDIR": str(tmp_path / "temporary"), "XDG_STATE_HOME": str(tmp_path / "state")}
    return Murmur(tmp_path / "here", {"MURMUR_MODEL": "demo", "MURMUR_API_KEYS": api_keys.line("alice", KEY), **own})


# A running gateway


def test_a_file_is_submitted_watched_and_its_transcript_printed(murmur: Murmur) -> None:
    task = only_line(murmur("submit", COMMAND.path, "--language", "en").stdout)
    watched = murmur("watch", task)
    assert watched.returncode == 0
    assert word_errors(COMMAND.text, " ".join(re.findall(r"(?m)^ +[\d.]+ - +[\d.]+  (.+)$", watched.stdout))) <= COMMAND.wer_max
    assert "SUCCESS" in watched.stderr
    assert watched.stderr.splitlines()[-1].startswith("note: The demo model has a vocabulary")
    status = murmur("status", task)
    assert (status.returncode, only_line(status.stdout)) == (0, "SUCCESS: transcribed")
    text = murmur("result", task)
    assert word_errors(COMMAND.text, text.stdout) <= COMMAND.wer_max
    assert " --> " in murmur("result", task, "--format", "srt").stdout


def test_the_key_is_an_option_too_and_without_one_the_line_says_where_it_belongs(murmur: Murmur) -> None:
    without = Murmur(murmur.cwd, {"MURMUR_GATEWAY_URL": murmur.environment["MURMUR_GATEWAY_URL"]})
    assert without("jobs", "--quiet", "--api-key", KEY).returncode == 0
    refused = without("jobs")
    assert refused.returncode == 2
    assert "MURMUR_API_KEY" in only_line(refused.stderr)


@pytest.mark.parametrize("program", [(sys.executable, EXAMPLES / "client.py"), ("bash", EXAMPLES / "submit.sh")])
def test_the_examples_send_the_key(murmur: Murmur, program: tuple[str | Path, ...]) -> None:
    done = run(*program, COMMAND.path, cwd=murmur.cwd, given=murmur.environment)
    assert done.returncode == 0, done.stderr


def test_json_is_the_gateways_own_answer_also_when_it_refuses(murmur: Murmur) -> None:
    accepted = json.loads(murmur("submit", COMMAND.path, "--json").stdout)
    assert accepted["status_url"].endswith(accepted["task_id"])
    lines = murmur("watch", accepted["task_id"], "--json").stdout.splitlines()
    assert json.loads(lines[-1])["state"] == "SUCCESS"
    refused = murmur("status", UNKNOWN, "--json")
    assert (refused.returncode, json.loads(refused.stdout)["status"]) == (1, 404)


def test_several_files_are_one_task_id_a_line(murmur: Murmur) -> None:
    tasks = murmur("submit", COMMAND.path, BY_NAME["pt-command.wav"].path).stdout.splitlines()
    assert len(set(tasks)) == 2
    assert [murmur("watch", task).returncode for task in tasks] == [0, 0]


def test_jobs_are_listed_newest_first(murmur: Murmur) -> None:
    first, second = (only_line(murmur("submit", COMMAND.path).stdout) for _ in range(2))
    assert murmur("jobs", "--quiet", "-n", "2").stdout.split() == [second, first]
    assert {first, second} <= set(murmur("jobs", "--all", "-q").stdout.split())
    table = murmur("jobs").stdout.splitlines()
    assert table[0].startswith("TASK ID")
    assert table[1].startswith(second)
    assert table[1].endswith(COMMAND.path.name)
    assert murmur("watch", first).returncode == murmur("watch", second).returncode == 0
    listed = json.loads(murmur("jobs", "--state", "success", "--json").stdout)["jobs"]
    assert {first, second} <= {job["task_id"] for job in listed}
    assert {job["state"] for job in listed} == {"SUCCESS"}


def test_a_cancelled_job_has_its_own_exit_code(murmur: Murmur) -> None:
    (murmur.cwd / "long.flac").write_bytes(media("flac", Sound(np.tile(samples_of("en-two-minutes.flac"), 10), "flac")))
    task = only_line(murmur("submit", "long.flac").stdout)  # not done while the next command starts
    assert murmur("cancel", task).returncode == 0
    watched = murmur("watch", task)
    assert watched.returncode == 1
    assert watched.stderr.splitlines()[-1].startswith("REVOKED")
    assert murmur("status", task).returncode == 1


def test_a_failed_job_has_its_reason(murmur: Murmur) -> None:
    (murmur.cwd / "silent.wav").write_bytes(without_samples())
    task = only_line(murmur("submit", "silent.wav").stdout)
    watched = murmur("watch", task)
    assert watched.returncode == 1
    assert "(no_audio)" in watched.stderr


def test_failed_jobs_are_retried_and_ended_ones_deleted_whatever_else_is_on_the_line(murmur: Murmur) -> None:
    (murmur.cwd / "silent.wav").write_bytes(without_samples(8000))
    failed = only_line(murmur("submit", "silent.wav").stdout)
    done = only_line(murmur("submit", COMMAND.path).stdout)
    assert [murmur("watch", task).returncode for task in (failed, done)] == [1, 0]
    retried = murmur("retry", done, UNKNOWN, failed)
    assert retried.returncode == 1
    again = only_line(retried.stdout)
    assert again not in (failed, done)
    assert json.loads(murmur("status", again, "--json").stdout)["retry_of"] == failed
    assert [line.split()[1] for line in retried.stderr.splitlines()] == [f"{done}:", f"{UNKNOWN}:"]
    assert "Only a job that failed or was cancelled" in retried.stderr
    assert murmur("watch", again).returncode == 1
    assert murmur("delete", done, failed, again).returncode == 0
    assert {murmur("status", task).returncode for task in (failed, done, again)} == {1}
    assert "There is no task" in murmur("result", done).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("status", UNKNOWN), 1, "task"),
        (("retry", UNKNOWN), 1, "task"),
        (("delete", UNKNOWN), 1, "task"),
        (("status", "../../readyz"), 1, ""),
        (("result", UNKNOWN), 1, "task"),
        (("cancel", UNKNOWN), 1, "task"),
        (("jobs", "--state", "done"), 2, "SUCCESS"),
        (("status", "not-an-id"), 1, "UUID"),
        (("result", UNKNOWN, "--format", "foo"), 2, "srt"),
        (("submit", "no such file.mp3"), 2, "no such file.mp3"),
        (("submit", COMMAND.path, "--language", "klingon"), 2, "klingon"),
        (("submit", COMMAND.path, "--language", "French"), 2, "French (fr)"),
    ],
)
def test_what_cannot_be_done_is_one_line(murmur: Murmur, arguments: tuple[str, ...], code: int, why: str) -> None:
    done = murmur(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert only_line(done.stderr).startswith("murmur: ")
    assert why in done.stderr


def test_without_a_gateway_the_line_states_how_to_start_one(tmp_path: Path) -> None:
    done = Murmur(tmp_path, {"MURMUR_GATEWAY_URL": "http://127.0.0.1:1"})("status", UNKNOWN)
    assert done.returncode == 2
    assert "murmur dev" in only_line(done.stderr)


def test_a_second_dev_on_the_same_data_or_port_ends_with_one_line(dev: Process, tmp_path: Path) -> None:
    environment = {"MURMUR_MODEL": "demo", "MURMUR_LOG_LEVEL": "ERROR"}
    data = Path(value_of(dev, "drop files into")).parent
    same_data = Murmur(tmp_path, environment)("dev", "--data", data, "--port", "0")
    assert (same_data.returncode, same_data.stdout) == (2, "")
    assert "--data" in only_line(same_data.stderr)
    port = value_of(dev, "murmur is ready:").rpartition(":")[2]
    same_port = Murmur(tmp_path, environment)("dev", "--data", tmp_path / "data", "--port", port)
    assert (same_port.returncode, same_port.stdout) == (2, "")
    assert "MURMUR_GATEWAY_PORT" in only_line(same_port.stderr)


def test_doctor_finds_the_broker_of_dev_and_reports_how_to_fix_what_is_wrong(dev: Process, tmp_path: Path) -> None:
    port = value_of(dev, "murmur is ready:").rpartition(":")[2]
    environment = {
        "MURMUR_KAFKA_BOOTSTRAP": value_of(dev, "Kafka clients"),
        "MURMUR_GATEWAY_PORT": port,
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(tmp_path / "store"),
    }
    done = Murmur(tmp_path, environment)("doctor", "--json")
    checks = {check["name"]: check for check in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert checks["broker"]["fix"] is None
    assert checks["topics"]["fix"] is None
    assert "MURMUR_GATEWAY_PORT" in checks["port"]["fix"]
    assert "murmur buckets apply" in checks["store"]["fix"]
    assert Murmur(tmp_path, environment)("buckets", "apply").returncode == 0
    environment["MURMUR_GATEWAY_PORT"] = "0"
    assert Murmur(tmp_path, environment)("doctor").returncode == 0


def test_doctor_without_settings_reports_that_dev_works(tmp_path: Path) -> None:
    own = {"MURMUR_GATEWAY_PORT": "0"}  # another murmur may be running on this machine
    done = Murmur(tmp_path, own)("doctor")
    dev, _, cluster = done.stdout.partition("\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "`murmur dev` works" in dev.splitlines()[-1]
    assert "decoder  a process of its own, confined by NOFILE" in dev
    assert "FIX" not in done.stdout
    assert "broker" in cluster
    assert Murmur(tmp_path, {**own, "MURMUR_S3_ENDPOINT": "http://127.0.0.1:1"})("doctor").returncode == 1


def test_doctor_beside_a_running_dev_finds_nothing_to_fix(dev: Process, tmp_path: Path) -> None:
    port = value_of(dev, "murmur is ready:").rpartition(":")[2]
    done = Murmur(tmp_path, {"MURMUR_GATEWAY_PORT": port})("doctor")
    assert done.returncode == 0
    assert f"127.0.0.1:{port} is in use by a running murmur" in done.stdout


# On its own


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
    assert again.stdout == done.stdout


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
