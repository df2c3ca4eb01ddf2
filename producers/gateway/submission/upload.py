"""Writes one uploaded file to the work bucket: counted and hashed, small files in one PUT and large ones as a stream.

`form.py` calls it piece by piece; hashing and writing happen in threads.
"""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass

from producers.gateway.http.problems import Problem
from runtime.errors import MurmurError
from runtime.logs import get_logger
from runtime.objects import ObjectStore, Upload
from schemas.record import ObjectRef

log = get_logger(__name__)
IN_MEMORY_BYTES = 8 * 1024 * 1024  # up to this size: one PUT, verified by the store
BLOCK_BYTES = 1024 * 1024  # a stream is written in blocks of this size


@dataclass(slots=True)
class Memory:
    """Memory that all uploads together may use for buffering. When it is used up, small files are streamed, too."""

    free_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is complete in the work bucket."""

    audio_id: str
    ref: ObjectRef
    size_bytes: int


class Incoming:
    """`write()` the pieces, then `finish()`; or `discard()` at any moment, which leaves nothing behind. `content`: of a small
    file that is finished, until `release()`."""

    def __init__(self, objects: ObjectStore, bucket: str, key: str, max_bytes: int, memory: Memory) -> None:
        self._objects = objects
        self._bucket = bucket
        self._key = key
        self._max_bytes = max_bytes
        self._memory = memory
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._held_bytes = 0  # of the memory
        self.content: bytes | None = None
        self._upload: Upload | None = None
        self._size_bytes = 0
        self._complete = False

    async def write(self, piece: bytes) -> None:
        """Raises Problem 413 beyond the limit, StoreUnavailable."""
        self._size_bytes += len(piece)
        if self._size_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._waiting += piece
        self._hold(len(piece))
        whole_in_memory = len(self._waiting) <= IN_MEMORY_BYTES and self._memory.free_bytes >= 0
        if self._upload is None and not whole_in_memory:
            self._upload = await asyncio.to_thread(self._objects.upload, self._bucket, self._key)
        if self._upload is not None and len(self._waiting) >= BLOCK_BYTES:
            await asyncio.to_thread(self._flush, self._upload, self._take())
            self._hold(-self._held_bytes)

    async def finish(self) -> Stored:
        """Makes the object visible. Raises StoreUnavailable."""
        rest = self._take()
        ref = await asyncio.to_thread(self._finish, rest)
        self._complete = True
        if self._upload is None:
            self.content = rest
        else:
            self.release()
        return Stored(self._hash.hexdigest(), ref, self._size_bytes)

    def release(self) -> None:
        """Frees the memory. Idempotent."""
        self._waiting.clear()
        self.content = None
        self._hold(-self._held_bytes)

    async def discard(self) -> None:
        """Idempotent. If the store is unavailable, the object stays there, which is logged."""
        self.release()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(asyncio.to_thread(self._discard))

    def _take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        self._memory.free_bytes -= size_bytes

    def _flush(self, upload: Upload, data: bytes) -> None:
        self._hash.update(data)
        upload.write(data)

    def _finish(self, rest: bytes) -> ObjectRef:
        if self._upload is None:
            self._hash.update(rest)
            return self._objects.put(self._bucket, self._key, rest).ref
        self._flush(self._upload, rest)
        return self._upload.complete().ref

    def _discard(self) -> None:
        try:
            if self._upload is not None:
                self._upload.abort()
            if self._complete:
                self._objects.delete(self._bucket, self._key)
        except MurmurError as error:
            log.warning("upload.orphaned", bucket=self._bucket, object=self._key, error=error)


def too_large(max_bytes: int) -> Problem:
    return Problem(413, "too_large", f"The file is larger than {max_bytes} bytes.", max_bytes=max_bytes)
