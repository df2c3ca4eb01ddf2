"""Writes one uploaded file to the work bucket: counted and hashed, small files in one PUT and large ones as a stream.

`form.py` calls it piece by piece. Writing happens in threads: for a small file in the one that plans its job, since every change
of threads costs a busy gateway more than the hash of such a file.
"""

import asyncio
import contextlib
import hashlib
import threading
from dataclasses import dataclass

from producers.gateway.http.problems import Problem
from producers.gateway.submission.shared_uploads import SharedUploads
from runtime.errors import MurmurError
from runtime.logs import get_logger
from runtime.objects import ObjectStore, Upload
from schemas.record import ObjectRef

log = get_logger(__name__)
IN_MEMORY_BYTES = 8 * 1024 * 1024  # up to this size: one PUT, verified by the store
BLOCK_BYTES = 1024 * 1024  # a stream is written in blocks of this size
HASHED_AT_ONCE_BYTES = 256 * 1024  # in the event loop: a fraction of a millisecond


@dataclass(slots=True)
class Memory:
    """Memory that all uploads together may use for buffering. When it is used up, small files are streamed, too."""

    free_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a complete file is recognised by."""

    audio_id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Stored(Content):
    """A file that is complete in a bucket."""

    ref: ObjectRef


class Incoming:
    """`write()` the pieces, `finish()`, then `store()` or `share()`; or `discard()` at any moment, which leaves nothing behind.
    `content`: of a small file that is finished, until `release()`."""

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
        self._ref: ObjectRef | None = None
        self._storing = threading.Lock()
        self._discarded = False
        self._shared: tuple[SharedUploads, str] | None = None  # with the content id

    @property
    def place(self) -> ObjectRef:
        return ObjectRef(bucket=self._bucket, key=self._key)

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

    async def finish(self) -> Content:
        """After the last piece. Raises StoreUnavailable."""
        rest = self._take()
        if self._upload is not None:
            await asyncio.to_thread(self._flush, self._upload, rest)
            self.release()
        else:
            if len(rest) <= HASHED_AT_ONCE_BYTES:
                self._hash.update(rest)
            else:
                await asyncio.to_thread(self._hash.update, rest)
            self.content = rest
        return Content(self._hash.hexdigest(), self._size_bytes)

    def store(self) -> ObjectRef:
        """Makes the object visible. Blocks, before `release()`; idempotent. Raises StoreUnavailable; CancelledError if it was
        discarded meanwhile, in another thread."""
        with self._storing:
            if self._discarded:
                raise asyncio.CancelledError
            if self._ref is None:
                self._ref = self._visible()
            return self._ref

    def share(self, uploads: SharedUploads, content_id: str) -> ObjectRef:
        """As `store()`, unless the same content is in the store already. Other submissions may have it from now on."""
        with self._storing:
            if self._discarded:
                raise asyncio.CancelledError
            ref = uploads.once(content_id, lambda: self._ref or self._visible())
            if ref.key != self._key:
                self._remove()
            self._ref, self._shared = ref, (uploads, content_id)
            return ref

    def accepted(self) -> None:
        """A job was made of it. Does not block."""
        if self._shared is not None and self._ref is not None:
            uploads, content_id = self._shared
            uploads.accepted(content_id, self._ref.key)

    def announce(self) -> None:
        """After `share()`, once a job has it. Blocks."""
        if self._shared is not None:
            uploads, content_id = self._shared
            uploads.announce(content_id)

    def _visible(self) -> ObjectRef:
        if self._upload is not None:
            return self._upload.complete().ref
        assert self.content is not None
        return self._objects.put(self._bucket, self._key, self.content).ref

    def release(self) -> None:
        """Frees the memory. Idempotent."""
        self._waiting.clear()
        self.content = None
        self._hold(-self._held_bytes)

    async def discard(self) -> None:
        """Idempotent. If the store is unavailable, the object stays there, which is logged."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(asyncio.to_thread(self._discard))
        self.release()

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

    def _discard(self) -> None:
        with self._storing:
            self._discarded = True
            try:
                if self._shared is not None and self._ref is not None:
                    uploads, content_id = self._shared
                    uploads.give_up(content_id, self._ref.key)
                else:
                    self._remove()
                self._shared = self._ref = None
            except MurmurError as error:
                log.warning("upload.orphaned", bucket=self._bucket, object=self._key, error=error)

    def _remove(self) -> None:
        """Its own object. Blocks. Raises StoreUnavailable."""
        if self._upload is not None:
            self._upload.abort()
        if self._ref is not None:
            self._objects.delete(self._bucket, self._key)


def too_large(max_bytes: int) -> Problem:
    return Problem(413, "too_large", f"The file is larger than {max_bytes} bytes.", max_bytes=max_bytes)
