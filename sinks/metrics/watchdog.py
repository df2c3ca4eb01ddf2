"""Checks that Faust still works: it can crash, lose its membership in the group, or hang, without raising an error.

Called by the stage a few times a second.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from runtime.errors import KafkaFault

SESSIONS = 3  # after that many without a heartbeat, the broker has assigned our partitions to another member
STUCK_S = 60.0


class FaustFault(KafkaFault):
    """Faust has failed without an error. Its state can no longer be relied on: a new app starts at the last commit."""


class Watched(Protocol):
    """The state of `app.Counter` that is checked."""

    session_s: float

    @property
    def crash(self) -> BaseException | None: ...

    @property
    def silent_s(self) -> float: ...

    @property
    def committing_s(self) -> float: ...

    @property
    def recovering(self) -> bool: ...

    def unread(self) -> Mapping[Any, int]: ...


class Watchdog:
    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._positions: Mapping[Any, int] = {}
        self._since_s = 0.0

    def check(self, now_s: float) -> None:
        """Raises FaustFault. Progress means that records are read: by committed offsets the transaction markers in the topic,
        which are never committed, would be a lag that never ends."""
        crash = self._watched.crash
        if crash is not None:
            raise FaustFault(f"Faust has crashed: {crash!r}") from crash
        if self._watched.silent_s > SESSIONS * self._watched.session_s:
            raise FaustFault(f"no heartbeat was answered for {self._watched.silent_s:.0f} s")
        if self._watched.committing_s > STUCK_S:
            raise FaustFault(f"a commit has not come back for {self._watched.committing_s:.0f} s")
        positions = self._watched.unread()
        if not positions or positions != self._positions or self._watched.recovering:
            self._positions, self._since_s = positions, now_s
        elif now_s - self._since_s > STUCK_S:
            raise FaustFault(f"nothing was consumed for {STUCK_S:.0f} s, although there are records: {dict(positions)}")
