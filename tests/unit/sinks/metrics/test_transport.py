"""What the consumer of Faust is configured with."""

from typing import Any

from runtime.kafka.client import Kafka
from sinks.metrics.transport import consumer_settings

SASL = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "murmur",
    "sasl.password": "secret",
}


def settings(**options: Any) -> dict[str, Any]:
    return consumer_settings(Kafka("broker:9092", **options), "metrics.jobs")


def test_committed_records_are_read_and_nothing_is_committed() -> None:
    assert settings()["isolation_level"] == "read_committed"
    assert settings()["enable_auto_commit"] is False


def test_credentials_are_those_of_the_other_clients() -> None:
    found = settings(common=SASL)
    assert {name: found[name] for name in found if name.startswith(("sasl", "security", "ssl"))} == {
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "murmur",
        "sasl_plain_password": "secret",
    }


def test_a_plain_connection_needs_none() -> None:
    assert (settings()["security_protocol"], settings()["ssl_context"]) == ("PLAINTEXT", None)


def test_times_are_those_of_the_broker_and_the_instance_keeps_its_place_in_the_group() -> None:
    found = settings(consumer_extra={"session.timeout.ms": 3000}, instance="pod-1")
    assert (found["session_timeout_ms"], found["heartbeat_interval_ms"], found["group_instance_id"]) == (
        3000,
        1000,
        "pod-1-metrics",
    )
