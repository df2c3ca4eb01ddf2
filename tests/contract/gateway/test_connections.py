"""Slow clients and many connections, over real sockets: what is closed, and that nobody else notices."""

import contextlib
import re
import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from producers.gateway.http import connections
from producers.gateway.http.connection import Patience
from runtime import metrics
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from tests.contract.gateway.running_gateway import API, MULTIPART, RunningGateway, multipart, running
from tests.waiting import DEADLINE_S, wait_until

HALF_A_HEADER = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
MOST = 20
QUICK = Patience(idle_s=0.5, stalled_s=0.2, lingering_s=0.2)
PATIENT = replace(QUICK, idle_s=DEADLINE_S, stalled_s=DEADLINE_S)


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with EmbeddedBroker() as broker:
        yield broker.kafka()


@pytest.fixture
def quick(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGateway]:
    """Its patience ends soon."""
    monkeypatch.setattr(connections, "CHECK_S", 0.05)
    with running(kafka, tmp_path, QUICK) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


@pytest.fixture
def small(kafka: Kafka, tmp_path: Path) -> Iterator[RunningGateway]:
    """It accepts few connections, and waits for long."""
    with running(kafka, tmp_path, PATIENT, gateway_connections=MOST) as gateway:
        yield gateway


@contextlib.contextmanager
def connected(gateway: RunningGateway, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    host, port = gateway.netloc.split(":")
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sockets.append(stack.enter_context(socket.create_connection((host, int(port)), DEADLINE_S)))
            sockets[-1].sendall(sent)
        yield sockets


def received(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            found += data
    return found


def aborted(reason: str) -> float:
    return float(metrics.HTTP_CONNECTIONS_ABORTED.labels(reason)._value.get())


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of the connections are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_clients_that_never_finish_a_header_do_not_hurt_a_normal_request(kafka: Kafka, tmp_path: Path) -> None:
    with running(kafka, tmp_path, PATIENT) as gateway, connected(gateway, 1000, HALF_A_HEADER) as slow:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        accepted = gateway.submit(b"audio")
        assert accepted.status == 202
        assert gateway.get(accepted.json["status_url"]).status == 200
        for connection in slow:  # none of them was closed for it
            connection.sendall(b"x")


def test_at_the_limit_the_longest_wait_for_a_header_makes_room(small: RunningGateway) -> None:
    with connected(small, 3 * MOST, HALF_A_HEADER) as slow:
        assert small.get("/livez").status == 200
        assert all(received(connection) == b"" for connection in slow[: 2 * MOST + 1])
        slow[-1].sendall(b"x\r\n\r\n")
        assert slow[-1].recv(65536).startswith(b"HTTP/1.1 200")


def test_a_connection_with_a_request_makes_no_room_for_another(small: RunningGateway) -> None:
    busy = f"POST {API} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nContent-Type: {MULTIPART['Content-Type']}\r\n"
    expects = f"{busy}Expect: 100-continue\r\n\r\n".encode()
    with connected(small, MOST, expects) as uploads:
        assert all(upload.recv(65536).startswith(b"HTTP/1.1 100") for upload in uploads)
        with connected(small, 1) as (refused,):
            head, _, body = received(refused).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: " in head
        assert b'"reason":"too_many_connections"' in body
    wait_until(lambda: small.get("/livez").status == 200, "room")


def test_an_incomplete_header_is_closed_in_time(quick: RunningGateway) -> None:
    with connected(quick, 1, HALF_A_HEADER) as (slow,):
        assert received(slow) == b""


def test_a_header_without_an_end_is_refused(quick: RunningGateway) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"v" * 4000) for number in range(30))
    with connected(quick, 1, b"GET / HTTP/1.1\r\n" + lines) as (endless,):
        head, _, body = received(endless).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b'"reason":"header_too_large"' in body


@pytest.mark.parametrize("sent", [0, 150, 100_000])
def test_a_stalled_upload_is_aborted_and_leaves_nothing(quick: RunningGateway, sent: int) -> None:
    body = multipart([], bytes(200_000))
    head = f"POST {API} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nContent-Type: {MULTIPART['Content-Type']}"
    with connected(quick, 1, f"{head}\r\n\r\n".encode() + body[:sent]) as (stalled,):
        head_received, _, problem = received(stalled).partition(b"\r\n\r\n")
    assert head_received.startswith(b"HTTP/1.1 408 ")
    assert b'"reason":"too_slow"' in problem
    assert quick.files() == []


def test_a_body_that_no_handler_reads_is_closed_without_an_error(quick: RunningGateway) -> None:
    with connected(quick, 1, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf") as (client,):
        assert received(client).startswith(b"HTTP/1.1 200")


def test_a_client_that_reads_no_response_is_disconnected(quick: RunningGateway) -> None:
    before = aborted("response_stalled")
    host, port = quick.netloc.split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(DEADLINE_S)
        deaf.connect((host, int(port)))
        with contextlib.suppress(ConnectionError):
            while aborted("response_stalled") == before:
                deaf.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 16)
        wait_until(lambda: aborted("response_stalled") > before, "the connection to be aborted")


def test_a_thousand_pipelined_requests_are_answered_in_order(small: RunningGateway) -> None:
    paths = ["/livez" if number % 2 else "/nothing" for number in range(1000)]
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    requests[-1] = requests[-1].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connected(small, 1, b"".join(requests)) as (client,):
        statuses = re.findall(rb"HTTP/1\.1 (\d+) ", received(client))
    assert statuses == [b"200" if number % 2 else b"404" for number in range(1000)]
