"""The command itself: what it imports, its help, and its error messages."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import SecretStr

from murmur.cli import main, options
from murmur.cli.options import Task
from runtime import api_keys
from runtime.requested_options import RequestedOptions
from runtime.settings import Settings
from scripts.cli_page import commands

HEAVY = (
    "confluent_kafka",
    "httpx",
    "aiohttp",
    "boto3",
    "numpy",
    "av",
    "ctranslate2",
    "onnxruntime",
    "pydantic",
    "rich.progress",
    "structlog",
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["murmur", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, murmur.cli; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()).isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", [("jobs",), ("webhooks", "list"), ("status", "an-id")], ids=" ".join)
def test_a_command_for_a_gateway_loads_neither_all_settings_nor_logs_nor_what_draws_on_a_terminal(
    arguments: tuple[str, ...],
) -> None:
    program = """
import sys
from murmur.cli import main
try:
    main()
finally:
    print(*sys.modules)
"""
    nobody = {**os.environ, "MURMUR_GATEWAY_URL": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, env=nobody)
    assert "no gateway answers" in done.stderr
    loaded = set(done.stdout.split())
    assert "httpx" in loaded
    assert loaded.isdisjoint({*HEAVY, "runtime.settings", "runtime.logs", "rich"} - {"httpx", "pydantic"})


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_an_example_in_its_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *name.split(), "--help") == 0
    assert f"Example: murmur {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["transcribe", "submit"])
def test_every_option_of_a_request_is_one_of_the_command(name: str) -> None:
    (command,) = [command for found, command in commands() if found == name]
    spelt = {spelling for parameter in command.params for spelling in parameter.opts}
    assert {f"--{field.replace('_', '-')}" for field in RequestedOptions.model_fields} <= spelt


def test_options_of_the_command_line_become_fields_of_the_submission() -> None:
    assert options.requested() == {}
    fields = options.requested(task=Task.TRANSLATE, words=True, track=2, hotwords="", vad=False, loudness=True, beam_size="1")
    assert fields == {
        "task": "translate",
        "words": "true",
        "track": "2",
        "hotwords": "",
        "vad": "false",
        "loudness": "true",
        "beam_size": "1",
    }


def test_options_for_experts_have_panels_of_their_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "submit", "--help") == 0
    common, _, panel = capsys.readouterr().out.partition(f"{options.DETECTION}:")
    assert "--vad / --no-vad" in panel
    assert "  --language" in common
    assert "  --language" not in panel


@pytest.mark.parametrize("name", ["", *(name for name, _ in commands()), "dlq", "topics", "buckets", "keys"])
def test_the_short_option_for_help_works_everywhere(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *name.split(), "-h") == 0
    assert f"murmur {name}".strip() in capsys.readouterr().out.splitlines()[0]


def test_the_version_is_an_option_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"murmur {version('murmur')}\n"


def test_a_new_key_is_printed_with_the_line_that_a_gateway_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "keys", "new", "--owner", "alice", "--admin", "--unfinished", "0") == 0
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    (key,) = api_keys.read(Settings(api_keys=SecretStr(printed["line"]))).keys
    assert key.digest == api_keys.digest(printed["key"])
    assert (key.owner, key.is_admin, key.limits.unfinished_jobs, key.limits.requests_per_minute) == ("alice", True, 0, 3000)


def test_shells_complete_commands() -> None:
    environment = {**os.environ, "_MURMUR_COMPLETE": "complete_bash", "COMP_WORDS": "murmur tra", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'murmur'; from murmur.cli import main; main()"]
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout.split() == ["transcribe"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["bogus"], "bogus"),
        (["run"], "STAGE"),
        (["run", "nosuch"], "nosuch"),
        (["transcribe", "a.wav", "--formats", "doc"], "doc"),
        (["transcribe", "a.wav", "--formats", ","], "--formats"),
        (["transcribe", "a.wav", "--task", "sing"], "sing"),
        (["transcribe", "a.wav", "--language", "xx"], "'xx'"),
        (["transcribe", "a.wav", "--temperature", "hot"], "--temperature cannot be 'hot': use up to 16 numbers from 0 to 1"),
        (["transcribe", "a.wav", "--filters", "ghosts"], "--filters cannot be 'ghosts': use all, none, or some of phantoms"),
        (["submit", "a.wav", "--min-speech-duration-ms", "-1"], "--min-speech-duration-ms cannot be '-1'"),
        (["submit", "a.wav", "--hotwords", "a" * 2001], "--hotwords cannot be"),
        (["submit", "nosuch.mp3"], "nosuch.mp3"),
        (["jobs", "--last", "0"], "--last"),
        (["dev", "--port", "99999"], "MURMUR_GATEWAY_PORT"),
        (["dev", "--host", "0.0.0.0"], "keys new"),
        (["keys", "new", "--owner", "a/b"], "--owner"),
        (["jobs", "--api-key", "two words"], "MURMUR_API_KEY"),
        (["reconcile", "--since", "soon"], "36h"),
        (["dlq", "replay"], "--all"),
    ],
)
def test_wrong_use_exits_with_2_and_names_what_is_wrong(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert last_line(2, arguments, tmp_path, monkeypatch, capsys).count(why)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["transcribe", "nosuch.mp3"], "nosuch.mp3"),
        (["transcribe", "folder"], "folder"),
        (["transcribe", "a.wav", "a.mp3"], "--out"),
        (["transcribe", "a.txt"], "--out"),
        (["transcribe", "a.wav", "--out", "a.mp3"], "a.mp3"),
    ],
)
def test_a_command_that_can_transcribe_none_of_its_files_exits_with_1_and_names_them(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert last_line(1, arguments, tmp_path, monkeypatch, capsys).count(why)


def last_line(
    code: int, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Of standard error, of a command that exits with this code and prints nothing else; in a folder with a few files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("a.wav", "a.mp3", "a.txt"):
        (tmp_path / name).write_bytes(b"content")
    assert run(monkeypatch, *arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MURMUR_BEAM_SIZE", "900")
    monkeypatch.setenv("MURMUR_GATEWAY_PORT", "http")
    assert run(monkeypatch, "config") == 2
    captured = capsys.readouterr().err
    assert "MURMUR_BEAM_SIZE" in captured
    assert "MURMUR_GATEWAY_PORT" in captured


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MURMUR_S3_SECRET_KEY", "open sesame")
    monkeypatch.setenv("MURMUR_S3_ENDPOINT", "http://user:sesame@store:9000")
    for arguments in (["config", "--json"], ["config"]):
        assert run(monkeypatch, *arguments) == 0
        shown = capsys.readouterr().out
        assert "sesame" not in shown
        assert "@store:9000" in shown
