"""The program of a decoder process: confines itself, then decodes one file after another until its standard input ends.

Fed by `process` through standard input; answers on standard output. The bytes of a file are requested as FFmpeg reads them.
Started as `python -I -m processors.slicer.sandbox.child MEMORY_BYTES` with an empty environment.
"""

import contextlib
import gc
import io
import os
import sys
import traceback
import wave

from processors.slicer.audio import DecodeOptions
from processors.slicer.decode import open_audio
from processors.slicer.sandbox.confinement import confine
from processors.slicer.sandbox.frames import Kind, Receiver, Refusal, Request, range_of, send
from runtime.errors import Invalid
from schemas.work import SAMPLE_RATE_HZ

IN, OUT = 0, 1
SMALLEST_READ_BYTES, LARGEST_READ_BYTES = 32 << 10, 1 << 20


class RemoteFile:
    """A file whose bytes the slicer serves. Implements `audio.Seekable`. Reads ahead, in larger blocks while it reads in
    order."""

    def __init__(self, receiver: Receiver, size_bytes: int) -> None:
        self._receiver = receiver
        self._size = size_bytes
        self._at = 0
        self._buffer = memoryview(b"")
        self._begin = 0  # of the buffer in the file
        self._ahead = SMALLEST_READ_BYTES

    def read(self, size: int, /) -> bytes:
        if not self._begin <= self._at < self._begin + len(self._buffer):
            in_order = self._at == self._begin + len(self._buffer)
            self._ahead = min(2 * self._ahead, LARGEST_READ_BYTES) if in_order else SMALLEST_READ_BYTES
            self._fetch(min(max(size, self._ahead), LARGEST_READ_BYTES, self._size - self._at))
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
        self._begin, self._buffer = self._at, memoryview(b"")
        if size <= 0:
            return
        send(OUT, Kind.READ, range_of(self._at, size))
        message = self._receiver.next()
        if message is None or message[0] is not Kind.DATA:
            sys.exit(0)  # the slicer has ended, or no longer needs this file
        self._buffer = message[1]


def main(memory_bytes: int) -> None:
    """Runs until standard input ends."""
    _warm_up()
    gc.freeze()
    enforced = confine(memory_bytes)
    send(OUT, Kind.READY, ",".join(enforced).encode())
    receiver = Receiver(IN)
    while (message := receiver.next()) is not None:
        if message[0] is Kind.OPEN:
            _decode(receiver, Request.model_validate_json(bytes(message[1])))


def _decode(receiver: Receiver, request: Request) -> None:
    options = DecodeOptions(request.max_audio_s, request.track, request.raw_format)
    try:
        with open_audio(RemoteFile(receiver, request.size_bytes), options) as audio:
            send(OUT, Kind.OPENED, audio.info.model_dump_json().encode())
            for block in audio.blocks():
                send(OUT, Kind.BLOCK, block.data)
            ended = audio.info
        send(OUT, Kind.ENDED, ended.model_dump_json().encode())
    except Invalid as error:
        _refuse(error.reason, str(error))
    except MemoryError:
        _refuse("too_much_memory", "decoding the file needs more memory than the limit for one file")
    except Exception:
        send(OUT, Kind.BROKEN, traceback.format_exc().encode()[-4000:])


def _refuse(reason: str, message: str) -> None:
    send(OUT, Kind.FAILED, Refusal(reason=reason, message=message[:20_000]).model_dump_json().encode())


def _warm_up() -> None:
    """Loads everything that is loaded at first use: after the confinement nothing can be opened."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 44_100, 0, "NONE", "NONE"))
        writer.writeframes(bytes(4 * 44_100))
    file.seek(0)
    with open_audio(file, DecodeOptions(max_audio_s=10)) as audio:
        samples = sum(map(len, audio.blocks()))
        assert samples == SAMPLE_RATE_HZ
        audio.info.model_dump_json()
    with contextlib.suppress(Invalid), open_audio(io.BytesIO(b"no audio"), DecodeOptions(max_audio_s=10)):
        pass
    try:
        raise LookupError("loads the code that formats a traceback")
    except LookupError:
        traceback.format_exc()
    Refusal.model_validate_json(Refusal(reason="warm", message="up").model_dump_json())
    Request.model_validate_json(Request(size_bytes=0, max_audio_s=1, raw_format="gsm").model_dump_json())


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except BrokenPipeError:
        os._exit(0)
