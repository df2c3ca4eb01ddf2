"""Slots for files that are decoded at the same time, one of which is reserved for short work.

Used by `stage` in the loop's thread and by `worker` in the files' threads. The work done decides what is short, not a file's size
or header: a file that turns out to be long releases the reserved slot.
"""

import threading


class Slots:
    """`count`: of all files at once; at most `count - 1` of them are long."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._short: set[object] = set()
        self._long: set[object] = set()
        self._lock = threading.Lock()

    def acquire(self, file: object, *, short: bool) -> bool:
        """Whether a slot was free; if so, the file has it now."""
        with self._lock:
            if len(self._short) + len(self._long) >= self._count or (not short and self._is_full_of_long()):
                return False
            (self._short if short else self._long).add(file)
            return True

    def mark_long(self, file: object) -> bool:
        """A short file turns out to be long. False: there is no slot for another long one, and it has to `release` its own."""
        with self._lock:
            if file in self._short:
                if self._is_full_of_long():
                    return False
                self._short.remove(file)
                self._long.add(file)
            return True

    def release(self, file: object) -> None:
        """Idempotent."""
        with self._lock:
            self._short.discard(file)
            self._long.discard(file)

    def _is_full_of_long(self) -> bool:
        return len(self._long) >= self._count - 1
