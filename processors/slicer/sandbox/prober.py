"""The probe of gateway and intake: opens a file in a decoder process, and decodes nothing. Implements `runtime.probe.Probe`.

It has two processes of its own at most. A file for which none is free, or that takes long, is not probed: the slicer finds out
what is wrong with it.
"""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from processors.slicer.audio import DecodeOptions, Progress
from processors.slicer.sandbox.decoding import Decoding
from processors.slicer.sandbox.process import DecoderProcess, Limits
from runtime.errors import Invalid, MurmurError
from runtime.logs import get_logger
from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions
from schemas.work import AudioInfo

log = get_logger(__name__)
PROCESSES_MAX = 2
FREE_WITHIN_S = 1.0  # a probe takes 1 ms
PROBED_WITHIN_S = 2.0
READ_MAX_BYTES = 32 << 20  # the index of an MP4 file of ten hours has 10 MB
OF_THE_PROBE = frozenset({"too_slow", "too_much_memory"})  # reasons that say nothing about decoding the file


class _GivenUp(MurmurError):
    """It takes too long, or reads too much."""


class Prober:
    def __init__(self, limits: Limits, max_audio_s: float) -> None:
        self._limits = limits
        self._max_audio_s = max_audio_s
        self._free = threading.Semaphore(PROCESSES_MAX)
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._closed = False

    def start(self) -> None:
        with self._lock:
            if not self._idle and not self._closed:
                self._idle.append(DecoderProcess(self._limits))

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        if not self._free.acquire(timeout=FREE_WITHIN_S):
            return None
        try:
            return _summary(self._probe(file, options))
        except Invalid as error:
            if error.reason in OF_THE_PROBE:
                return None
            raise
        except (MurmurError, OSError) as error:  # also of the store: whoever reads the file next finds out
            log.debug("probe.skipped", error=error)
            return None
        finally:
            self._free.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()

    def _probe(self, file: BinaryIO, options: SlicingOptions) -> AudioInfo:
        until_s = time.monotonic() + PROBED_WITHIN_S

        def check(_progress: Progress) -> None:
            if time.monotonic() > until_s:
                raise _GivenUp(f"not done after {PROBED_WITHIN_S:.0f} s")

        with self._child() as child:
            decode = DecodeOptions(self._max_audio_s, options.track, options.raw_format)
            return Decoding(child, _Bounded(file), decode, check, self._limits).probe()

    @contextmanager
    def _child(self) -> Iterator[DecoderProcess]:
        """A process, which is kept unless it is in the middle of a file."""
        with self._lock:
            child = self._idle.pop() if self._idle else DecoderProcess(self._limits)
        is_kept = False
        try:
            yield child
            is_kept = True
        except Invalid as error:
            is_kept = error.reason not in OF_THE_PROBE
            raise
        except _GivenUp:
            is_kept = child.enforced is None  # it is still starting
            raise
        finally:
            with self._lock:
                is_kept = is_kept and not self._closed and not (child.enforced and child.should_retire())
                if is_kept:
                    self._idle.append(child)
            if not is_kept:
                child.close()


class _Bounded:
    """A file of which not much may be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left_bytes = READ_MAX_BYTES

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise _GivenUp(f"more than {READ_MAX_BYTES} bytes would have to be read")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _summary(info: AudioInfo) -> ProbedAudio:
    return ProbedAudio(container=info.container, codec=info.codec, duration_s=info.declared_duration_s, tracks=info.tracks)


if TYPE_CHECKING:
    from runtime.probe import Probe

    _: Probe = Prober(Limits(), 1.0)
