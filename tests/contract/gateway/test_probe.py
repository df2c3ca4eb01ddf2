"""An upload is looked at before its job is queued; a probe that finds nothing out, or takes long, keeps nobody waiting."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pytest

from producers.gateway.submission.json_body import ObjectAddress
from producers.gateway.submission.named_objects import NamedObjects
from producers.gateway.submission.upload import Stored
from runtime.errors import Invalid
from runtime.kafka.client import Kafka
from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions
from tests.contract.gateway.running_gateway import RunningGateway, is_problem, requested, resources, running_with, status
from tests.contract.gateway.test_submissions import post as post_json
from tests.contract.gateway.test_submissions import put
from tests.waiting import DEADLINE_S, wait_until

FOUND = ProbedAudio(container="wav", codec="pcm_s16le", duration_s=2.5)
LARGE = b"found" + bytes(9 << 20)  # more than an upload keeps in memory


class Scripted:
    """What it finds is in the file. `held`: it answers when this is set."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.called = threading.Event()
        self.asked: list[SlicingOptions] = []

    def start(self) -> None: ...

    def close(self) -> None: ...

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        self.asked.append(options)
        file.seek(0)
        match file.read(5):
            case b"wrong":
                raise Invalid("unsupported", "this is not audio")
            case b"found":
                return FOUND
            case b"slow ":
                self.called.set()
                assert self.held.wait(DEADLINE_S)
        return None


@pytest.fixture(scope="module")
def probe() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
def probing(broker: Kafka, probe: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    parts = resources(broker, tmp_path_factory.mktemp("probing"), {"max_upload_bytes": 12 << 20})
    with running_with(replace(parts, probe=probe)) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def rows(gateway: RunningGateway, task_id: str) -> list[dict[str, Any]]:
    return [row for row in gateway.get("/api/jobs?limit=500").json["jobs"] if row["task_id"] == task_id]


@pytest.mark.parametrize("content", [b"wrong", b"wrong" + LARGE], ids=["small", "large"])
def test_what_cannot_be_transcribed_is_refused_and_its_upload_removed(probing: RunningGateway, content: bytes) -> None:
    before = everything(probing.uploads)
    jobs = probing.get("/api/jobs?limit=500").json["jobs"]
    refused = probing.submit(content)
    assert (refused.status, refused.json["reason"]) == (422, "unsupported")
    assert refused.json["detail"] == "The file cannot be transcribed: this is not audio."
    assert everything(probing.uploads) == before
    assert probing.get("/api/jobs?limit=500").json["jobs"] == jobs


@pytest.mark.parametrize("content", [b"found", LARGE], ids=["small", "large"])
def test_what_was_found_is_in_the_answer_the_record_the_status_and_the_list(probing: RunningGateway, content: bytes) -> None:
    accepted = probing.submit(content)
    assert accepted.status == 202
    document = {"container": "wav", "codec": "pcm_s16le", "duration": 2.5, "tracks": []}
    assert accepted.json["audio"] == document
    assert accepted.json["estimate"] is None  # nothing has been transcribed yet
    record = requested(probing, accepted.json["task_id"])
    assert record.job.audio == FOUND
    assert status(probing, record)["audio"] == document
    assert [row["duration"] for row in rows(probing, accepted.json["task_id"])] == [2.5]


def test_what_is_not_known_is_accepted(probing: RunningGateway) -> None:
    accepted = probing.submit(b"no idea")
    assert (accepted.status, accepted.json["audio"]) == (202, None)
    assert requested(probing, accepted.json["task_id"]).job.audio is None


def test_the_probe_has_the_options_of_the_job(probing: RunningGateway, probe: Scripted) -> None:
    assert probing.submit(b"found", filename="call.gsm", track="3").status == 202
    assert (probe.asked[-1].track, probe.asked[-1].raw_format) == (3, "gsm")


def test_others_are_served_while_a_file_is_probed(probing: RunningGateway, probe: Scripted) -> None:
    with ThreadPoolExecutor(1) as client:
        slow = client.submit(probing.submit, b"slow one")
        assert probe.called.wait(DEADLINE_S)
        assert probing.get("/livez").status == 200
        assert probing.submit(b"found").status == 202
        probe.held.set()
        assert slow.result(DEADLINE_S).status == 202


def test_an_object_that_is_replaced_after_it_was_hashed_makes_no_job(
    probing: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = NamedObjects._read

    def replaced(objects: NamedObjects, address: ObjectAddress) -> Stored:
        stored = read(objects, address)
        put(probing, uuid4().bytes, address.key)
        return stored

    monkeypatch.setattr(NamedObjects, "_read", replaced)
    answer = post_json(probing, {"object": put(probing, uuid4().bytes)})
    assert (is_problem(answer, 409)["reason"], answer.headers["Retry-After"]) == ("object_changed", "1")
