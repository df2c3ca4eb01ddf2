"""The probe of gateway and intake: opens a file in a decoder process, and decodes nothing. Implements `runtime.probe.Probe`.

It has two processes of its own at most. A file for which none is ready, or that takes long, is not probed, nor is any file for a
while after that (`probe_budget`): the slicer finds out what is wrong with them.
"""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

from processors.slicer.audio import DecodeOptions, Progress, media_file
from processors.slicer.media_info import MediaInfo
from processors.slicer.sandbox.decoding import Decoding
from processors.slicer.sandbox.probe_budget import ProbeBudget
from processors.slicer.sandbox.process import DecoderProcess, Limits
from runtime.errors import Invalid, MurmurError
from runtime.logs import get_logger
from schemas.audio import AudioTrack, ProbedAudio
from schemas.options import SlicingOptions

log = get_logger(__name__)
PROCESSES_MAX = 2
READY_WITHIN_S = 0.1  # a process that has no file, and has started; a probe takes 1 ms
PROBED_WITHIN_S = 0.5
READ_MAX_BYTES = 32 << 20  # the index of an MP4 file of ten hours has 10 MB
OF_THE_PROBE = frozenset({"too_slow", "too_much_memory"})  # reasons that say nothing about decoding the file


class _Skipped(MurmurError):
    """Not probed, or not to the end."""


class _CutOff(_Skipped):
    """It ran into its time limit."""


class Prober:
    def __init__(self, limits: Limits, max_audio_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._max_audio_s = max_audio_s
        self._clock = clock
        self._budget = ProbeBudget(clock)
        self._free = threading.Semaphore(PROCESSES_MAX)
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._closed = False

    def start(self) -> None:
        with self._lock:
            if not self._idle and not self._closed:
                self._idle.append(DecoderProcess(self._limits))

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        try:
            with self._slot():
                return _summary(self._probe(file, options))
        except Invalid as error:
            if error.reason in OF_THE_PROBE:
                return None
            raise
        except (MurmurError, OSError) as error:  # also of the store: whoever reads the file next finds out
            log.debug("probe.skipped", error=error)
            return None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._free.acquire(timeout=READY_WITHIN_S):
            raise _Skipped("all processes are busy")
        try:
            if self._budget.is_paused:
                raise _Skipped("probing is paused, since files before were slow to probe")
            began_s = self._clock()
            least_s = 0.0
            try:
                yield
            except _CutOff:
                least_s = PROBED_WITHIN_S
                raise
            finally:
                self._budget.spend(max(least_s, self._clock() - began_s))
        finally:
            self._free.release()

    def _probe(self, file: BinaryIO, options: SlicingOptions) -> MediaInfo:
        with self._child() as child:
            until_s = self._clock() + PROBED_WITHIN_S

            def check(progress: Progress) -> None:
                if progress.is_slow or self._clock() > until_s:  # intake reads one file after the other: all others wait
                    raise _CutOff("it takes too long")

            decode = DecodeOptions(self._max_audio_s, options.track, options.raw_format)
            return Decoding(child, _Bounded(file), decode, check, self._limits).probe()

    @contextmanager
    def _child(self) -> Iterator[DecoderProcess]:
        """A process that is ready. It is kept unless it is in the middle of a file; then the next one starts at once."""
        child = self._taken()
        is_reusable = False
        try:
            if not child.is_ready(READY_WITHIN_S):
                is_reusable = True
                raise _Skipped("the process is still starting")
            yield child
            is_reusable = not child.should_retire()
        except Invalid as error:
            is_reusable = error.reason not in OF_THE_PROBE and not child.should_retire()
            raise
        finally:
            self._give_back(child, is_reusable=is_reusable)

    def _taken(self) -> DecoderProcess:
        with self._lock:
            self._idle.sort(key=lambda child: child.enforced is not None)  # the last one has started, if one has
            while self._idle:
                child = self._idle.pop()
                if child.is_running:
                    return child
                child.close()
            return DecoderProcess(self._limits)

    def _give_back(self, child: DecoderProcess, *, is_reusable: bool) -> None:
        if not is_reusable:
            child.close()
        with self._lock:
            if not self._closed:
                self._idle.append(child if is_reusable else DecoderProcess(self._limits))
                return
        child.close()


class _Bounded:
    """A file of which not much may be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = media_file(file)
        self._left_bytes = READ_MAX_BYTES

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        count = self._file.readinto(buffer) or 0
        self._count(count)
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def _count(self, read_bytes: int) -> None:
        self._left_bytes -= read_bytes
        if self._left_bytes < 0:
            raise _Skipped(f"more than {READ_MAX_BYTES} bytes would have to be read")


def _summary(info: MediaInfo) -> ProbedAudio:
    tracks = tuple(AudioTrack(**asdict(track)) for track in info.tracks)
    return ProbedAudio(container=info.container, codec=info.codec, duration_s=info.declared_duration_s, tracks=tracks)


if TYPE_CHECKING:
    from runtime.probe import Probe

    _: Probe = Prober(Limits(), 1.0)
