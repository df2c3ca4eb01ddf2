"""Where no webhook goes and no file is fetched from: no spelling of an address inside gets a connection."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from producers.gateway.http.problems import Problem
from producers.gateway.submission.fetch import Fetcher
from runtime.addresses import networks
from runtime.objects.directory import DirectoryStore
from runtime.reachable import Reachable
from tests.contract.webhooks.receiver import Receiver
from tests.contract.webhooks.sending import attempt, listening

LOOPBACK = [
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "2130706433",
    "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[64:ff9b:1::7f00:1]", "[::127.0.0.1]", "0.0.0.0", "0", "[::]", "a" * 64, "xn--", "*",
    "[fe80::1%25lo]", "%31%32%37.0.0.1", "127.0.0.1%00.example", "127.0.0.1\t", "[::ffff:0:127.0.0.1]", "ｌocalhost",
]  # fmt: skip
METADATA = [
    "169.254.169.254", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[2001:0:808:808::5601:5601]", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "[fe80::1]", "224.0.0.1", "[ff02::1]", "255.255.255.255",
]  # fmt: skip
REFUSED = ("forbidden_address", "unreachable", "bad_url")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_an_address_inside_gets_a_connection(objects: DirectoryStore, scheme: str) -> None:
    with listening() as (server, port):
        urls = [f"{scheme}://{host}:{port}/x" for host in LOOPBACK]
        urls += [f"{scheme}://a.example:443@127.0.0.1:{port}/", f"{scheme}://127.0.0.1:{port}#@a.example/"]
        outcomes = {url: attempt(objects, url, allow_private=False).outcome for url in urls}
        with pytest.raises(BlockingIOError):
            server.accept()
    assert {url: outcome for url, outcome in outcomes.items() if outcome not in REFUSED} == {}


def test_nor_does_a_submission_that_names_it(objects: DirectoryStore) -> None:
    fetcher = Fetcher(Reachable(), timeout_s=5.0, max_bytes=1000)

    async def refusal(url: str) -> str:
        try:
            await fetcher.fetch(url, None, "anna")  # type: ignore[arg-type]  # nothing arrives
        except Problem as problem:
            return str(problem.document["reason"])
        return "fetched"

    with listening() as (server, port):
        urls = [f"http://{host}:{port}/x" for host in LOOPBACK] + [f"http://{host}/latest/meta-data" for host in METADATA]
        reasons = {url: asyncio.run(refusal(url)) for url in urls}
        with pytest.raises(BlockingIOError):
            server.accept()
    assert set(reasons.values()) <= {"bad_url", "forbidden_address", "fetch_failed"}


def test_a_metadata_service_is_refused_even_where_private_addresses_are_not(objects: DirectoryStore) -> None:
    found = {attempt(objects, f"http://{host}/latest/meta-data", allow_private=True).outcome for host in METADATA}
    assert found <= {"forbidden_address", "bad_url"}


def resolving(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> Callable[[int], str]:
    """A name that leads there, whatever a resolver has answered before; its URL by port."""

    def url(port: int) -> str:
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: infos)
        return f"http://rebinds.example:{port}/ok"

    return url


def test_a_name_that_leads_inside_is_refused_when_it_is_dialled(objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (server, port):
        url = resolving(monkeypatch, "127.0.0.1", "10.0.0.1")(port)
        assert attempt(objects, url, allow_private=False).outcome == "forbidden_address"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_networks_that_are_allowed_are_open_and_others_are_not(objects: DirectoryStore, receiver: Receiver) -> None:
    near, far = networks("127.0.0.0/30"), networks("10.0.0.0/8", "fd00::/8")
    assert attempt(objects, receiver.url("/ok"), allow_private=near, plain=False).outcome == "delivered"
    assert attempt(objects, receiver.url("/ok"), allow_private=far).outcome == "forbidden_address"
    assert attempt(objects, receiver.url("/ok").replace("127.0.0.1", "127.0.0.9"), allow_private=near).outcome in REFUSED
    assert len(receiver.got) == 1


def test_without_encryption_nothing_leaves_for_a_public_address(objects: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []
    monkeypatch.setattr("runtime.addresses.is_own", lambda address: dialled.append(str(address)))
    url = resolving(monkeypatch, "198.41.0.4")(80)
    assert attempt(objects, url, plain=False).outcome == "forbidden_address"
    assert dialled == ["198.41.0.4"]
