"""The slicer's side of one decoder process: starts it, exchanges messages with it, ends it.

Used by `pool`, and by `decoding` for each file. For one thread at a time.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from processors.slicer.audio import Check, Progress
from processors.slicer.sandbox.frames import Kind, Message, ProtocolError, Receiver, send
from processors.slicer.sandbox.memory import SharedMemory, allocated
from runtime import metrics
from runtime.errors import MurmurError

CHECK_EVERY_S = 0.05  # while it works, and while waiting for it; a check takes 0.1 ms
START_S = 60.0  # imports on a busy machine; half a second on a quiet one
UNREAD_S = 30.0  # with bytes that it asked for left in the pipe
YIELDING_NICE = 5  # a third of the CPU time of others, where they compete
RETIRE_AFTER_CPU_S = 600.0  # a child that has used that much is not reused
RETIRE_ABOVE_BYTES = 160 << 20  # nor one that has not freed the memory a file needed; it starts with about half


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one file. CPU time: `cpu_s`, and `cpu_s_per_s` more for each decoded second."""

    memory_bytes: int = 384 << 20
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
        with allocated() as memory_fd:
            self.memory = SharedMemory(memory_fd)
            self._process = _started(limits.memory_bytes, memory_fd)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to_child = self._process.stdin.fileno()
        self._from_child = self._process.stdout.fileno()
        self._receiver = Receiver(self._from_child)
        self._poll = select.poll()
        self._poll.register(self._from_child, select.POLLIN)
        os.set_blocking(self._to_child, False)
        self._room = select.poll()
        self._room.register(self._to_child, select.POLLOUT)
        self._usage = psutil.Process(self._process.pid)
        self.enforced: tuple[str, ...] | None = None  # once it is ready
        self._yields = False
        metrics.DECODERS_STARTED.inc()

    @property
    def pid(self) -> int:
        return self._process.pid

    def reset_peak_memory(self) -> None:
        """`peak_memory_bytes` counts from now on. On Linux; elsewhere it is what the child has in memory."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_memory_bytes(self) -> int:
        """Raises DecoderDied."""
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
        return self._memory_bytes()

    def _memory_bytes(self) -> int:
        try:
            return int(self._usage.memory_info().rss)
        except psutil.Error as error:
            raise DecoderDied(self.how_it_ended()) from error

    def cpu_s(self) -> float:
        """All CPU time that it has used. Raises DecoderDied."""
        try:
            times = self._usage.cpu_times()
        except psutil.Error as error:
            raise DecoderDied(self.how_it_ended()) from error
        return float(times.user + times.system)

    def yield_to_others(self) -> None:
        """It works on a file that is slow to decode: others go first. Not to be taken back, so that it is not reused."""
        if not self._yields:
            self._yields = True
            with contextlib.suppress(OSError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, self.pid, os.getpriority(os.PRIO_PROCESS, self.pid) + YIELDING_NICE)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def is_ready(self, within_s: float) -> bool:
        """Whether the child is confined; blocks for that long at most. Raises DecoderDied."""
        if self.enforced is None and (message := self.receive(within_s)) is not None:
            if message[0] is not Kind.READY:
                raise DecoderDied("the decoder process sent something other than READY first")
            self.enforced = tuple(bytes(message[1]).decode(errors="replace").split(","))
        return self.enforced is not None

    def wait_ready(self, check: Check) -> None:
        """Blocks until the child is confined. Raises DecoderDied, and what `check` raises."""
        until_s = time.monotonic() + START_S
        while not self.is_ready(CHECK_EVERY_S):
            check(Progress())
            if time.monotonic() > until_s:
                raise DecoderDied(f"the decoder process was not ready after {START_S:.0f} s")

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Raises DecoderDied."""
        try:
            send(self._to_child, kind, payload, self._wait_for_room)
        except OSError as error:
            raise DecoderDied(self.how_it_ended()) from error

    def _wait_for_room(self) -> None:
        """A child that asks for bytes reads them at once; one that has been taken over need not."""
        if not self._room.poll(UNREAD_S * 1000):
            raise DecoderDied(f"the decoder process did not read what it asked for within {UNREAD_S:.0f} s")

    def receive(self, timeout_s: float) -> Message | None:
        """The next message; None when there is none within that time. Raises DecoderDied."""
        with protocol():
            message = self._receiver.take()
            if message is None and self._poll.poll(timeout_s * 1000):
                if not self._receiver.fill():
                    raise DecoderDied(self.how_it_ended())
                message = self._receiver.take()
        return message

    def should_retire(self) -> bool:
        """It has used so much CPU time or memory that a new one should replace it, or its priority is low, or it has ended."""
        try:
            return self._yields or self.cpu_s() > RETIRE_AFTER_CPU_S or self._memory_bytes() > RETIRE_ABOVE_BYTES
        except DecoderDied:
            return True

    def close(self) -> None:
        """Kills it. Idempotent, finished on return."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self.memory.close()

    def how_it_ended(self) -> str:
        """Of a child that has ended, or is about to."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the decoder process closed its output"
        if code < 0:
            return f"the decoder process was ended by {signal.Signals(-code).name}"
        return f"the decoder process ended with exit code {code}"


def _started(memory_bytes: int, memory_fd: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "processors.slicer.sandbox.child", str(memory_bytes), str(memory_fd)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OPENBLAS_NUM_THREADS": "1"},
        cwd="/",
        pass_fds=(memory_fd,),
    )


@contextmanager
def protocol() -> Iterator[None]:
    """A violation of the protocol counts as a crash."""
    try:
        yield
    except ProtocolError as error:
        raise DecoderDied(f"the decoder process sent {error}") from error
