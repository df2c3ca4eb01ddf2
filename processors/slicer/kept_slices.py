"""Chunk audio that was cut before: found again by another model, another language or a retry, instead of decoding the file.

An index beside the chunks lists them, written when a file was read to its end and its content verified. `worker` uses it; the
retention stage removes chunks that were not used for long, and counts from the index, which every use writes again.
"""

import hashlib
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from processors.slicer.cutter import Chunk
from runtime.objects import NotFound, ObjectStore
from runtime.objects.keys import chunk_key, slice_index_key
from schemas.record import ObjectRef, Sha256, Value
from schemas.work import AudioInfo, Span


class KeptChunk(Value):
    """Like the slicer's, and what its audio is recognised by."""

    pieces: tuple[Span, ...]
    speech: tuple[Span, ...]
    size_bytes: int
    sha256: Sha256

    @property
    def chunk(self) -> Chunk:
        return Chunk(self.pieces, self.speech)


class SliceIndex(Value):
    """`run`: the one that has written the chunks; their keys are derived from it."""

    slice_id: Sha256
    run: str
    audio_info: AudioInfo
    chunks: tuple[KeptChunk, ...]

    def audio(self, bucket: str, kept: KeptChunk) -> ObjectRef:
        key = chunk_key(self.slice_id, self.run, kept.chunk.span)
        return ObjectRef(bucket=bucket, key=key, size_bytes=kept.size_bytes)


class KeptSlices:
    """Safe from many threads. All calls block and raise StoreUnavailable."""

    def __init__(self, objects: ObjectStore, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket

    def find(self, slice_id: str) -> SliceIndex | None:
        """Marks it as used, so that it is kept on; then looks whether all of its chunks are there."""
        try:
            raw = self._objects.get(self._bucket, slice_index_key(slice_id))
            index = SliceIndex.model_validate_json(raw)
        except (NotFound, ValidationError):
            return None
        self._objects.put(self._bucket, slice_index_key(slice_id), raw)
        expected = {(ref.key, ref.size_bytes) for ref in self._audio(index)}
        prefix = chunk_key(slice_id, index.run, (0, 0)).rpartition("/")[0] + "/"
        found = {(info.key, info.size_bytes) for info in self._objects.list(self._bucket, prefix)}
        return index if expected <= found else None

    def keep(self, slice_id: str, run: str, info: AudioInfo, chunks: Sequence[KeptChunk]) -> None:
        """After the content of the file was verified."""
        index = SliceIndex(slice_id=slice_id, run=run, audio_info=info, chunks=tuple(chunks))
        self._objects.put(self._bucket, slice_index_key(slice_id), index.model_dump_json().encode())

    def _audio(self, index: SliceIndex) -> Iterator[ObjectRef]:
        return (index.audio(self._bucket, kept) for kept in index.chunks)


def kept(chunk: Chunk, pcm: bytes) -> KeptChunk:
    return KeptChunk(pieces=chunk.pieces, speech=chunk.speech, size_bytes=len(pcm), sha256=hashlib.sha256(pcm).hexdigest())
