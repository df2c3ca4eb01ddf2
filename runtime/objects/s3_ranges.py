"""An object of an S3 store as a raw file: seekable, each read a ranged GET. Opened by `s3.py`, which buffers it."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runtime.objects.s3_errors import beyond_the_end, translated
from runtime.objects.store import Replaced, checked_key
from schemas.record import ObjectRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ObjectRanges(io.RawIOBase):
    """One version of an object, by ranged requests. The first answer tells its size and pins its eTag; an answer that differs
    raises Replaced, also where the store ignores If-Match."""

    def __init__(self, client: "S3Client", ref: ObjectRef) -> None:
        self._client = client
        self._at: dict[str, Any] = {"Bucket": ref.bucket, "Key": checked_key(ref.key)}
        if ref.version_id:
            self._at["VersionId"] = ref.version_id
        if ref.etag:
            self._at["IfMatch"] = f'"{ref.etag}"'
        self._position = 0
        self._size_bytes: int | None = None
        self._etag = ref.etag or None
        self.modified: set[str | None] = set()  # of all answers

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes or 0}[whence]
        if start + offset < 0:
            raise ValueError(f"negative position {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._range(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._range((self._size_bytes or 0) - self._position)

    def _range(self, wanted_bytes: int) -> bytes:
        end = self._position + wanted_bytes
        if self._size_bytes is not None:
            end = min(end, self._size_bytes)
        if end <= self._position:
            return b""
        with beyond_the_end(), translated(self._at["Bucket"], self._at["Key"]):
            answer = self._client.get_object(**self._at, Range=f"bytes={self._position}-{end - 1}")
            data = answer["Body"].read()
            self._pin(answer)
            self._position += len(data)
            return data
        self._size_bytes = self._position  # an empty object has no first byte to ask for
        return b""

    def _pin(self, answer: Mapping[str, Any]) -> None:
        etag = answer.get("ETag", "").strip('"') or None
        whole = answer.get("ContentRange", "").rpartition("/")[2]
        size_bytes = int(whole) if whole else answer["ContentLength"]
        if (self._etag or etag, self._size_bytes or size_bytes) != (etag, size_bytes):
            raise Replaced(f"{self._at['Bucket']}/{self._at['Key']}: replaced in the meantime")
        if etag:
            self._at["IfMatch"] = f'"{etag}"'
        self._etag, self._size_bytes = etag, size_bytes
        self.modified.add(last_modified(answer))


def last_modified(answer: Mapping[str, Any]) -> str | None:
    """Of a HEAD or GET: whole seconds."""
    at = answer.get("LastModified")
    return at.isoformat() if at is not None else None
