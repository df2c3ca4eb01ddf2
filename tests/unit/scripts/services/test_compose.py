"""What can be known of the containers without an engine: the commands, and that docker-compose.yml is as they expect."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.settings import Settings
from scripts.services import compose
from scripts.services.cache import MissingToolchain, ServiceError
from scripts.services.compose import FILE, KAFKA, KAFKA_PORT, OVERRIDE, STORE, STORE_PORT, Compose, ComposedKafka, ComposedStore
from scripts.services.minio import MINIO
from scripts.services.store import ACCESS_KEY

ENGINE = '#!/bin/sh\necho "$@" >> "{record}"\nexit {code}\n'


def described(service: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"][service]
    return found


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that only records its arguments."""
    return a_docker(tmp_path, monkeypatch, 0)


def a_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> Path:
    docker = folder / "docker"
    docker.write_text(ENGINE.format(record=folder / "record", code=code))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "record"


def test_services_are_started_alone_in_a_project_of_their_own_and_ended_with_their_volumes(engine: Path, tmp_path: Path) -> None:
    containers = Compose(tmp_path / "compose")
    containers.up(KAFKA)
    containers.down()
    up, down = engine.read_text().splitlines()
    files = f"compose -p murmur-tests -f {FILE} -f {tmp_path}/compose/override.yml"
    assert up == f"{files} up --detach --no-deps --wait --wait-timeout 300 kafka"
    assert down == f"{files} down --volumes"


def test_an_engine_that_refuses_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_docker(tmp_path, monkeypatch, 1)
    with pytest.raises(ServiceError, match="docker compose up failed"):
        Compose(tmp_path / "compose").up(KAFKA)


def test_without_an_engine_one_line_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = "`docker` is not installed; SERVICES=compose needs it"
    with pytest.raises(MissingToolchain, match=missing), compose.borrowed(tmp_path / "compose"):
        pass


def test_the_file_publishes_both_on_loopback_where_the_tests_look(tmp_path: Path) -> None:
    kafka = ComposedKafka(tmp_path / "kafka")
    store = ComposedStore(MINIO, tmp_path / "minio", kafka)
    assert f"127.0.0.1:{KAFKA_PORT}:{KAFKA_PORT}" in described(KAFKA)["ports"]
    assert kafka.bootstrap in described(KAFKA)["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"127.0.0.1:{STORE_PORT}:9000" in described(STORE)["ports"]
    assert store.endpoint == f"http://127.0.0.1:{STORE_PORT}"


def test_with_the_override_the_store_takes_the_tests_key_and_announces_on_their_topic(tmp_path: Path) -> None:
    store = ComposedStore(MINIO, tmp_path / "minio", ComposedKafka(tmp_path / "kafka"))
    environment = described(STORE)["environment"]
    assert environment["MINIO_ROOT_USER"] == ACCESS_KEY
    changes = yaml.safe_load(OVERRIDE)["services"][STORE]["environment"]
    assert set(changes) <= set(environment)
    settings = store.settings()
    assert isinstance(settings, Settings)
    assert settings.s3_secret_key is not None
    assert changes["MINIO_ROOT_PASSWORD"] == settings.s3_secret_key.get_secret_value()
    assert changes["MINIO_NOTIFY_KAFKA_TOPIC_MURMUR"] == f"{settings.topic_prefix}uploads"
