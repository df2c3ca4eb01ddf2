"""The faulty network itself: without damage it changes nothing, and each kind of damage has its effect."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.services import ports
from tests.services.chaos.wire import WHOLE, Damage, Wire
from tests.waiting import DEADLINE_S, wait_until

BODY = bytes(range(256)) * 800


class Server(ThreadingHTTPServer):
    requests = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: connections that break are what is tested."""


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def wire(server: Server) -> Iterator[tuple[Wire, int]]:
    port = ports.free(1)[0]
    with Wire(port, server.server_port) as wire:
        yield wire, port


@contextmanager
def connected(port: int, timeout_s: float = DEADLINE_S) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, body: bytes = BODY) -> tuple[int, bytes]:
    connection.request("POST", "/", body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_an_intact_wire_changes_nothing(wire: tuple[Wire, int]) -> None:
    with connected(wire[1]) as connection:
        for body in (BODY, b"", b"again"):
            assert ask(connection, body) == (200, body)


@pytest.mark.parametrize(
    ("damage", "requests"), [(Damage(asks=False, answers=False), 0), (Damage(asks=False), 0), (Damage(answers=False), 1)]
)
def test_a_cut_wire_holds_what_it_is_given_until_it_is_mended(
    wire: tuple[Wire, int], server: Server, damage: Damage, requests: int
) -> None:
    wire[0].damage = damage
    with connected(wire[1], 0.3) as connection, pytest.raises(TimeoutError):
        ask(connection)
    assert server.requests == requests
    answers: list[tuple[int, bytes]] = []
    with connected(wire[1]) as connection:
        asker = threading.Thread(target=lambda: answers.append(ask(connection)))
        asker.start()
        wire[0].damage = WHOLE
        asker.join(DEADLINE_S)
    assert answers == [(200, BODY)]


def test_a_slow_wire_is_slow_until_it_is_mended(wire: tuple[Wire, int]) -> None:
    wire[0].damage = Damage(bytes_per_s=1000)
    with connected(wire[1]) as connection:
        connection.request("POST", "/", BODY)
        answer = connection.getresponse()
        assert answer.read(10) == BODY[:10]
        wire[0].damage = WHOLE
        assert answer.read() == BODY[10:]


def test_a_connection_is_reset_in_the_middle_of_its_body(wire: tuple[Wire, int]) -> None:
    wire[0].damage = Damage(reset_after_bytes=len(BODY) + 1000)
    with connected(wire[1]) as connection, pytest.raises((ConnectionError, http.client.IncompleteRead)):
        ask(connection)
    wait_until(lambda: wire[0].resets == 1, "the count")


def test_every_request_is_answered_500(wire: tuple[Wire, int], server: Server) -> None:
    wire[0].damage = Damage(errors=True)
    with connected(wire[1]) as connection:
        assert ask(connection, b"short") == (500, b"")
    assert (wire[0].refusals, server.requests) == (1, 0)
