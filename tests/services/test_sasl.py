"""Kafka with a password: everything works over SASL_PLAINTEXT, and a wrong password is called that."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.typing import EventDict

from runtime.errors import MurmurError
from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Received
from schemas.topics import CHUNKS_BULK, UPLOADS
from scripts.services import envfile
from scripts.services.kafka import PASSWORD, USER
from scripts.services.supervisor import Services
from tests.contract.brokers import running, whole, write
from tests.processes import Murmur
from tests.waiting import wait_until

REFUSED = "the broker refuses the credentials"


def environment(services: Services, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    if services.composed:
        pytest.skip("docker-compose.yml's Kafka has no listener that wants a password")
    return {
        **services.minio.environment(),
        "MURMUR_KAFKA_BOOTSTRAP": services.kafka.sasl_bootstrap,
        "MURMUR_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "MURMUR_KAFKA_SASL_MECHANISM": mechanism,
        "MURMUR_KAFKA_SASL_USERNAME": USER,
        "MURMUR_KAFKA_SASL_PASSWORD": password,
        "MURMUR_TOPIC_PREFIX": f"sasl-{uuid.uuid4().hex[:8]}.",
        "MURMUR_TOPIC_PARTITIONS": "2",
    }


@pytest.fixture(params=["SCRAM-SHA-512", "PLAIN"])
def right(request: pytest.FixtureRequest, services: Services) -> Iterator[dict[str, str]]:
    """An environment with the password."""
    given = environment(services, request.param)
    yield given
    services.kafka.drop(given["MURMUR_TOPIC_PREFIX"])


@pytest.fixture(params=["SCRAM-SHA-512", "PLAIN"])
def wrong(request: pytest.FixtureRequest, services: Services) -> dict[str, str]:
    return environment(services, request.param, "not-" + PASSWORD)


def doctor(folder: Path, given: dict[str, str]) -> dict[str, dict[str, str | None]]:
    """What it found, by the name of the check."""
    lines = Murmur(folder, given)("doctor", "--json").stdout.splitlines()
    return {check["name"]: check for check in map(json.loads, lines)}


def copy(record: Received) -> list[Output]:
    return [Output(CHUNKS_BULK, record.key or b"", record.value)]


def test_with_the_password_everything_works(right: dict[str, str], tmp_path: Path) -> None:
    applied = Murmur(tmp_path, right)("topics", "apply")
    assert (applied.returncode, "created " in applied.stdout) == (0, True), applied.stderr
    assert Murmur(tmp_path, right)("topics", "apply").stdout.strip() == "nothing to do"
    found = doctor(tmp_path, right)
    assert (found["broker"]["fix"], found["topics"]["fix"]) == (None, None)

    kafka = Kafka.from_settings(envfile.settings(right))
    write(kafka, UPLOADS, [(b"key", b"plain")])
    with running(Loop("plain", kafka, [UPLOADS], EachRecord(copy))):
        assert [message.value() for message in whole(kafka, CHUNKS_BULK, 1)] == [b"plain"]
    with running(Loop("transactional", kafka, [UPLOADS], EachRecord(copy), LoopOptions(transactional=True))):
        assert [message.value() for message in whole(kafka, CHUNKS_BULK, 2)] == [b"plain", b"plain"]


def test_commands_report_a_wrong_password(wrong: dict[str, str], tmp_path: Path) -> None:
    applied = Murmur(tmp_path, wrong)("topics", "apply")
    assert applied.returncode == 1
    assert applied.stderr.startswith(f"murmur: {REFUSED}")
    assert len(applied.stderr.splitlines()) == 1
    found = doctor(tmp_path, wrong)
    assert REFUSED in (found["broker"]["found"] or "")
    assert "without a broker" in (found["topics"]["found"] or "")
    for check in (found["broker"], found["topics"]):
        assert check["fix"]
        assert PASSWORD not in str(check)


@pytest.mark.filterwarnings("ignore:Producer abort_transaction failed during close:RuntimeWarning")
@pytest.mark.parametrize("transactional", [False, True])
def test_a_stage_with_a_wrong_password_reports_it_in_its_log_and_in_its_readiness(
    wrong: dict[str, str], transactional: bool, logged: list[EventDict]
) -> None:
    kafka = Kafka.from_settings(envfile.settings(wrong))
    loop = Loop("stage", kafka, [UPLOADS], EachRecord(copy), LoopOptions(transactional=transactional))
    with running(loop):
        wait_until(lambda: REFUSED in (loop.not_ready() or ""), "the reason why it is not ready")
    assert [
        line for line in logged if (line["event"], line["log_level"]) == ("client.refused", "error") and REFUSED in line["error"]
    ]


def test_the_check_at_a_stages_start_names_a_wrong_password(wrong: dict[str, str]) -> None:
    with pytest.raises(MurmurError, match=REFUSED):
        topics.check(Kafka.from_settings(envfile.settings(wrong)))
