"""The program of a decoder process: confines itself, then decodes one file after another until its standard input ends.

Fed by `process` through standard input; answers on standard output. The bytes of a file are requested as FFmpeg reads them. They
and the samples are in shared memory.
Started as `python -I -m processors.slicer.sandbox.child MEMORY_BYTES MEMORY_FD` with an empty environment.
"""

import contextlib
import gc
import io
import os
import sys
import time
import traceback
import wave

from processors.slicer.audio import BLOCK_SAMPLES, DecodeOptions, Samples
from processors.slicer.decode import open_audio, probe
from processors.slicer.media_info import MediaInfo
from processors.slicer.sandbox.confinement import confine
from processors.slicer.sandbox.frames import (
    MESSAGE_MAX_CHARACTERS,
    Ended,
    Kind,
    Receiver,
    Refusal,
    Request,
    count_of,
    json_of,
    range_of,
    read_count,
    read_request,
    send,
)
from processors.slicer.sandbox.memory import AREA_SAMPLES, AREAS, FILE_BYTES, SharedMemory
from runtime.errors import Invalid
from schemas.sound import SAMPLE_RATE_HZ

IN, OUT = 0, 1
SMALLEST_READ_BYTES = 32 << 10
FIRST_SAMPLES = 4 * BLOCK_SAMPLES  # of a file; more with every message, so that the slicer can begin early
DESCRIPTORS = 1024  # more than the interpreter and its libraries have open


class Exchange:
    """The child's side of one file: requests its bytes, hands over its samples. Ends the process when the slicer has ended, or no
    longer needs the file."""

    def __init__(self, receiver: Receiver, memory: SharedMemory) -> None:
        self._receiver = receiver
        self._memory = memory
        self._area = 0  # the one that is being filled
        self._count = 0  # samples in it
        self._taken = 0  # areas that are free again
        self._most = FIRST_SAMPLES  # in one message

    def fetch(self, offset: int, size: int) -> memoryview:
        """Valid until the next call."""
        send(OUT, Kind.READ, range_of(offset, size))
        return self._memory.file[: read_count(self._wait_for(Kind.DATA), size)]

    def give(self, block: Samples) -> None:
        while self._area - self._taken >= AREAS:
            self._wait_for(Kind.TAKEN)
        self._memory.put(self._area, self._count, block)
        self._count += len(block)
        if self._count + BLOCK_SAMPLES > self._most:
            self.flush()
            self._most = min(2 * self._most, AREA_SAMPLES)

    def flush(self) -> None:
        """Hands over what was given."""
        if self._count:
            send(OUT, Kind.SAMPLES, count_of(self._count))
            self._area, self._count = self._area + 1, 0

    def _wait_for(self, wanted: Kind) -> memoryview:
        while (message := self._receiver.next()) is not None:
            kind, payload = message
            if kind is Kind.TAKEN:
                self._taken += 1
            if kind is wanted:
                return payload
        sys.exit(0)


class RemoteFile:
    """A file whose bytes the slicer serves. Implements `audio.Seekable`. Reads ahead, in larger blocks while it reads in
    order."""

    def __init__(self, exchange: Exchange, size_bytes: int) -> None:
        self._exchange = exchange
        self._size = size_bytes
        self._at = 0
        self._buffer = memoryview(b"")
        self._begin = 0  # of the buffer in the file
        self._ahead = SMALLEST_READ_BYTES

    def read(self, size: int, /) -> bytes:
        if not self._begin <= self._at < self._begin + len(self._buffer):
            in_order = self._at == self._begin + len(self._buffer)
            self._ahead = min(2 * self._ahead, FILE_BYTES) if in_order else SMALLEST_READ_BYTES
            self._fetch(min(max(size, self._ahead), FILE_BYTES, self._size - self._at))
        begin = self._at - self._begin
        data = bytes(self._buffer[begin : begin + size])
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def _fetch(self, size: int) -> None:
        self._begin = self._at
        self._buffer = self._exchange.fetch(self._at, size) if size > 0 else memoryview(b"")


def main(memory_bytes: int, memory_fd: int) -> None:
    """Runs until standard input ends."""
    memory = SharedMemory(memory_fd)
    os.closerange(3, DESCRIPTORS)  # mappings need none
    _warm_up()
    gc.freeze()
    enforced = confine(memory_bytes)
    send(OUT, Kind.READY, ",".join(enforced).encode())
    receiver = Receiver(IN)
    while (message := receiver.next()) is not None:
        if message[0] is Kind.OPEN:
            _decode(Exchange(receiver, memory), read_request(message[1]))


def _decode(exchange: Exchange, request: Request) -> None:
    began_s = time.process_time()
    file = RemoteFile(exchange, request.size_bytes)
    try:
        info = probe(file, request.options) if request.probe else _give_samples(exchange, file, request.options)
        send(OUT, Kind.ENDED, json_of(Ended(info, cpu_s=time.process_time() - began_s)))
    except Invalid as error:
        _refuse(error.reason, str(error))
    except MemoryError:
        _refuse("too_much_memory", "decoding the file needs more memory than the limit for one file")
    except Exception:
        send(OUT, Kind.BROKEN, traceback.format_exc().encode()[-4000:])


def _give_samples(exchange: Exchange, file: RemoteFile, options: DecodeOptions) -> MediaInfo:
    with open_audio(file, options) as audio:
        send(OUT, Kind.OPENED, json_of(audio.info))
        for block in audio.blocks():
            exchange.give(block)
        exchange.flush()
        return audio.info


def _refuse(reason: str, message: str) -> None:
    send(OUT, Kind.FAILED, json_of(Refusal(reason, message[:MESSAGE_MAX_CHARACTERS])))


def _warm_up() -> None:
    """Loads everything that is loaded at first use: after the confinement nothing can be opened."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 44_100, 0, "NONE", "NONE"))
        writer.writeframes(bytes(4 * 44_100))
    file.seek(0)
    with open_audio(file, DecodeOptions(max_audio_s=10, highpass=True)) as audio:
        samples = sum(map(len, audio.blocks()))
        assert samples == SAMPLE_RATE_HZ
        json_of(Ended(audio.info, time.process_time()))
    with contextlib.suppress(Invalid), open_audio(io.BytesIO(b"no audio"), DecodeOptions(max_audio_s=10)):
        pass
    try:
        raise LookupError("loads the code that formats a traceback")
    except LookupError:
        traceback.format_exc()
    read_request(memoryview(json_of(Request(size_bytes=0, options=DecodeOptions(max_audio_s=1)))))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except BrokenPipeError:
        os._exit(0)
