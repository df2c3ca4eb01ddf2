"""Ports: free ones, and the same after a restart."""

import socket
from pathlib import Path

import pytest

from scripts.services import ports
from scripts.services.cache import ServiceError


def test_free_ports_differ_and_are_below_those_of_outgoing_connections() -> None:
    found = ports.free(20)
    assert len(set(found)) == 20
    assert all(ports.FIRST <= port < ports.LAST for port in found)


def test_a_service_keeps_its_ports(tmp_path: Path) -> None:
    file = tmp_path / "kafka" / "ports.json"
    first = ports.kept(file, "plain", "sasl")
    assert ports.kept(file, "plain", "sasl") == first
    assert len(set(first.values())) == 2


def test_a_port_in_use_is_not_free_and_reported_as_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(ServiceError, match=str(port)):
            ports.claim([port])
