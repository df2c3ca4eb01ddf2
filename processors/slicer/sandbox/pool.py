"""The decoder processes of a slicer: kept warm, reused, replaced when one has failed. Implements `Decoder`.

Used by `slicing`, from many threads. One child works on one file at a time, so that its crash can be attributed to that file.
"""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from processors.slicer.audio import Check, DecodeOptions, MediaFile, OpenAudio, Progress, no_check
from processors.slicer.sandbox.confinement import SECCOMP
from processors.slicer.sandbox.decoding import Decoding
from processors.slicer.sandbox.process import DecoderDied, DecoderProcess, Limits
from runtime.errors import Invalid
from runtime.logs import get_logger

log = get_logger(__name__)
KEPT_IDLE = 4  # more than that are not needed again soon
LOST_MAX = 5  # children in a row that end before they have had a byte of the file
IDLE_S = 60.0  # a child that was not needed for that long is ended
SOON_S = 0.25  # about the start of a child
SPARE_AFTER_CPU_S = 0.05  # most files end before; then a child is started for the next one


class _Idle(NamedTuple):
    child: DecoderProcess
    since_s: float


class Decoders:
    """`start()` warms one up, which is never required; `close()` is idempotent and ends all that are idle."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[_Idle] = []  # the last one is taken next: one that was used, else the first that was started
        self._working = 0  # children that have a file
        self._waiting = 0  # files that have no child yet
        self._changed = threading.Condition()  # guards all of these
        self._closed = False
        self._reported = False

    def start(self) -> None:
        """Starts a child, and does not wait until it is ready."""
        with self._changed:
            if not self._idle and not self._closed:
                self._idle.append(_Idle(DecoderProcess(self._limits), time.monotonic()))

    @contextmanager
    def __call__(self, file: MediaFile, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
        """See `audio.Decoder`. Also raises DecoderDied: the slicer itself is not affected, and the file may be tried again."""
        file.seek(0)
        if not file.read(1):
            raise Invalid("empty", "the file is empty")

        def checked(progress: Progress) -> None:
            if progress.cpu_s > SPARE_AFTER_CPU_S:
                self._prepare()
            check(progress)

        decoding = self._begun(file, options, checked)
        try:
            yield decoding
        finally:
            self._release(decoding)

    def _begun(self, file: MediaFile, options: DecodeOptions, check: Check) -> Decoding:
        """A child that ends before it has had a byte of the file is replaced: that has another cause, such as the OOM killer."""
        lost = 0
        while True:
            decoding = Decoding(self._take(), file, options, check, self._limits)
            try:
                decoding.begin()
            except BaseException as error:
                self._release(decoding)
                lost += 1
                if not isinstance(error, DecoderDied) or decoding.is_answered or lost == LOST_MAX:
                    raise
                log.warning("decoder.lost", error=error)
            else:
                return decoding

    def _prepare(self) -> None:
        """A child for each file that waits, and one for the next: those that work will not be free soon."""
        with self._changed:
            missing = 0 if self._closed else self._waiting + 1 - len(self._idle)
            with suppress(OSError):  # too many processes: the matter of the file that needs one, not of this one
                for _ in range(missing):
                    self._idle.insert(0, _Idle(DecoderProcess(self._limits), time.monotonic()))
            if missing > 0:
                self._changed.notify_all()

    def _release(self, decoding: Decoding) -> None:
        child = decoding.child
        self._report(child.enforced)
        self._give_back(child, is_reusable=decoding.is_complete and not child.should_retire())

    def close(self) -> None:
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.child.close()

    def trim(self) -> None:
        """For a slicer that has nothing to do: ends the children that have been idle for a minute, except one."""
        until_s = time.monotonic() - IDLE_S
        with self._changed:
            surplus = [idle for idle in self._idle[:-1] if idle.since_s < until_s]
            self._idle = [idle for idle in self._idle if idle not in surplus]
        for idle in surplus:
            idle.child.close()

    def _report(self, enforced: Sequence[str] | None) -> None:
        """Logs once if something is not enforced that could be. None: not known yet."""
        if sys.platform == "linux" and not self._reported and enforced is not None and SECCOMP not in enforced:
            self._reported = True
            log.warning("decoder.limited", hint="install libseccomp (Debian: libseccomp2); see docs/security.md")

    def _take(self) -> DecoderProcess:
        """One that is idle, or is so soon: most files end before a new child has started. Else a new one."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._idle or not self._working, SOON_S)
                child = self._idle_child() or DecoderProcess(self._limits)
            finally:
                self._waiting -= 1
            self._working += 1
            return child

    def _idle_child(self) -> DecoderProcess | None:
        """One that is running."""
        while self._idle:
            child = self._idle.pop().child
            if child.is_running:
                return child
            log.warning("decoder.lost", error=child.how_it_ended())
            child.close()
        return None

    def _give_back(self, child: DecoderProcess, *, is_reusable: bool) -> None:
        with self._changed:
            self._working -= 1
            is_kept = is_reusable and not self._closed and len(self._idle) < KEPT_IDLE
            if is_kept:
                self._idle.append(_Idle(child, time.monotonic()))
            self._changed.notify_all()
        if not is_kept:
            child.close()


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = Decoders(Limits())
