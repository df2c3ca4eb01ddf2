"""What an idle `murmur dev` consists of, counted: each Kafka client costs three or four threads."""

from pathlib import Path

from benchmarks.idle import Process as Count
from tests.processes import Murmur
from tests.waiting import wait_until

CLIENTS_MAX = 16
THREADS_MAX = 80


def test_idle_stages_share_their_kafka_clients(tmp_path: Path) -> None:
    environment = {"MURMUR_DATA_DIR": str(tmp_path / "data"), "MURMUR_MODEL": "demo", "MURMUR_GATEWAY_PORT": "0"}
    with Murmur(tmp_path, environment).start("dev") as dev:
        wait_until(lambda: dev.printed("murmur is ready"), "the start")
        count = Count.now(dev.pid)
        assert 0 < count.clients <= CLIENTS_MAX
        assert 0 < count.threads <= THREADS_MAX
