"""The memory of this process, and what the C library does with freed memory: keeps it for the next block, or gives it back.

A Whisper encoder allocates and frees blocks of tens of megabytes for every window. By default the C library maps each anew, and
clearing their pages is a quarter of the CPU time of a full window (`tiny.en`).
"""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

KEPT_BYTES = 1 << 30  # more than that is given back at once
IDLE_S = 10.0
CONTROL_GROUP = Path("/sys/fs/cgroup")  # of a container, as it sees it
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of mallopt(3)


def available_bytes() -> int:
    """What this process may still take: of the machine, and of its control group where that has a limit (Linux)."""
    available = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # no control group; "max": no limit
        limit, used = (int((CONTROL_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        available = min(available, limit - used)
    return max(0, available)


def keep_freed() -> None:
    """From now on large blocks are reused. `trim()` gives them back. Does nothing where the C library has no such call (macOS,
    musl)."""
    with suppress(AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_MMAP_MAX, 0)
        set_option(_TRIM_THRESHOLD, KEPT_BYTES)


class _Mallinfo2(ctypes.Structure):
    """The C library's, see mallinfo2(3)."""

    COUNTS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in COUNTS]


def allocated_bytes() -> int:
    """What this process has allocated and not freed, by the C library's count. Where that does not count (macOS, musl): all that
    the process has in physical memory, which includes what was freed."""
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return int(psutil.Process().memory_info().rss)
    mallinfo2.restype = _Mallinfo2
    counted = mallinfo2()
    return int(counted.uordblks + counted.hblkhd)


def trim() -> None:
    """Gives back what is free. Takes a few milliseconds. Does nothing where the C library has no such call."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


class IdleTrim:
    """Trims once after each time of work, when nothing has been done for `IDLE_S`. For one thread."""

    def __init__(self, trim: Callable[[], None] = trim, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim = trim
        self._clock = clock
        self._due_s: float | None = None

    def turn(self, *, busy: bool) -> None:
        """Called often, also while nothing is done."""
        now_s = self._clock()
        if busy:
            self._due_s = now_s + IDLE_S
        elif self._due_s is not None and now_s >= self._due_s:
            self._due_s = None
            self._trim()
