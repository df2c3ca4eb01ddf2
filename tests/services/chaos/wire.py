"""A TCP connection with a bad network in it: clients connect to its port, it forwards to the target's, and can be damaged.

Stands between some members of a cluster and its broker or store. What a client does with the damage is what is tested.
"""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

BLOCK_BYTES = 64 * 1024
HOLD_S = 0.02  # how often a held or slow direction looks whether it may go on
REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s


@dataclass(frozen=True, slots=True)
class Damage:
    """`asks`, `answers`: whether bytes of that direction arrive; what is held back arrives after the repair, as with TCP.
    `bytes_per_s`: how fast answers come. `reset_after_bytes`: so much of a connection, then it is reset.
    `errors`: every request is answered 500."""

    asks: bool = True
    answers: bool = True
    bytes_per_s: int | None = None
    reset_after_bytes: int | None = None
    errors: bool = False


WHOLE = Damage()


class Wire:
    """Serves in a thread of its own from `with` on. `damage` may be set at any time; it holds for living connections too."""

    def __init__(self, port: int, target_port: int) -> None:
        self.damage = WHOLE
        self.resets = 0
        self.refusals = 0
        self._port = port
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._server: asyncio.Server

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _end(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            client_out.close()
            return
        with suppress(asyncio.CancelledError):  # the wire's end, of which asyncio's streams would complain
            await Connection(self).carry(client_in, client_out, server_in, server_out)


class Connection:
    """One of a wire's. `_broken`: how it broke, if it did."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._carried_bytes = 0
        self._broken: Literal["reset", "refused"] | None = None

    async def carry(
        self,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        """Until one side has sent everything and the other has answered, or until it breaks."""
        asks = asyncio.ensure_future(self._pump(client_in, server_out, asks=True))
        answers = asyncio.ensure_future(self._pump(server_in, client_out, asks=False))
        try:
            await asyncio.wait([asks, answers], return_when=asyncio.FIRST_COMPLETED)
            if not answers.done() and self._broken is None:
                await answers
            await self._part(client_out)
        except OSError:
            return
        finally:
            asks.cancel()
            answers.cancel()
            client_out.transport.abort()
            server_out.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, asks: bool) -> None:
        while block := await source.read(BLOCK_BYTES):
            while not (self._wire.damage.asks if asks else self._wire.damage.answers):  # noqa: ASYNC110  # another thread repairs it
                await asyncio.sleep(HOLD_S)
            self._broken = self._broken or self._breaks(block, asks=asks)
            if self._broken is not None:
                return
            await self._send(block, sink, slowly=not asks)
        sink.write_eof()

    def _breaks(self, block: bytes, *, asks: bool) -> Literal["reset", "refused"] | None:
        damage = self._wire.damage
        if damage.errors and asks:
            return "refused"
        if damage.reset_after_bytes is not None:
            self._carried_bytes += len(block)
            return "reset" if self._carried_bytes > damage.reset_after_bytes else None
        return None

    async def _send(self, block: bytes, sink: asyncio.StreamWriter, *, slowly: bool) -> None:
        while block:
            rate = self._wire.damage.bytes_per_s if slowly else None
            count = len(block) if rate is None else max(1, int(rate * HOLD_S))
            sink.write(block[:count])
            await sink.drain()
            block = block[count:]
            if rate is not None:
                await asyncio.sleep(HOLD_S)

    async def _part(self, client_out: asyncio.StreamWriter) -> None:
        """How the client learns that it is over: by a reset, by a refusal, or as it is meant to be."""
        if self._broken == "reset":
            self._wire.resets += 1
            client_out.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            return
        if self._broken == "refused":
            self._wire.refusals += 1
            client_out.write(REFUSAL)
        client_out.close()
        await client_out.wait_closed()
