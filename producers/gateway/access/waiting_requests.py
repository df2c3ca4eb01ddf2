"""How many requests of a key may wait for jobs at this gateway at the same time: event streams, `?wait=`, and responses with the
transcript. Each holds a connection for as long as the job takes, so one key could hold all of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from producers.gateway.access.caller import Caller
from producers.gateway.http.problems import Problem

RETRY_S = 5.0


class WaitingRequests:
    """For the event loop alone."""

    def __init__(self) -> None:
        self._of_key: Counter[str] = Counter()

    def count(self, caller: Caller) -> int:
        return self._of_key[caller.key.id] if caller.key is not None else 0

    def check(self, caller: Caller) -> None:
        """Whether there is room for one more. Raises Problem 429."""
        limit = caller.key.limits.waiting_requests if caller.key is not None else 0
        if limit and self.count(caller) >= limit:
            detail = f"Too many requests with this key wait for jobs at this gateway: at most {limit}."
            raise Problem(429, "too_many_waiting", detail, after_s=RETRY_S, limit=limit)

    @contextmanager
    def counted(self, caller: Caller) -> Iterator[None]:
        """While one waits. Raises Problem 429."""
        self.check(caller)
        if caller.key is None:
            yield
            return
        key_id = caller.key.id
        self._of_key[key_id] += 1
        try:
            yield
        finally:
            self._of_key[key_id] -= 1
            if not self._of_key[key_id]:
                del self._of_key[key_id]
