"""Samples without a header, 16 kHz mono s16le, as `encode=false` sends them: stored as a WAV file, which every stage can read."""

import struct

from producers.gateway.submission.upload import Content, Incoming

RATE_HZ, SAMPLE_BYTES = 16_000, 2
UNKNOWN_BYTES = 0xFFFFFFFF  # as programs write it that stream: to the end of the file
HEADER = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    *(b"RIFF", UNKNOWN_BYTES, b"WAVE"),
    *(b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES),
    *(b"data", UNKNOWN_BYTES),
)
RECOGNISED_BYTES = 12  # of a file that is WAV already: some clients send one all the same


class IncomingPcm(Incoming):
    """Puts a header before the samples."""

    _head: bytes | None = b""  # what has come so far, until it is clear what it is

    async def write(self, piece: bytes) -> None:
        if self._head is None:
            await super().write(piece)
            return
        self._head += piece
        if len(self._head) >= RECOGNISED_BYTES:
            await self._begin()

    async def finish(self) -> Content:
        if self._head is not None:
            await self._begin()
        return await super().finish()

    async def _begin(self) -> None:
        head, self._head = self._head or b"", None
        await super().write(head if head[:4] == b"RIFF" and head[8:12] == b"WAVE" else HEADER + head)
