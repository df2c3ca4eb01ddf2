"""What `murmur dev` writes while files are dropped and sent: JSON, two lines a file, nothing of libraries, and a last line."""

import json
import shutil
from collections import defaultdict
from typing import Any

import pytest

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.processes import Murmur
from tests.waiting import wait_until

READY = "murmur is ready: "
DROPPED = ("en-command.wav", "en-numbers.flac", "silence.flac")
BROKEN = "broken file.mp3"
SENT = "pt-command.wav"
OF_A_BUSY_MACHINE = "probe.paused"  # where a probe of a millisecond takes half a second


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every line of a `murmur dev` that got three files and a broken one by folder and one by HTTP, until Ctrl-C."""
    folder = tmp_path_factory.mktemp("dev")
    environment = {"MURMUR_MODEL": "demo", "MURMUR_SETTLE_S": "0.1", "MURMUR_LOG_FORMAT": "json"}
    with Murmur(folder, environment).start("dev", "--data", "data", "--port", "0") as dev:
        wait_until(lambda: dev.printed(READY), "murmur dev to be ready")
        client = Client(dev.output().partition(READY)[2].split()[0])
        inbox = folder / "data" / "inbox"
        for name in DROPPED:
            shutil.copy(BY_NAME[name].path, inbox / name)
        (inbox / BROKEN).write_bytes(b"this is no audio")
        client.ended(client.submit(BY_NAME[SENT].path))
        wait_until(lambda: dev.output().count('"job.ended"') == len(DROPPED) + 2, "every job to end")
        assert dev.interrupt() == 0
    return dev.output().splitlines()


@pytest.fixture(scope="module")
def events(printed: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed if line.startswith("{")]


def test_output_that_is_not_json_is_printed_by_the_command_itself(printed: list[str]) -> None:
    others = [line for line in printed if not line.startswith("{")]
    assert others[0].startswith(READY)
    assert all(line.startswith("  ") for line in others[1:])


def test_a_file_is_two_lines(events: list[dict[str, Any]]) -> None:
    of_work: dict[str, list[str]] = defaultdict(list)
    files: dict[str, str] = {}
    for event in events:
        if "work_id" in event:
            of_work[event["work_id"]].append(event["event"])
            files[event["work_id"]] = event["file"]
    assert sorted(files.values()) == sorted([*DROPPED, BROKEN, SENT])
    assert all(names == ["job.requested", "job.ended"] for names in of_work.values())


def test_a_drop_that_fails_names_its_file_and_the_reason(events: list[dict[str, Any]]) -> None:
    (failed,) = [event for event in events if event.get("state") == "FAILURE"]
    assert (failed["event"], failed["file"], failed["reason"]) == ("job.ended", BROKEN, "unsupported")


def test_the_other_ends_carry_the_length_of_the_audio_and_the_model(events: list[dict[str, Any]]) -> None:
    ends = {event["file"]: event for event in events if event.get("state") == "SUCCESS"}
    assert set(ends) == {*DROPPED, SENT}
    assert ends["silence.flac"]["audio_s"] == pytest.approx(10.0, abs=0.1)
    assert {end["model"] for end in ends.values()} == {"demo"}
    assert all(end["processing_s"] >= 0 and end["wait_s"] >= 0 and end["cached"] is False for end in ends.values())


def test_nothing_else_is_written_but_that_the_model_is_loaded_and_that_murmur_has_stopped(events: list[dict[str, Any]]) -> None:
    """Not a word of Faust, of librdkafka when the broker goes, or of the stages about partitions."""
    others = ("job.requested", "job.ended", OF_A_BUSY_MACHINE)
    names = [event["event"] for event in events if event["event"] not in others]
    assert names == ["model.loaded", "murmur.stopped"]
    assert events[-1]["event"] == "murmur.stopped"
    assert {event["level"] for event in events} == {"info"}
