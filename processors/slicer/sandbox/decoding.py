"""One file in one decoder process: serves the reads of the child from the file, passes on its samples, limits its work.

Made by `pool`. Nothing that the child sends is trusted: sizes, numbers and texts are checked, and a violation of the protocol
counts as a crash.
"""

import io
import time
from collections.abc import Iterator
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from processors.slicer.audio import Check, DecodeOptions, DecoderUsage, MediaFile, Progress, Samples
from processors.slicer.media_info import MediaInfo
from processors.slicer.sandbox.frames import Ended, Kind, Message, Refusal, Request, count_of, json_of, read_count, read_range
from processors.slicer.sandbox.memory import AREA_SAMPLES
from processors.slicer.sandbox.process import CHECK_EVERY_S, DecoderDied, DecoderProcess, Limits, protocol
from runtime.errors import Invalid
from schemas.sound import SAMPLE_RATE_HZ

SILENT_S = 120.0  # without a message and without using CPU time: it hangs
Sent = TypeVar("Sent")
_INFO, _ENDED, _REFUSAL = TypeAdapter(MediaInfo), TypeAdapter(Ended), TypeAdapter(Refusal)
_PART_BYTES = 256 << 10  # read at once: `check` is called in between, and a part is hashed while it is in the CPU's cache


class Decoding:
    """Implements `audio.OpenAudio` once `begin()` has returned. A child whose file was not read to its end cannot be reused."""

    def __init__(self, child: DecoderProcess, file: MediaFile, options: DecodeOptions, check: Check, limits: Limits) -> None:
        self.child = child
        self._file = file
        self._options = options
        self._check = check
        self._limits = limits
        self._max_samples = int(options.max_audio_s * SAMPLE_RATE_HZ)
        self._samples = 0
        self._areas = 0  # that were copied
        self._began_cpu_s = 0.0
        self._checked_s = 0.0
        self._info: MediaInfo | None = None
        self.usage: DecoderUsage | None = None
        self.is_answered = False  # before that, the child has had no byte of the file: its end has another cause
        self.is_complete = False  # the child is ready for its next file

    def probe(self) -> MediaInfo:
        """Blocks until the file has been opened; instead of `begin()`. Raises what that raises."""
        self.child.wait_ready(self._check)
        self._request(probe=True)
        kind, payload = self._next()
        if kind is not Kind.ENDED:
            raise DecoderDied("the decoder process sent samples of a file that it had only to open")
        self.is_complete = True
        return _valid(_ENDED, payload).info

    def begin(self) -> None:
        """Blocks until the first samples. `check` is called every CHECK_EVERY_S from now until the last sample. Raises
        Invalid, DecoderDied, what `check` raises and what reading the file raises."""
        self.child.wait_ready(self._check)
        self.child.reset_peak_memory()
        self._request(probe=False)
        kind, payload = self._next()
        if kind is not Kind.OPENED:
            raise DecoderDied("the decoder process sent samples before the file was opened")
        self._info = _valid(_INFO, payload)

    def _request(self, *, probe: bool) -> None:
        self._began_cpu_s, self._checked_s = self.child.cpu_s(), time.monotonic()
        request = Request(size_bytes=self._file.seek(0, io.SEEK_END), options=self._options, probe=probe)
        self.child.send(Kind.OPEN, json_of(request))

    @property
    def info(self) -> MediaInfo:
        assert self._info is not None
        return self._info

    def blocks(self) -> Iterator[Samples]:
        while True:
            kind, payload = self._next()
            if kind is Kind.ENDED:
                ended = _valid(_ENDED, payload)
                self._info, self.usage = ended.info, DecoderUsage(ended.cpu_s, self.child.peak_memory_bytes())
                self.is_complete = True
                return
            if kind is not Kind.SAMPLES:
                raise DecoderDied("the decoder process sent something other than samples")
            for block in self._take(payload):
                self._samples += len(block)
                if self._samples > self._max_samples:
                    raise Invalid("too_long", "more samples than the limit")  # a correct child reports this itself
                yield block

    def _take(self, payload: memoryview) -> list[Samples]:
        with protocol():
            blocks = self.child.memory.copied(self._areas, read_count(payload, AREA_SAMPLES))
        self._areas += 1
        self.child.send(Kind.TAKEN)
        return blocks

    def _next(self) -> Message:
        """The next message that is not a READ; those are served."""
        last_message_s = time.monotonic()
        while True:
            message = self.child.receive(CHECK_EVERY_S)
            if message is None:
                self._check_work(time.monotonic() - last_message_s)
                continue
            self.is_answered = True
            last_message_s = self._check_regularly()
            kind, payload = message
            match kind:
                case Kind.READ:
                    self._serve(payload)
                case Kind.FAILED:
                    self.is_complete = True
                    refusal = _valid(_REFUSAL, payload)
                    raise Invalid(refusal.reason, refusal.message)
                case Kind.BROKEN:
                    raise DecoderDied(f"the decoder failed:\n{bytes(payload).decode(errors='replace')}")
                case _:
                    return message

    def _serve(self, payload: memoryview) -> None:
        with protocol():
            offset, size = read_range(payload)
        self._file.seek(offset)
        memory, count = self.child.memory.file[:size], 0
        while read := self._file.readinto(memory[count : count + _PART_BYTES]):
            count += read
            self._check_regularly()
        self.child.send(Kind.DATA, count_of(count))

    def _check_regularly(self) -> float:
        """At most every CHECK_EVERY_S. Returns the time."""
        now_s = time.monotonic()
        if now_s - self._checked_s >= CHECK_EVERY_S:
            self._check_work(0.0)
        return now_s

    def _check_work(self, silent_s: float) -> None:
        self._checked_s = time.monotonic()
        used_s = self.child.cpu_s() - self._began_cpu_s
        decoded_s = self._samples / SAMPLE_RATE_HZ
        progress = Progress(decoded_s, used_s)
        if progress.is_slow:
            self.child.yield_to_others()
        self._check(progress)
        if used_s > self._limits.allowed_cpu_s(decoded_s):
            raise Invalid("too_slow", f"decoding was given up after {used_s:.0f} s of CPU time, after {decoded_s:.0f} s of audio")
        if silent_s > SILENT_S:
            raise Invalid("too_slow", f"the decoder sent nothing for {silent_s:.0f} s")


def _valid(kind: TypeAdapter[Sent], payload: memoryview) -> Sent:
    try:
        return kind.validate_json(bytes(payload))
    except ValidationError as error:
        raise DecoderDied("the decoder process sent a message that is not valid") from error
