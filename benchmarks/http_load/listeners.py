"""Many clients that follow the events of one job, in this process."""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator

LAST_CHUNK = b"0\r\n\r\n"  # the connection stays open for another request


class Listeners:
    def __init__(self, port: int, path: str, count: int) -> None:
        self.events = 0
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", port))
            made.sendall(request)
            made.setblocking(False)
            self._selector.register(made, selectors.EVENT_READ)
            self._sockets.append(made)

    @property
    def open(self) -> int:
        """Streams that the server has not ended."""
        return len(self._selector.get_map())

    def read(self, seconds: float) -> None:
        """Reads what comes, for that long or until all streams have ended."""
        until_s = time.monotonic() + seconds
        while self.open and (left_s := until_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(262_144)
                self.events += data.count(b"event: ")
                if not data or data.endswith(LAST_CHUNK):
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        self._selector.close()
        for one in self._sockets:
            one.close()


@contextlib.contextmanager
def listen(port: int, path: str, count: int) -> Iterator[Listeners]:
    with contextlib.closing(Listeners(port, path, count)) as listeners:
        yield listeners
