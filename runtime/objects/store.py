"""The interface of an object store. Implementations: `directory.py` (a folder per bucket) and `s3.py`.

`tests/contract/test_objects.py` is the other half of this contract.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from runtime.errors import Invalid, MurmurError, Retry
from schemas.record import ObjectRef

KEY_BYTES_MAX = 1024  # of S3
SEGMENT_BYTES_MAX = 255  # of MinIO, versitygw, and most file systems


class NotFound(MurmurError):
    """There is no such object (or bucket)."""


class Replaced(NotFound):
    """There is an object under this key, but another version than the one that was asked for."""


class StoreUnavailable(Retry):
    """The store does not respond, or responds that it is unavailable. Worth a retry."""


class StoreFull(StoreUnavailable):
    """The store has no space left for the object."""


class BadKey(Invalid):
    """A key that no store accepts: empty, too long, or outside of its bucket."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__("bad_key", f"the object key {key[:80]!r} cannot be used: {why}")


def checked_key(key: str, max_bytes: int = KEY_BYTES_MAX) -> str:
    """The key, if stores accept it; else raises BadKey. A segment of dots never reaches a store: HTTP clients resolve it
    on the way."""
    if not key:
        raise BadKey(key, "it is empty")
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        raise BadKey(key, "it is not Unicode text") from None
    if size_bytes > max_bytes:
        raise BadKey(key, f"{size_bytes} bytes; the limit is {max_bytes}")
    if "\0" in key:
        raise BadKey(key, "it has a zero byte")
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise BadKey(key, "it has a segment `.` or `..`")
    return key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """The result of a HEAD. `etag` is without quotes; `sha256` only where the store itself verified it over the whole object.
    `change_tag`: see `ObjectRef`. `changed_s`: a file's ctime, in seconds since 1970 by the file system's clock.
    """

    bucket: str
    key: str
    size_bytes: int
    etag: str
    modified_at: datetime
    version_id: str | None = None
    sha256: str | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    change_tag: str | None = None
    changed_s: float | None = None

    @property
    def version(self) -> str:
        """Distinguishes this content from a later one under the same key, as far as the store can."""
        return self.version_id or self.etag or self.modified_at.isoformat()

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            etag=self.etag,
            size_bytes=self.size_bytes,
            change_tag=self.change_tag,
        )


class Upload(Protocol):
    """An unfinished object: invisible before `complete()`, and removed by `abort()`."""

    def write(self, data: bytes) -> None:
        """Blocks while the store receives the bytes. Raises StoreUnavailable."""

    def complete(self) -> ObjectInfo:
        """Makes the complete object visible. Blocks."""

    def abort(self) -> None:
        """Discards what was written. Safe after `complete()` and safe to repeat."""


@dataclass(frozen=True, slots=True)
class FormUpload:
    """Where a client may send one file as multipart/form-data: the fields precede the part `file`."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a writer has begun and not completed. `handle`: the store's own. `written_at`: of its last part; where the store does
    not say that, when it was begun, and `size_bytes` is 0."""

    bucket: str
    key: str
    handle: str
    written_at: datetime
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """What an object was before it was replaced or deleted at that time, in a bucket with versions; or, without a size, a delete
    marker that is all that is left of it."""

    bucket: str
    key: str
    version_id: str
    replaced_at: datetime
    size_bytes: int = 0


class ObjectStore(Protocol):
    """All calls block, and are safe from many threads. They raise NotFound, StoreUnavailable or BadKey."""

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str | None = None) -> ObjectInfo:
        """Writes a whole object; readers see the old one or the new one, never a part. Verified by SHA-256 on the way."""

    def upload(self, bucket: str, key: str, *, content_type: str | None = None) -> Upload:
        """Begins an object of unknown length."""

    def get(self, bucket: str, key: str) -> bytes: ...

    def open(self, ref: ObjectRef) -> BinaryIO:
        """A seekable reader over that version of the object; the caller closes it. Bytes are fetched on demand.

        Raises Replaced, here or while it is read, where the eTag tells another version. See also `is_unchanged`.
        """

    def is_unchanged(self, ref: ObjectRef, file: BinaryIO) -> bool:
        """Whether all that has been read so far of `file`, which was opened by `ref`, is certainly of that version. False: the
        content may have been changed without its eTag, or may be as it was."""

    def head(self, bucket: str, key: str) -> ObjectInfo: ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, in no particular order, without metadata and sha256."""

    def delete(self, bucket: str, key: str) -> None:
        """Deleting a missing object is not an error."""

    def unfinished(self, bucket: str) -> Iterator[Unfinished]:
        """What is being written, or was left by a writer that has died."""

    def remove_unfinished(self, which: Unfinished) -> bool:
        """False: it is gone, or its writer is certainly alive, or it may not be removed with this access key."""

    def earlier_versions(self, bucket: str, prefixes: Sequence[str]) -> Iterator[EarlierVersion]:
        """Of keys that begin with one of these. None where the store keeps no versions."""

    def remove_version(self, which: EarlierVersion) -> bool:
        """False: it may not be removed with this access key, or is protected, or has become the object itself."""

    def form_upload(self, bucket: str, key: str, max_bytes: int, valid_s: int) -> FormUpload | None:
        """A signed form with which a client without credentials may write this object, once or again, for so long. Makes no
        request. None: the store takes no uploads from clients."""

    def check(self, bucket: str) -> None:
        """Returns if the bucket can be read. For readiness and `murmur doctor`."""
