"""Looks whether Faust still works: it can crash, lose its place in the group, or hang, and tells nobody.

Asked by the stage a few times a second.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from runtime.errors import KafkaFault

SESSIONS = 3  # without a heartbeat for so many, the broker has long given our partitions to somebody else
STUCK_S = 60.0


class FaustFault(KafkaFault):
    """Faust is broken and does not know it. Nothing of it can be trusted any more: a fresh one begins at the last commit."""


class Watched(Protocol):
    """What `app.Counter` shows of itself."""

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
        self._stands: Mapping[Any, int] = {}
        self._since_s = 0.0

    def look(self, now_s: float) -> None:
        """Raises FaustFault. Progress is that records are read: markers of transactions lie in the topic, are never
        committed, and would look like a lag for ever."""
        crash = self._watched.crash
        if crash is not None:
            raise FaustFault(f"Faust has crashed: {crash!r}") from crash
        if self._watched.silent_s > SESSIONS * self._watched.session_s:
            raise FaustFault(f"no heartbeat was answered for {self._watched.silent_s:.0f} s")
        if self._watched.committing_s > STUCK_S:
            raise FaustFault(f"a commit has not come back for {self._watched.committing_s:.0f} s")
        stands = self._watched.unread()
        if not stands or stands != self._stands or self._watched.recovering:
            self._stands, self._since_s = stands, now_s
        elif now_s - self._since_s > STUCK_S:
            raise FaustFault(f"nothing was consumed for {STUCK_S:.0f} s, although there are records: {dict(stands)}")
