"""Python's cyclic garbage collector: how often it runs, and pauses of it while many objects are made that all stay. Looking
through those again and again takes a third of the time, and stops every other thread."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_MAX = 20_000  # objects made, less those freed, before the young ones are looked through; Python's default is 700
_kept_out = False


def collect_less_often() -> None:
    """For a process that decodes and encodes records all the time: their many objects are in no cycles."""
    gc.set_threshold(YOUNG_MAX, *gc.get_threshold()[1:])


@contextmanager
def gc_paused(*, keep_out: bool = False) -> Iterator[None]:
    """Of the whole process. Where two overlap, the first to end resumes it, which is harmless.

    What was made meanwhile counts as old: else the next collection, due at once, would look through all of it. `keep_out`: no
    later collection looks through what the process has at the end; it is freed when nothing refers to it, unless in cycles.
    Such a process does not have the former any more, since Python cannot do both.
    """
    global _kept_out
    collects = gc.isenabled()
    if keep_out:
        gc.collect()  # of cycles that would stay
        _kept_out = True
    gc.disable()
    try:
        yield
    finally:
        if keep_out or not _kept_out:
            gc.freeze()
        if not _kept_out:
            gc.unfreeze()  # into the oldest generation
        if collects:
            gc.enable()
