"""Free loopback ports, and the same ones again after a restart."""

import json
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from scripts.services.cache import ServiceError

# Below the range that systems hand out to outgoing connections: a port of a killed service stays free until its restart,
# and a client that knocks meanwhile cannot be connected to itself.
FIRST, LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free(count: int) -> list[int]:
    """Different ports that are free at the moment."""
    found: list[int] = []
    while len(found) < count:
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in found and is_free(port):
            found.append(port)
    return found


def kept(file: Path, *names: str) -> dict[str, int]:
    """The ports noted in `file`, by name; made and noted at the first call."""
    if file.exists():
        known: dict[str, int] = json.loads(file.read_text())
        if set(names) <= set(known):
            return known
    chosen = dict(zip(names, free(len(names)), strict=True))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(chosen))
    return chosen


def claim(ports: Iterable[int]) -> None:
    """Raises ServiceError when one is in use."""
    taken = [port for port in ports if not is_free(port)]
    if taken:
        raise ServiceError(f"another program listens on {taken}: stop the services and delete .services for other ports")
