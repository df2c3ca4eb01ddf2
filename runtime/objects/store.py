"""What every object store must do. Implementations: `directory.py` (a folder per bucket) and `s3.py`.

`tests/contract/test_objects.py` is the other half of this contract.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from runtime.errors import Invalid, MurmurError, Retry
from schemas.record import ObjectRef

KEY_BYTES_MAX = 1024  # of S3
SEGMENT_BYTES_MAX = 255  # of MinIO, versitygw, and most file systems


class NotFound(MurmurError):
    """There is no such object (or bucket)."""


class StoreUnavailable(Retry):
    """The store does not answer, or answers that it cannot now. Worth another try."""


class BadKey(Invalid):
    """No store takes this key: empty, too long, or it would leave its bucket."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__("bad_key", f"the object key {key[:80]!r} cannot be used: {why}")


def checked_key(key: str) -> str:
    """The key, if any store could take it; else raises BadKey. A segment of dots never reaches a store: HTTP clients resolve it
    on the way."""
    if not key:
        raise BadKey(key, "it is empty")
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        raise BadKey(key, "it is not Unicode text") from None
    if size_bytes > KEY_BYTES_MAX:
        raise BadKey(key, f"{size_bytes} bytes; the limit is {KEY_BYTES_MAX}")
    if "\0" in key:
        raise BadKey(key, "it has a zero byte")
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise BadKey(key, "it has a segment `.` or `..`")
    return key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a HEAD tells. `etag` is without quotes; `sha256` only where the store itself verified it over the whole object."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    modified_at: datetime
    version_id: str | None = None
    sha256: str | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """What tells this content from a later one under the same key, as well as the store knows it."""
        return self.version_id or self.etag or self.modified_at.isoformat()

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(bucket=self.bucket, key=self.key, version_id=self.version_id, etag=self.etag, size_bytes=self.size_bytes)


class Upload(Protocol):
    """An object in the making: nothing of it is visible before `complete()`, and nothing is left after `abort()`."""

    def write(self, data: bytes) -> None:
        """Blocks while the store takes the bytes. Raises StoreUnavailable."""

    def complete(self) -> ObjectInfo:
        """Makes the object visible, whole. Blocks."""

    def abort(self) -> None:
        """Forgets what was written. Safe after `complete()` and safe to repeat."""


class ObjectStore(Protocol):
    """All calls block, and are safe from many threads. They raise NotFound, StoreUnavailable or BadKey."""

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str | None = None) -> ObjectInfo:
        """Writes a whole object; readers see the old one or the new one, never a part. Verified by SHA-256 on the way."""

    def upload(self, bucket: str, key: str, *, content_type: str | None = None) -> Upload:
        """Begins an object whose length is not known yet."""

    def get(self, bucket: str, key: str) -> bytes: ...

    def open(self, ref: ObjectRef) -> BinaryIO:
        """A seekable reader over that version of the object; the caller closes it. Bytes come as they are asked for."""

    def head(self, bucket: str, key: str) -> ObjectInfo: ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, in no promised order; metadata and sha256 are left out."""

    def delete(self, bucket: str, key: str) -> None:
        """Deleting what is not there is no error."""

    def check(self, bucket: str) -> None:
        """Returns when the bucket answers. For readiness and `murmur doctor`."""
