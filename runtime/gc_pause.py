"""Python's cyclic garbage collector, paused while many objects are made that all stay: looking through them again and again takes
a third of the time, and stops every other thread."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Of the whole process. Where two overlap, the first to end resumes it, which is harmless.

    What was made meanwhile counts as old: else the next collection, due at once, would look through all of it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
            gc.enable()
