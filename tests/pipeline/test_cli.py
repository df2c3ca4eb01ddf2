"""The commands as a person runs them, against one running `murmur dev` that requires a key."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime import api_keys
from tests.clips import BY_NAME, without_samples, word_errors
from tests.contract.clips import samples_of
from tests.contract.media import Sound, media
from tests.contract.webhooks.receiver import Receiver
from tests.ended import SECRET
from tests.processes import Murmur, Process, only_line, run
from tests.waiting import wait_until

UNKNOWN = "00000000-0000-4000-8000-000000000000"
COMMAND = BY_NAME["en-command.wav"]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KEY = api_keys.new_key()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("dev")
    given = {"MURMUR_MODEL": "demo", "MURMUR_DATA_DIR": str(folder / "data"), "MURMUR_GATEWAY_PORT": "0"}
    given["MURMUR_API_KEYS"] = api_keys.line("default", KEY)
    given["MURMUR_WEBHOOK_ALLOW_PRIVATE"] = "true"
    with Murmur(folder, given).start("dev") as process:
        wait_until(lambda: process.printed("Kafka clients"), "murmur dev to be ready")
        yield process


def value_of(dev: Process, what: str) -> str:
    """What `murmur dev` printed after these words."""
    return dev.output().partition(what)[2].split()[0]


@pytest.fixture
def murmur(dev: Process, tmp_path: Path) -> Murmur:
    return Murmur(tmp_path, {"MURMUR_GATEWAY_URL": value_of(dev, "murmur is ready:"), "MURMUR_API_KEY": KEY})


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


def test_a_file_is_transcribed_again_without_the_cache(murmur: Murmur) -> None:
    tasks = [only_line(murmur("submit", COMMAND.path, "--priority", "high", *more).stdout) for more in ((), ("--no-cache",), ())]
    results = [json.loads(murmur("watch", task, "--json").stdout.splitlines()[-1])["result"] for task in tasks]
    assert results[1]["cached"] is False


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
        (("submit",), 2, "--url"),
        (("submit", "--url", "http://127.0.0.1:1/a.wav"), 2, "not public"),
        (("submit", "--url", "https://example.org/a.wav", "--priority", "low", "--lane", "interactive"), 2, "'priority'"),
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


def test_a_registered_webhook_is_tested_receives_events_and_is_sent_them_again(murmur: Murmur) -> None:
    with Receiver() as receiver:
        url = receiver.url("/ok/hook")
        created = murmur("webhooks", "create", url, "--secret", SECRET, "--events", ".completed,.failed", "--json")
        endpoint_id, created_at = (json.loads(created.stdout)[name] for name in ("endpoint_id", "created_at"))
        tested = murmur("webhooks", "test", endpoint_id)
        assert (tested.returncode, "delivered 200" in tested.stdout) == (0, True)
        assert receiver.at("/ok/hook")[0].document["type"] == "webhook.test"

        task = only_line(murmur("submit", COMMAND.path, "--language", "en").stdout)
        assert murmur("watch", task).returncode == 0
        completed = receiver.wait("/ok/hook", 2)[1]
        assert (completed.document["type"], completed.document["task_id"]) == ("transcription.completed", task)
        wait_until(lambda: completed.webhook_id in murmur("webhooks", "log", endpoint_id).stdout, "the row of the log")
        (shown,) = json.loads(murmur("status", task, "--json").stdout)["webhooks"]
        assert (shown["endpoint_id"], shown["state"], shown["attempts"]) == (endpoint_id, "delivered", 1)

        since = murmur("webhooks", "resend", "--endpoint", endpoint_id, "--since", created_at)
        assert only_line(since.stdout) == "0 requested"
        assert murmur("webhooks", "resend", completed.webhook_id, "--endpoint", endpoint_id).returncode == 0
        assert receiver.wait("/ok/hook", 3)[2].body == completed.body

        rotated = murmur("webhooks", "rotate", endpoint_id, "--overlap", "1h").stdout
        assert "whsec_" in rotated
        assert murmur("webhooks", "test", endpoint_id).returncode == 0  # the receiver has only the former secret
        assert "deleted" in murmur("webhooks", "delete", endpoint_id).stdout
