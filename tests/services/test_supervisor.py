"""The services themselves: env files that are sufficient for a process, restarts after a crash, and the end of all of them."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from runtime.settings import Settings
from scripts.services import envfile, ports, supervisor
from scripts.services.cache import ServiceError
from scripts.services.kafka import Kafka
from scripts.services.process import start_time
from scripts.services.store import Store
from scripts.services.supervisor import Services
from tests.waiting import DEADLINE_S


@pytest.fixture(autouse=True)
def _started_by_the_supervisor(services: Services) -> None:
    if services.composed:
        pytest.skip("Kafka and the store are containers, which the supervisor has no part in")


def test_an_env_file_is_the_environment_of_all_processes(services: Services, store: Store) -> None:
    environment = envfile.read(supervisor.FOLDER / f"{store.flavour.name}.env")
    assert environment == store.environment()
    settings = envfile.settings(environment)
    assert settings == store.settings()
    assert (settings.store, settings.model) == ("s3", "demo")
    assert settings.s3_endpoint not in (None, Settings.model_fields["s3_endpoint"].default)


def test_two_stores_share_no_topic(services: Services) -> None:
    assert services.minio.topic_prefix != services.versitygw.topic_prefix


def test_running_services_are_left_alone(services: Services) -> None:
    before = [service.process.pid for service in (services.kafka, services.minio, services.versitygw)]
    with supervisor.borrowed() as again:
        assert supervisor.living()
    assert [service.process.pid for service in (again.kafka, again.minio, again.versitygw)] == before
    assert supervisor.living()


def test_a_killed_broker_comes_back_with_its_records_and_ports(own_kafka: Kafka) -> None:
    own_kafka.create("kept")
    producer = Producer(own_kafka.client_config(**{"enable.idempotence": True}))
    producer.produce("kept", b"acknowledged")
    assert producer.flush(DEADLINE_S) == 0
    own_kafka.process.kill()
    own_kafka.start()
    metadata = own_kafka.admin().list_topics(timeout=DEADLINE_S)
    assert "kept" in metadata.topics
    producer.produce("kept", b"and on")
    assert producer.flush(DEADLINE_S) == 0


def test_killed_services_come_up_again_and_end_with_down_or_with_their_last_borrower(services: Services, tmp_path: Path) -> None:
    """In a folder of its own: up, one of each kind killed, up again, down; then up and down as tests do it."""
    folder = tmp_path / "services"
    try:
        first = supervisor.up(folder)
        kept = first.versitygw.process.pid
        first.minio.process.kill()
        second = supervisor.up(folder)
        assert second.versitygw.process.pid == kept
        assert second.minio.endpoint == first.minio.endpoint
        second.kafka.process.kill()
        third = supervisor.up(folder)
        assert third.kafka.bootstrap == first.kafka.bootstrap
        with supervisor.borrowed(folder):
            pass
        assert supervisor.living(folder)
        supervisor.down(folder)
        assert kept is not None
        assert start_time(kept) is None
        ports.claim([int(first.kafka.bootstrap.rpartition(":")[2]), int(first.minio.endpoint.rpartition(":")[2])])
        with supervisor.borrowed(folder), supervisor.borrowed(folder):
            assert supervisor.living(folder)
        assert not supervisor.living(folder)
    finally:
        supervisor.down(folder)


def test_a_store_that_cannot_start_reports_the_reason(services: Services, tmp_path: Path) -> None:
    """versitygw ends at once without its topic."""
    store = Store(services.versitygw.flavour, tmp_path / "versitygw", services.kafka, own=True)
    with pytest.raises(ServiceError, match=r"(?s)versitygw: ended by itself\n    \|.*[Tt]opic"):
        store.start()
