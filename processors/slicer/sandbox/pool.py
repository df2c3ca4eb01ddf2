"""The decoder processes of a slicer: kept warm, used again, replaced when something went wrong with one. Implements `Decoder`.

Used by `slicing`, from many threads. One child works on one file at a time, so that only that file is blamed for its death.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from processors.slicer.audio import DecodeOptions, OpenAudio, Seekable, nothing_to_check
from processors.slicer.sandbox.process import DecoderProcess, Limits
from runtime.errors import Invalid

log = logging.getLogger(__name__)
KEPT_IDLE = 4  # more than that is not needed again soon


class Decoders:
    """`start()` warms one up, which is never required; `close()` is idempotent and ends all that are idle."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[DecoderProcess] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Begins to start a child, and does not wait for it."""
        with self._lock:
            if not self._idle and not self._closed:
                self._idle.append(DecoderProcess(self._limits))

    @contextmanager
    def __call__(
        self, file: Seekable, options: DecodeOptions, check: Callable[[], None] = nothing_to_check
    ) -> Iterator[OpenAudio]:
        """See `audio.Decoder`. Raises DecoderDied, too: the slicer itself is well then, and the file may be tried again."""
        file.seek(0)
        if not file.read(1):
            raise Invalid("empty", "the file is empty")
        child = self._take()
        decoding = None
        try:
            decoding = child.open(file, options, check)
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
        for child in idle:
            child.close()

    def trim(self) -> None:
        """Ends all idle children but one. For a slicer that has had nothing to do for a while."""
        with self._lock:
            surplus, self._idle = self._idle[1:], self._idle[:1]
        for child in surplus:
            child.close()

    def _take(self) -> DecoderProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return DecoderProcess(self._limits)

    def _give_back(self, child: DecoderProcess) -> None:
        spent = child.is_spent()
        with self._lock:
            keep = not spent and not self._closed and len(self._idle) < KEPT_IDLE
            if keep:
                self._idle.append(child)
        if not keep:
            child.close()


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = Decoders(Limits())
