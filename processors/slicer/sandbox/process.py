"""The slicer's side of one decoder process: starts it, sends it a file, monitors it, ends it.

Fed by `pool`; serves the reads of the child from the file, and passes on its samples. For one thread at a time. Nothing that the
child sends is trusted: sizes, numbers and texts are checked, and a violation of the protocol counts as a crash.
"""

import contextlib
import fcntl
import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psutil
from pydantic import ValidationError

from processors.slicer.audio import BLOCK_SAMPLES, Check, DecodeOptions, Progress, Samples, Seekable
from processors.slicer.sandbox.frames import Kind, Message, ProtocolError, Receiver, Refusal, Request, read_range, send
from runtime import metrics
from runtime.errors import Invalid, MurmurError
from schemas.work import SAMPLE_RATE_HZ, AudioInfo

CHECK_EVERY_S = 0.25  # how soon a cancel and an exceeded limit are noticed
START_S = 60.0  # imports on a busy machine; half a second on a quiet one
UNREAD_S = 30.0  # with bytes that it asked for left in the pipe
SILENT_S = 120.0  # without a message and without using CPU time: it hangs
RETIRE_AFTER_CPU_S = 600.0  # a child that has used that much is not reused
RETIRE_ABOVE_BYTES = 160 << 20  # nor one that has not freed the memory a file needed; it starts with about half
_PIPE_BYTES = 1 << 20  # half a minute of samples; the kernel's usual limit for a pipe


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one file. CPU time: `cpu_s`, and `cpu_s_per_s` more for each decoded second."""

    memory_bytes: int = 1 << 30
    cpu_s: float = 10.0
    cpu_s_per_s: float = 0.5

    def allowed_cpu_s(self, decoded_s: float) -> float:
        return self.cpu_s + self.cpu_s_per_s * decoded_s


class DecoderDied(MurmurError):
    """The child ended in the middle of a file, or violated the protocol."""


class DecoderProcess:
    """Starts in the background. A child whose file was not read to its end cannot be reused: close it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        command = [sys.executable, "-I", "-m", "processors.slicer.sandbox.child", str(limits.memory_bytes)]
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to_child = self._process.stdin.fileno()
        self._from_child = self._process.stdout.fileno()
        if sys.platform == "linux":
            for fd in (self._to_child, self._from_child):
                with contextlib.suppress(OSError):
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._receiver = Receiver(self._from_child)
        self._poll = select.poll()
        self._poll.register(self._from_child, select.POLLIN)
        os.set_blocking(self._to_child, False)
        self._room = select.poll()
        self._room.register(self._to_child, select.POLLOUT)
        self._usage = psutil.Process(self._process.pid)
        self.enforced: tuple[str, ...] | None = None  # once it is ready
        metrics.DECODERS_STARTED.inc()

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_s(self) -> float:
        """All CPU time that it has used. Raises DecoderDied."""
        try:
            times = self._usage.cpu_times()
        except psutil.Error as error:
            raise DecoderDied(self._how_it_ended()) from error
        return float(times.user + times.system)

    def wait_ready(self, check: Check) -> None:
        """Blocks until the child is confined. Raises DecoderDied, and what `check` raises."""
        if self.enforced is not None:
            return
        until_s = time.monotonic() + START_S
        while (message := self.receive(CHECK_EVERY_S)) is None:
            check(Progress())
            if time.monotonic() > until_s:
                raise DecoderDied(f"the decoder process was not ready after {START_S:.0f} s")
        if message[0] is not Kind.READY:
            raise DecoderDied("the decoder process sent something other than READY first")
        self.enforced = tuple(bytes(message[1]).decode(errors="replace").split(","))

    def open(self, file: Seekable, options: DecodeOptions, check: Check) -> "Decoding":
        """Starts decoding a file. `check` is called every quarter of a second until its last sample, and may raise."""
        self.wait_ready(check)
        size_bytes = file.seek(0, io.SEEK_END)
        request = Request(
            size_bytes=size_bytes, max_audio_s=options.max_audio_s, track=options.track, raw_format=options.raw_format
        )
        self.send(Kind.OPEN, request.model_dump_json().encode())
        return Decoding(self, file, options, check, self._limits)

    def send(self, kind: Kind, payload: bytes) -> None:
        """Raises DecoderDied."""
        try:
            send(self._to_child, kind, payload, self._wait_for_room)
        except OSError as error:
            raise DecoderDied(self._how_it_ended()) from error

    def _wait_for_room(self) -> None:
        """A child that asks for bytes reads them at once; one that has been taken over need not."""
        if not self._room.poll(UNREAD_S * 1000):
            raise DecoderDied(f"the decoder process did not read what it asked for within {UNREAD_S:.0f} s")

    def receive(self, timeout_s: float) -> Message | None:
        """The next message; None when there is none within that time. Raises DecoderDied."""
        try:
            message = self._receiver.take()
            if message is None and self._poll.poll(timeout_s * 1000):
                if not self._receiver.fill():
                    raise DecoderDied(self._how_it_ended())
                message = self._receiver.take()
        except ProtocolError as error:
            raise DecoderDied(f"the decoder process sent {error}") from error
        return message

    def should_retire(self) -> bool:
        """It has used so much CPU time or memory that a new one should replace it, or it has ended."""
        if self._process.poll() is not None:
            return True
        return self.cpu_s() > RETIRE_AFTER_CPU_S or self._usage.memory_info().rss > RETIRE_ABOVE_BYTES

    def close(self) -> None:
        """Kills it. Idempotent, finished on return."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the decoder process closed its output"
        if code < 0:
            return f"the decoder process was ended by {signal.Signals(-code).name}"
        return f"the decoder process ended with exit code {code}"


class Decoding:
    """One file in one child. Implements `audio.OpenAudio` once `begin()` has returned."""

    def __init__(self, child: DecoderProcess, file: Seekable, options: DecodeOptions, check: Check, limits: Limits) -> None:
        self._child = child
        self._file = file
        self._check = check
        self._limits = limits
        self._max_samples = int(options.max_audio_s * SAMPLE_RATE_HZ)
        self._samples = 0
        self._began_cpu_s = child.cpu_s()
        self._checked_s = time.monotonic()
        self._info: AudioInfo | None = None
        self.is_complete = False  # the child is ready for its next file

    def begin(self) -> None:
        """Blocks until the first samples. Raises Invalid, DecoderDied, what `check` raises and what reading the file raises."""
        kind, payload = self._next()
        if kind is not Kind.OPENED:
            raise DecoderDied("the decoder process sent samples before the file was opened")
        self._info = self._audio_info(payload)

    @property
    def info(self) -> AudioInfo:
        assert self._info is not None
        return self._info

    def blocks(self) -> Iterator[Samples]:
        while True:
            kind, payload = self._next()
            if kind is Kind.ENDED:
                self._info = self._audio_info(payload)
                self.is_complete = True
                return
            if kind is not Kind.BLOCK or len(payload) % 2 or len(payload) > 2 * BLOCK_SAMPLES:
                raise DecoderDied("the decoder process sent something other than a block of samples")
            block = np.frombuffer(payload, np.int16).copy()
            self._samples += len(block)
            if self._samples > self._max_samples:
                raise Invalid("too_long", "more samples than the limit")  # a correct child reports this itself
            yield block

    def _next(self) -> Message:
        """The next message that is not a READ; those are served."""
        last_message_s = time.monotonic()
        while True:
            message = self._child.receive(CHECK_EVERY_S)
            now_s = time.monotonic()
            if message is None or now_s - self._checked_s >= CHECK_EVERY_S:
                self._checked_s = now_s
                self._check_work(now_s - last_message_s if message is None else 0.0)
            if message is None:
                continue
            last_message_s = now_s
            kind, payload = message
            match kind:
                case Kind.READ:
                    self._serve(payload)
                case Kind.FAILED:
                    self.is_complete = True
                    raise self._invalid(payload)
                case Kind.BROKEN:
                    raise DecoderDied(f"the decoder failed:\n{bytes(payload).decode(errors='replace')}")
                case _:
                    return message

    def _check_work(self, silent_s: float) -> None:
        used_s = self._child.cpu_s() - self._began_cpu_s
        decoded_s = self._samples / SAMPLE_RATE_HZ
        self._check(Progress(decoded_s, used_s))
        if used_s > self._limits.allowed_cpu_s(decoded_s):
            raise Invalid("too_slow", f"decoding was given up after {used_s:.0f} s of CPU time, after {decoded_s:.0f} s of audio")
        if silent_s > SILENT_S:
            raise Invalid("too_slow", f"the decoder sent nothing for {silent_s:.0f} s")

    def _serve(self, payload: memoryview) -> None:
        try:
            offset, size = read_range(payload)
        except ProtocolError as error:
            raise DecoderDied(f"the decoder process sent {error}") from error
        self._file.seek(offset)
        parts, missing = [], size
        while missing and (part := self._file.read(missing)):
            parts.append(part)
            missing -= len(part)
        self._child.send(Kind.DATA, b"".join(parts))

    def _audio_info(self, payload: memoryview) -> AudioInfo:
        try:
            return AudioInfo.model_validate_json(bytes(payload))
        except ValidationError as error:
            raise DecoderDied("the decoder process sent a description of the file that is not valid") from error

    def _invalid(self, payload: memoryview) -> Invalid:
        try:
            refusal = Refusal.model_validate_json(bytes(payload))
        except ValidationError as error:
            raise DecoderDied("the decoder process sent a refusal that is not valid") from error
        return Invalid(refusal.reason, refusal.message)
