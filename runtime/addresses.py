"""Which addresses a webhook may be sent to: the guard against URLs that lead into the network around us.

The webhook sink applies it at every connect, to the address that is connected to, after names are resolved: neither a second
look-up nor an odd spelling of an address gets past it. The gateway applies it to the URLs that spell an address out.
"""

import ipaddress
import socket
import unicodedata
from collections.abc import Sequence
from enum import Enum
from typing import Any
from urllib.parse import unquote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reach(Enum):
    """Kinds of addresses, the most open first."""

    PUBLIC = "public"
    PRIVATE = "private"  # loopback and private networks: a setting allows them
    FORBIDDEN = "forbidden"  # never a receiver: metadata services, multicast, tunnels, reserved ranges


def networks(*texts: str) -> tuple[Network, ...]:
    """Raises ValueError."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


METADATA = networks(  # services that hand a machine its credentials, outside of link-local
    "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128"
)  # fmt: skip
TUNNELS = networks("192.88.99.0/24", "64:ff9b:1::/48")  # 6to4 relays, and local NAT64, which hides an address anywhere in it
PRIVATE = networks(
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"
)  # fmt: skip
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
ISATAP = (0x00005EFE, 0x02005EFE)  # bits 64 to 96 of an address that ends with an IPv4 address


class AddressRefused(OSError):
    """Raised for a blocked address. Always the same text of one guard: then aiohttp passes it on if all addresses of a name are
    blocked."""


def reach(address: Address) -> Reach:
    """Pure. An address that embeds others is classified by the least open of these, or forbidden."""
    if inner := embedded(address):
        found = max(map(reach, inner), key=list(Reach).index)
        return Reach.FORBIDDEN if _is_isatap(address) else found
    if any(address in network for network in METADATA + TUNNELS) or address.is_multicast:
        return Reach.FORBIDDEN
    if any(address in network for network in PRIVATE):
        return Reach.PRIVATE
    if not address.is_global or _is_isatap(address) or (address.version == 6 and address not in GLOBAL_UNICAST):
        return Reach.FORBIDDEN
    return Reach.PUBLIC


def literal(host: str) -> Address | None:
    """The address that a URL's host spells, as a resolver would read it: also `127.1`, `0x7f000001`, full-width digits,
    `%31`. None for a name. Pure."""
    host = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return LOOPBACK
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):  # ValueError: not ASCII
        return None


class Guard:
    """A socket factory for `aiohttp.TCPConnector`, which calls it with each address just before it connects there.

    Raises AddressRefused. `private` opens loopback, private networks and this machine's own addresses: all, or those of some
    networks. `public`: whether public addresses are open.
    """

    def __init__(self, private: bool | Sequence[Network] = False, *, public: bool = True) -> None:
        self._private = private
        self._public = public

    def __call__(self, address_info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = address_info
        if not self.allows(where[0]):
            raise AddressRefused("the address is not public" if self._public else "the address is not an open private one")
        return socket.socket(family, kind, protocol)

    def allows(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        found = reach(address)
        if found is Reach.PUBLIC and any(map(is_own, (address, *embedded(address)))):
            found = Reach.PRIVATE
        if found is Reach.PRIVATE:
            return opens(self._private, address)
        return found is Reach.PUBLIC and self._public


def opens(private: bool | Sequence[Network], address: Address) -> bool:
    """Whether a setting opens this private address, and all that it embeds. Pure."""
    if isinstance(private, bool):
        return private
    return all(any(each in network for network in private) for each in embedded(address) or (address,))


def is_own(address: Address) -> bool:
    """Whether it is an address of this machine: only those can be bound. Nothing is sent."""
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def embedded(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses to which packets for this one are sent, in a tunnel or translated: of a mapped, NAT64 or 6to4 address
    the one in it, of a Teredo address its server and its client. Pure."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address in NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    one = address.ipv4_mapped or address.sixtofour
    return (one,) if one is not None else address.teredo or ()


def _is_isatap(address: Address) -> bool:
    return address.version == 6 and (int(address) >> 32) & 0xFFFFFFFF in ISATAP
