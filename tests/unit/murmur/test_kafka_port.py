"""The port of the embedded broker over restarts of `murmur dev`."""

import socket
from pathlib import Path

import pytest

from murmur.dev.kafka_port import FILE, start_broker
from runtime.errors import UsageError
from runtime.settings import Settings


def port(tmp_path: Path, chosen: int | None = None) -> int:
    """The one that a broker with this data folder gets."""
    with start_broker(Settings(data_dir=tmp_path, dev_kafka_port=chosen)) as broker:
        return int(broker.bootstrap.rpartition(":")[2])


def test_the_port_stays_the_same_unless_another_is_chosen(tmp_path: Path) -> None:
    first = port(tmp_path)
    assert port(tmp_path) == first
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    assert port(other_folder, first) == first
    with socket.create_server(("127.0.0.1", first)):
        another = port(tmp_path, 0)
    assert port(tmp_path) == another  # the last one that was used


def test_a_stored_port_that_is_taken_or_damaged_is_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for remembered in (str(taken.getsockname()[1]), "", "nonsense", "99999999"):
            (tmp_path / FILE).write_text(remembered)
            found = port(tmp_path)
            assert found != taken.getsockname()[1]
            assert (tmp_path / FILE).read_text() == str(found)


def test_a_chosen_port_that_is_taken_is_an_error_with_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="MURMUR_DEV_KAFKA_PORT"):
        port(tmp_path, taken.getsockname()[1])
