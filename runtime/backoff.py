"""How long to pause before the next try: a little longer each time, up to a limit. Pure: the caller waits.

Used by the supervisors between restarts, by the stages while the object store is unavailable, and by the command line between
two polls of a job's status.
"""

import random
from collections.abc import Callable

_UNIFORM = random.SystemRandom().uniform  # not the module's: that state belongs to whoever seeds it, as property tests do


class Backoff:
    """`first_s`, then `factor` times as long each time, up to `longest_s`.

    `jitter`: each pause is longer by a random share of itself, up to this one. For tries that began failing at the same moment
    in many places: without it they all come back at the same moment, too.
    """

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        *,
        factor: float = 2.0,
        jitter: float = 0.0,
        uniform: Callable[[float, float], float] = _UNIFORM,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._factor = factor
        self._jitter = jitter
        self._uniform = uniform
        self._pause_s = first_s

    def next_s(self, at_least_s: float = 0.0) -> float:
        """The pause before the next try. `at_least_s`: what the other side asked for."""
        pause_s = max(self._pause_s, at_least_s)
        self._pause_s = min(self._factor * self._pause_s, self._longest_s)
        return pause_s * (1 + self._uniform(0.0, self._jitter))

    def reset(self) -> None:
        """After a success: the next pause is the first one again."""
        self._pause_s = self._first_s


def store_backoff() -> Backoff:
    """Between two tries of one stage at one object while the store is unavailable: about 0.5 s, up to 5 or 6."""
    return Backoff(0.5, 5.0, jitter=0.25)  # of many chunks, files and webhooks that wait for the same store
