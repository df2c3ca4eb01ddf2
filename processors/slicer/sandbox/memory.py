"""The memory that the slicer and one decoder process share: the file's bytes in one direction, samples in the other.

Created by `process` before the child starts, mapped by `child` before it confines itself. How much of it is valid is stated by
messages (`frames`), never by its content. The child may change it at any time, so the slicer copies samples before it uses them,
and reads the file's bytes back for their digest only: what a changed one would cause, false samples would, too.
"""

import contextlib
import fcntl
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from processors.slicer.audio import BLOCK_SAMPLES, Samples

# Each exchange of messages costs 0.1 to 0.3 ms of CPU time, since the processes take turns: as much as decoding 4 s of PCM.
FILE_BYTES = 4 << 20  # of the file, for one READ
AREAS = 2  # the child fills one while the slicer copies from the other
AREA_SAMPLES = 32 * BLOCK_SAMPLES
_AREA_BYTES = 2 * AREA_SAMPLES
_BYTES = FILE_BYTES + AREAS * _AREA_BYTES


@contextmanager
def allocated() -> Iterator[int]:
    """The descriptor of new memory, for the mappings of both processes, which outlive it."""
    if sys.platform == "linux":
        fd = os.memfd_create("decoder", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, _BYTES)
        # memory that another process makes smaller would end this one
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        try:
            yield fd
        finally:
            os.close(fd)
    else:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(_BYTES))  # a full disk is an error here, not at the first access to the mapping
            file.flush()
            yield file.fileno()


class SharedMemory:
    """One process's mapping of it. `close()` is idempotent."""

    def __init__(self, fd: int) -> None:
        self._mapped = mmap.mmap(fd, _BYTES)
        everything = memoryview(self._mapped)
        self.file = everything[:FILE_BYTES]
        begins = range(FILE_BYTES, _BYTES, _AREA_BYTES)
        self._areas = [everything[begin : begin + _AREA_BYTES] for begin in begins]
        everything.release()

    def put(self, area: int, at: int, block: Samples) -> None:
        """`at`: the number of samples before it in the area."""
        self._areas[area % AREAS][2 * at : 2 * (at + len(block))] = block.data.cast("B")

    def copied(self, area: int, count: int) -> list[Samples]:
        """The first samples of the area, in blocks."""
        samples = np.frombuffer(self._areas[area % AREAS], np.int16, count)
        return [samples[begin : begin + BLOCK_SAMPLES].copy() for begin in range(0, count, BLOCK_SAMPLES)]

    def close(self) -> None:
        with contextlib.suppress(BufferError):  # an error of the file's reader may still refer to a part: it is unmapped later
            for view in (self.file, *self._areas):
                view.release()
            self._mapped.close()
