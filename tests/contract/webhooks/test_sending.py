"""Webhooks and real receivers: what is sent, what is tried again, and where nothing goes."""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from runtime import metrics
from runtime.addresses import Guard
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from runtime.signing import Signer
from schemas.jobs import JobChanged
from sinks.webhooks.attempt import Poster
from sinks.webhooks.delivery import End
from sinks.webhooks.message import Bodies, webhook_id
from sinks.webhooks.sender import Sender
from tests.contract.webhooks.receiver import Receiver
from tests.ended import SECRET, ended
from tests.processes import ROOT
from tests.scraped import Scrape
from tests.waiting import DEADLINE_S, wait_until

PAUSES_S = (0.05, 0.05)
NEVER_S = 3600.0
BODIES = Bodies.of(Settings())


@contextmanager
def sending(objects: DirectoryStore, *, timeout_s: float = 15.0, allow_private: bool = True) -> Iterator[Sender]:
    poster = Poster(Signer(SECRET), Guard(allow_private), timeout_s, lambda: datetime.now(UTC))
    sender = Sender(Transcripts(objects, "work"), BODIES, poster, pauses_s=PAUSES_S)
    sender.start()
    with closing(sender):
        yield sender


def ends(sender: Sender, events: Sequence[JobChanged]) -> dict[str, End]:
    """Sends them all; by webhook-id, what came of each."""
    for event in events:
        sender.send(webhook_id(event), event)
    found: dict[str, End] = {}

    def take() -> bool:
        for which, end in sender.finished():
            if isinstance(end, Exception):
                raise end
            found[which] = end
        return len(found) == len(events)

    wait_until(take, f"the end of {len(events)} deliveries")
    return found


def end(objects: DirectoryStore, url: str, *, timeout_s: float = 15.0, allow_private: bool = True) -> End:
    with sending(objects, timeout_s=timeout_s, allow_private=allow_private) as sender:
        return ends(sender, [ended(url)]).popitem()[1]


def test_attempts_and_failures_are_counted_by_outcome(receiver: Receiver, objects: DirectoryStore) -> None:
    before = Scrape(metrics.exposition().decode())
    with sending(objects) as sender:
        ends(sender, [ended(receiver.url("/ok"))])
        ends(sender, [ended(receiver.url("/gone"))])
    after = Scrape(metrics.exposition().decode())

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert more("murmur_webhook_attempts_total") == 2
    assert more("murmur_webhook_attempts_total", outcome="delivered") == 1
    assert more("murmur_webhooks_given_up_total") == 1


def test_a_success_arrives_signed_and_complete(receiver: Receiver, objects: DirectoryStore) -> None:
    with sending(objects) as sender:
        assert set(ends(sender, [ended(receiver.url("/ok"), state="SUCCESS")]).values()) == {"delivered"}

    (got,) = receiver.got
    assert got.document["success"] is True
    assert got.document["transcription"]["text"] == "Olá, João."
    assert got.webhook_id == "msg_00000000-0000-0000-0000-000000000001_success"


@pytest.mark.parametrize(
    ("path", "expected", "attempts"),
    [
        ("/flaky", "delivered", 2),
        ("/busy", "delivered", 2),
        ("/down", "given_up", 3),
        ("/closes", "given_up", 3),
        ("/nonsense", "given_up", 3),
        ("/later", "given_up", 1),
        ("/gone", "given_up", 1),
        ("/elsewhere", "given_up", 1),
        ("/long-header", "given_up", 3),
        ("/drip", "delivered", 1),
    ],
)
def test_the_number_of_attempts_depends_on_the_receivers_response(
    receiver: Receiver, objects: DirectoryStore, path: str, expected: End, attempts: int
) -> None:
    assert end(objects, receiver.url(path)) == expected
    assert len(receiver.at(path)) == attempts
    assert len({(got.webhook_id, got.body) for got in receiver.got}) == 1
    assert receiver.at("/ok") == []


def given_up(logged: list[EventDict]) -> list[tuple[int, str]]:
    """Attempts and outcome of every webhook that was given up, from the log."""
    return [(line["attempts"], line["outcome"]) for line in logged if line["event"] == "webhook.given_up"]


def test_a_receiver_that_is_not_there_is_given_up(objects: DirectoryStore, logged: list[EventDict]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert end(objects, f"http://127.0.0.1:{taken.getsockname()[1]}/") == "given_up"
    assert given_up(logged) == [(3, "unreachable")]


def test_a_receiver_that_hangs_has_its_time_and_no_more(
    receiver: Receiver, objects: DirectoryStore, logged: list[EventDict]
) -> None:
    assert end(objects, receiver.url("/slow"), timeout_s=0.2) == "given_up"
    assert given_up(logged) == [(3, "timed_out")]


def test_a_huge_answer_is_not_read(receiver: Receiver, objects: DirectoryStore) -> None:
    assert end(objects, receiver.url("/huge")) == "delivered"
    wait_until(lambda: receiver.sent_bytes > 0, "the first bytes")
    assert receiver.sent_bytes < 100_000_000  # what the buffers of two sockets take


def test_an_untrusted_certificate_is_not_a_receiver(objects: DirectoryStore, tmp_path: Path, logged: list[EventDict]) -> None:
    with tls_server(tmp_path) as port:
        assert end(objects, f"https://127.0.0.1:{port}/") == "given_up"
    assert given_up(logged) == [(3, "unreachable")]
    assert logged[-1]["error"].startswith("SSLCertVerificationError")


def test_a_server_without_tls_is_not_a_receiver(receiver: Receiver, objects: DirectoryStore) -> None:
    assert end(objects, receiver.url("/ok").replace("http:", "https:")) == "given_up"
    assert receiver.got == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "2130706433",
        "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[::127.0.0.1]", "0.0.0.0", "0", "[::]", "a" * 64, "xn--", "*", "[fe80::1%25lo]", "%31%32%37.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_an_address_inside_gets_a_connection(
    objects: DirectoryStore, host: str, scheme: str, logged: list[EventDict]
) -> None:
    with listening() as (server, port):
        assert end(objects, f"{scheme}://{host}:{port}/x", allow_private=False) == "given_up"
        with pytest.raises(BlockingIOError):
            server.accept()
    ((_, outcome),) = given_up(logged)
    assert outcome in ("forbidden_address", "unreachable", "bad_url")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0", "[fe80::1]", "224.0.0.1"])
