"""A port of choice for the embedded broker, whose C interface offers none: it listens on whichever port the kernel gives it.

A socket that listens on the chosen port takes the place of the broker's own, under the same file descriptor, and the broker
advertises the chosen port from then on. Its thread waits with poll, which takes the descriptor's new socket at its next call.
"""

import os
import socket

import psutil

HOST = "127.0.0.1"
BACKLOG = 16


def listen(port: int) -> socket.socket:
    """Raises OSError when the port is in use or not allowed."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def replace(bootstrap: str, listener: socket.socket) -> None:
    """The socket that listens at `bootstrap` in this process is closed, and `listener` gets its descriptor."""
    port = int(bootstrap.rpartition(":")[2])
    for connection in psutil.Process().net_connections("tcp4"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            os.dup2(listener.fileno(), connection.fd, inheritable=False)
            listener.close()
            return
    raise RuntimeError(f"the embedded broker does not listen at {bootstrap}")
