"""Calls into librdkafka that may never return: with a time limit, for the transactional commits."""

import threading
from collections.abc import Callable

from runtime.errors import KafkaFault


def call_with_timeout(limit_s: float, what: str, call: Callable[[], object]) -> None:
    """Runs `call` in a thread and raises what it raises. Raises ClientHung when it has not returned in time; the thread is
    abandoned, and what `call` uses must not be used any more."""
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
        raise ClientHung(f"{what} has not returned after {limit_s:.0f} s")
    if raised:
        raise raised[0]


class ClientHung(KafkaFault):
    """The client cannot be used or closed, since closing would block: only the end of the process frees it."""