def test_a_metadata_service_is_refused_even_where_private_addresses_are_not(
    objects: DirectoryStore, host: str, logged: list[EventDict]
) -> None:
    assert end(objects, f"http://{host}/latest/meta-data", allow_private=True) == "given_up"
    assert given_up(logged) == [(1, "forbidden_address")]


def test_a_name_that_leads_inside_is_refused_when_it_is_dialled(
    objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    """Whatever the resolver answered before: what counts is where the connection would go."""
    with listening() as (server, port):
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.1", "10.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: infos)
        assert end(objects, f"http://rebinds.example:{port}/", allow_private=False) == "given_up"
        with pytest.raises(BlockingIOError):
            server.accept()
    assert given_up(logged) == [(1, "forbidden_address")]


def test_proxies_and_credentials_of_the_environment_are_not_used(
    receiver: Receiver, objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as (server, port):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert end(objects, receiver.url("/ok")) == "delivered"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_receiver_that_hangs_delays_no_other(receiver: Receiver, objects: DirectoryStore) -> None:
    with Receiver() as healthy, sending(objects, timeout_s=NEVER_S) as sender:
        for number in range(500):
            event = ended(receiver.url("/slow"), number)
            sender.send(webhook_id(event), event)
        found = ends(sender, [ended(healthy.url("/ok"), 1000 + number) for number in range(100)])
        assert set(found.values()) == {"delivered"}
    assert len(receiver.at("/slow")) <= 8


def test_a_name_that_is_never_resolved_has_its_time_and_holds_up_neither_others_nor_the_end(
    receiver: Receiver, objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    answered = threading.Event()
    resolve = socket.getaddrinfo

    def hang(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "hangs.example":
            answered.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with sending(objects, timeout_s=0.2) as sender:
            urls = [f"http://hangs.example:{port}/" for port in range(8000, 8020)]
            found = ends(sender, [ended(url, number) for number, url in enumerate([*urls, receiver.url("/ok")])])
    finally:
        answered.set()
    assert sorted(found.values()) == ["delivered", *["given_up"] * 20]
    assert given_up(logged) == [(3, "timed_out")] * 20


def test_close_ends_what_hangs(receiver: Receiver, objects: DirectoryStore) -> None:
    with sending(objects, timeout_s=NEVER_S) as sender:
        event = ended(receiver.url("/slow"))
        sender.send(webhook_id(event), event)
        receiver.wait("/slow", 1)
        sender.close()
        assert list(sender.finished()) == []
        sender.close()


def test_the_receiver_of_the_examples_accepts_what_is_sent_and_recognises_a_repeat(objects: DirectoryStore) -> None:
    command = [sys.executable, "examples/webhook_receiver.py", "--port", "0", "--secret", SECRET, "--count", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as example:
        assert example.stdout is not None
        try:
            port = int(example.stdout.readline().rpartition(":")[2])
            url = f"http://127.0.0.1:{port}/"
            with sending(objects) as sender:
                for event in (ended(url, state="SUCCESS"), ended(url, state="SUCCESS"), ended(url)):
                    assert set(ends(sender, [event]).values()) == {"delivered"}
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
                assert b" 401 " in stranger.recv(1000)
            success, failure, refused = example.stdout.read().splitlines()
            assert example.wait(DEADLINE_S) == 0
        finally:
            example.kill()
    assert "Olá, João." in success
    assert "  failed  " in failure
    assert "no_audio" in failure
    assert refused.startswith("rejected: ")


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A port on every address of this machine that must not be connected to; `accept()` raises BlockingIOError if it was not."""
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        server.setblocking(False)
        yield server, server.getsockname()[1]


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A TLS server with a certificate of its own making; it only shakes hands."""
    pem = str(folder / "own.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", pem, "-out", pem]
    subprocess.run(made, check=True, capture_output=True)  # the key and the certificate go into one file
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as plain, context.wrap_socket(plain, server_side=True) as server:
        stopped = threading.Event()
        thread = threading.Thread(target=_shake_hands, args=(server, stopped))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stopped.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()


def _shake_hands(server: ssl.SSLSocket, stopped: threading.Event) -> None:
    while not stopped.is_set():
        with contextlib.suppress(OSError):  # the sender breaks it off: that is the test
            server.accept()[0].close()
