"""The decoder processes of a slicer: kept warm, reused, replaced when one has failed. Implements `Decoder`.

Used by `slicing`, from many threads. One child works on one file at a time, so that its crash can be attributed to that file.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from processors.slicer.audio import Check, DecodeOptions, OpenAudio, Seekable, no_check
from processors.slicer.sandbox.process import DecoderProcess, Limits
from runtime.errors import Invalid
from runtime.logs import get_logger

log = get_logger(__name__)
KEPT_IDLE = 4  # more than that are not needed again soon
IDLE_S = 60.0  # a child that was not needed for that long is ended


class _Idle(NamedTuple):
    child: DecoderProcess
    since_s: float


class Decoders:
    """`start()` warms one up, which is never required; `close()` is idempotent and ends all that are idle."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[_Idle] = []  # the one that was used last is taken next
        self._lock = threading.Lock()
        self._closed = False
        self._reported = False

    def start(self) -> None:
        """Starts a child, and does not wait until it is ready."""
        with self._lock:
            if not self._idle and not self._closed:
                self._idle.append(_Idle(DecoderProcess(self._limits), time.monotonic()))

    @contextmanager
    def __call__(self, file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
        """See `audio.Decoder`. Also raises DecoderDied: the slicer itself is not affected, and the file may be tried again."""
        file.seek(0)
        if not file.read(1):
            raise Invalid("empty", "the file is empty")
        child = self._take()
        decoding = None
        try:
            decoding = child.open(file, options, check)
            self._report(child)
            decoding.begin()
            yield decoding
        finally:
            if decoding is not None and decoding.is_complete:
                self._give_back(child)
            else:
                child.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.child.close()

    def trim(self) -> None:
        """For a slicer that has nothing to do: ends the children that have been idle for a minute, except one."""
        until_s = time.monotonic() - IDLE_S
        with self._lock:
            surplus = [idle for idle in self._idle[:-1] if idle.since_s < until_s]
            self._idle = [idle for idle in self._idle if idle not in surplus]
        for idle in surplus:
            idle.child.close()

    def _report(self, child: DecoderProcess) -> None:
        """Logs once if something is not enforced that could be."""
        if sys.platform == "linux" and not self._reported and "seccomp" not in (child.enforced or ()):
            self._reported = True
            log.warning("decoder.limited", hint="install libseccomp (Debian: libseccomp2); see docs/security.md")

    def _take(self) -> DecoderProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop().child
        return DecoderProcess(self._limits)

    def _give_back(self, child: DecoderProcess) -> None:
        worn = child.should_retire()
        with self._lock:
            keep = not worn and not self._closed and len(self._idle) < KEPT_IDLE
            if keep:
                self._idle.append(_Idle(child, time.monotonic()))
        if not keep:
            child.close()


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = Decoders(Limits())
