"""Python's cyclic garbage collector, paused while many objects are made that all stay: looking through them again and again takes
a third of the time, and stops every other thread."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Of the whole process. Where two overlap, the first to end resumes it, which is harmless."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
