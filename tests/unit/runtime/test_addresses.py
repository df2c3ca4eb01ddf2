"""Which addresses are open: the ranges of the registries, and addresses that hide another one."""

import ipaddress
import socket

import pytest

from runtime.addresses import AddressRefused, Guard, Reach, is_own, literal, networks, reach

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1",
    "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a01:203::1", "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::f5fe:fdfc",
]  # fmt: skip
FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16",
    "224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "192.88.99.1", "2002:a9fe:a9fe::", "2002:e000:1::", "2002:c058:6301::",
    "2001:0:a9fe:a9fe::f7f7:f7f7", "2001:0:808:808::5601:5601", "2001:0:7f00:1::", "2001:0:808:808::1",
    "2002:808:808::5efe:7f00:1", "64:ff9b:1::1", "fec0::1", "::127.0.0.1", "::8.8.8.8", "2001:db8::1", "100::1",
    "2a00:1450::5efe:a00:1", "2a00:1450:4001:801:200:5efe:7f00:1", "4000::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450:4001:801::200e", "64:ff9b::808:808", "::ffff:8.8.8.8",
    "2002:808:808::1", "2001:0:808:808:8000:63bf:f7f7:f7f7",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_loopback_and_private_addresses_are_allowed_only_by_a_setting(text: str) -> None:
    assert reach(ipaddress.ip_address(text)) is Reach.PRIVATE
    assert not Guard(private=False).allows(text)
    assert Guard(private=True).allows(text)


@pytest.mark.parametrize("text", FORBIDDEN)
def test_link_local_multicast_reserved_and_tunnelled_addresses_are_never_open(text: str) -> None:
    assert reach(ipaddress.ip_address(text)) is Reach.FORBIDDEN
    assert not Guard(private=True).allows(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_open_also_through_nat64_and_tunnels(text: str) -> None:
    assert reach(ipaddress.ip_address(text)) is Reach.PUBLIC
    assert Guard(private=False).allows(text)


def test_a_public_address_that_is_our_own_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address("8.8.8.8"))
    monkeypatch.setattr("runtime.addresses.is_own", lambda address: True)
    assert not Guard(private=False).allows("8.8.8.8")
    assert Guard(private=True).allows("8.8.8.8")


@pytest.mark.parametrize("text", ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2001:0:808:404::f7f7:f7f7"])
def test_our_own_address_is_private_within_another_too(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.addresses.is_own", lambda address: address == ipaddress.ip_address("8.8.8.8"))
    assert not Guard(private=False).allows(text)
    assert Guard(private=True).allows(text)


def test_an_open_network_opens_an_address_only_if_it_has_all_that_is_embedded() -> None:
    guard = Guard(private=networks("10.0.0.0/8"))
    assert guard.allows("2002:a01:203::1")
    assert guard.allows("2001:0:a01:203::f5fe:fdfc")
    assert not guard.allows("2001:0:7f00:1::f5fe:fdfc")
    assert not guard.allows("2002:c0a8:101::1")


def test_the_guard_makes_no_socket_for_a_refused_address() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 443))
    with pytest.raises(AddressRefused):
        Guard(private=False)(info)
    with Guard(private=True)(info) as made:
        assert made.family == socket.AF_INET


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "localhost", "LOCALHOST",
     "app.localhost", "\uff11\uff12\uff17.0.0.1", "127\u30020.0.1", "%31%32%37.0.0.1", "%6cocalhost"],
)  # fmt: skip
def test_an_address_is_recognised_in_every_spelling(host: str) -> None:
    assert literal(host) == ipaddress.ip_address("127.0.0.1")


def test_an_address_of_version_6_is_recognised_also_with_a_zone() -> None:
    assert literal("::1") == ipaddress.ip_address("::1")
    assert literal("fe80::1%25eth0") is not None


@pytest.mark.parametrize("host", ["example.org", "a.example", "localhost.example.org", "1.2.3.4.example", "", "ä.example"])
def test_a_name_is_not_an_address(host: str) -> None:
    assert literal(host) is None
