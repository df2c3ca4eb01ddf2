"""Calls into librdkafka that may never come back: waited for with a limit of our own, in the transactional commits."""

import threading
from collections.abc import Callable

from runtime.errors import KafkaFault


def call_with_timeout(limit_s: float, what: str, call: Callable[[], object]) -> None:
    """Runs `call` in a thread and raises what it raises. Raises ClientHung when it has not come back in time; the thread is left
    alone, and whatever `call` holds must not be used any more."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=what, daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        raise ClientHung(f"{what} does not come back after {limit_s:.0f} s")
    if raised:
        raise raised[0]


class ClientHung(KafkaFault):
    """The client that was called is lost, and closing it would wait for ever: only the end of the process frees it."""
