"""The gateway when things around it fail: a silent client, a broker or store that is away, the end of the process."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from producers.gateway.server import THREADS
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from tests.contract.gateway.running_gateway import API, MULTIPART, embedded, multipart, running
from tests.waiting import wait_until


def test_a_webhook_without_a_signing_secret_is_refused_at_once(tmp_path: Path) -> None:
    with embedded(tmp_path) as gateway:
        answer = gateway.submit(b"abc", webhook_url="https://example.org/hook")
        assert (answer.status, answer.json["reason"]) == (400, "no_webhook_secret")
        assert gateway.files() == []


def test_a_broker_outage_is_reported_and_leaves_no_second_upload(tmp_path: Path) -> None:
    broker = EmbeddedBroker()
    with running(broker.kafka(), tmp_path) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        broker.close()

        first = gateway.submit(b"abc")
        left = len(gateway.files())
        second = gateway.submit(b"def")

        assert (first.status, second.status) == (503, 503)
        assert "Retry-After" in second.headers
        assert len(gateway.files()) == left
        wait_until(lambda: gateway.get("/readyz").status == 503, "the gateway to see it")
        assert gateway.get("/livez").status == 200
        assert gateway.get(f"{API}/status/00000000-0000-4000-8000-000000000000").status == 503


def test_without_a_broker_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    with running(Kafka("127.0.0.1:1"), tmp_path) as gateway:
        assert gateway.get("/livez").status == 200
        assert gateway.get("/readyz").status == 503
        assert gateway.submit().status == 503
        assert gateway.get(f"{API}/status/00000000-0000-4000-8000-000000000000").status == 503


def test_a_store_outage_is_reported_and_ends(tmp_path: Path) -> None:
    with embedded(tmp_path) as gateway:
        (tmp_path / "work").rename(tmp_path / "elsewhere")
        refused = gateway.submit()
        wait_until(lambda: gateway.stage.not_ready() is not None, "the gateway to see it")
        (tmp_path / "elsewhere").rename(tmp_path / "work")

        assert refused.status == 503
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert gateway.submit().status == 202


def test_stopping_does_not_wait_for_requests_in_flight(tmp_path: Path) -> None:
    """Neither client ends before the gateway has."""
    with EmbeddedBroker() as broker:
        with running(broker.kafka(), tmp_path) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            body = multipart([], bytes(20 * 1024 * 1024))
            host, port = gateway.netloc.split(":")
            half = socket.create_connection((host, int(port)))
            length = f"Content-Length: {len(body)}\r\nContent-Type: {MULTIPART['Content-Type']}\r\n\r\n"
            half.sendall(f"POST {API} HTTP/1.1\r\nHost: localhost\r\n{length}".encode() + body[: 10 * 1024 * 1024])
            wait_until(gateway.files, "the upload to begin")
            task_id = gateway.submit().json["task_id"]
            listening = socket.create_connection((host, int(port)))
            listening.sendall(f"GET {API}/{task_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert listening.recv(100).startswith(b"HTTP/1.1 200")
        half.close()
        listening.close()

    assert [path.name for path in gateway.files()] == [task_id]


def test_the_view_outlives_the_gateway(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        with running(broker.kafka(), tmp_path) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            where = gateway.submit().json["status_url"]
        with running(broker.kafka(), tmp_path) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            assert gateway.get(where).json["state"] == "PENDING"


class Full:
    """A topic without room: `runtime.kafka.client.Backpressure`."""

    def __init__(self) -> None:
        self.read = threading.Event()

    def admit(self, topic: str, size_bytes: int) -> bool:
        return False

    def hold(self, topic: str, size_bytes: int) -> None:
        self.read.wait()


def test_submissions_that_wait_for_room_take_no_thread_from_other_requests(tmp_path: Path) -> None:
    full, count = Full(), max(THREADS.values()) + 1
    with EmbeddedBroker() as broker, running(Kafka(broker.bootstrap, backpressure=full), tmp_path) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda number: gateway.submit(b"%d" % number), range(count)))
        assert {answer.status for answer in answers} == {503}
        assert gateway.files() == []
        assert gateway.get("/api/jobs").json["jobs"] == []
        full.read.set()
