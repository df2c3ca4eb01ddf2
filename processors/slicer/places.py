"""How many files are decoded at once, and the place among them that is kept for short work.

Used by `stage` in the loop's thread and by `worker` in the files' threads. The work done decides what is short, not a file's size
or header: a file that turns out to be long gives the kept place back.
"""

import threading


class Places:
    """`count`: of all files; at most `count - 1` are long."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._short: set[object] = set()
        self._long: set[object] = set()
        self._lock = threading.Lock()

    def take(self, file: object, *, short: bool) -> bool:
        """Whether there is a place; it is taken then."""
        with self._lock:
            if len(self._short) + len(self._long) >= self._count or (not short and self._is_full_of_long()):
                return False
            (self._short if short else self._long).add(file)
            return True

    def outgrow(self, file: object) -> bool:
        """A short file turns out to be long. False: there is no place for another long one, and it has to `leave`."""
        with self._lock:
            if file in self._short:
                if self._is_full_of_long():
                    return False
                self._short.remove(file)
                self._long.add(file)
            return True

    def leave(self, file: object) -> None:
        """Idempotent."""
        with self._lock:
            self._short.discard(file)
            self._long.discard(file)

    def _is_full_of_long(self) -> bool:
        return len(self._long) >= self._count - 1
