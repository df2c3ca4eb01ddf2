"""Kafka's address and credentials: errors in the settings are reported by the names of the settings."""

from pathlib import Path
from typing import Any

import pytest

from runtime.errors import BrokerUnavailable, UsageError
from runtime.kafka.client import Kafka
from runtime.settings import Settings


def kafka(**given: Any) -> Kafka:
    return Kafka.from_settings(Settings(_env_file=None, **given))


def test_a_login_is_passed_on() -> None:
    common = kafka(kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="me", kafka_sasl_password="secret").common
    assert common == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
    }


@pytest.mark.parametrize("given", [{}, {"kafka_sasl_username": "me"}, {"kafka_sasl_password": "secret"}])
def test_incomplete_credentials_are_refused_with_the_names_of_their_settings(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="SASL_SSL needs MURMUR_KAFKA_SASL_USERNAME and MURMUR_KAFKA_SASL_PASSWORD"):
        kafka(kafka_security_protocol="SASL_SSL", **given)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_authority_that_cannot_be_read_is_refused_by_the_name_of_its_setting(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"MURMUR_KAFKA_SSL_CA_FILE=.*ca.pem is not a certificate"):
        kafka(kafka_security_protocol="SSL", kafka_ssl_ca_file=file)


def test_without_tls_the_ca_file_is_not_read(tmp_path: Path) -> None:
    assert kafka(kafka_ssl_ca_file=tmp_path / "missing.pem").common == {"security.protocol": "PLAINTEXT"}


def test_without_a_listening_broker_the_reason_and_the_settings_are_named() -> None:
    with pytest.raises(BrokerUnavailable, match=r"no broker at 127.0.0.1:1; check MURMUR_KAFKA_BOOTSTRAP .*Connection refused"):
        kafka(kafka_bootstrap="127.0.0.1:1").brokers(0.0)
