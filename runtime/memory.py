"""Gives memory back to the operating system that was freed: the C library keeps it for later, in an arena for each thread."""

import ctypes


def trim() -> None:
    """A few milliseconds. Does nothing where the C library has no such call (macOS, musl)."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(ctypes.c_size_t(0))
