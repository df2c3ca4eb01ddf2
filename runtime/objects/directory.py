"""A folder for each bucket, a file for each object: the store of `murmur dev`. Files that users put there are objects, too.

Half-written objects are hidden files in the same folder, locked by their writer and renamed when they are whole; so a
writer may be killed at any moment. Nothing is flushed to the disk by force: a power cut may take the last seconds.

Paths of objects are strings: pathlib interns every part of a path, and the interpreter's table of interned strings grows by that.
"""

import contextlib
import errno
import io
import mimetypes
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from cachetools import FIFOCache
from typing_extensions import Buffer

from runtime.logs import get_logger
from runtime.objects import folders, half_written
from runtime.objects.filenames import to_key, to_path
from runtime.objects.store import (
    SEGMENT_BYTES_MAX,
    BadKey,
    EarlierVersion,
    NotFound,
    ObjectInfo,
    Replaced,
    StoreFull,
    StoreUnavailable,
    Unfinished,
    checked_key,
)
from schemas.record import ObjectRef

log = get_logger(__name__)
KEY_BYTES_MAX = 32 * 1024  # a folder may be deeper than any S3 store allows
IGNORED_MAX = 10_000  # entries that were named in the log, so that each is named once
LAST_TIME_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class DirectoryStore:
    """See `ObjectStore`. The eTag is made of size and time of change; a content type is guessed from the name.

    Symlinks below a bucket's folder are not followed. There is no SHA-256: anybody may change the file at any time.
    """

    def __init__(self, buckets: Mapping[str, Path]) -> None:
        self._buckets = dict(buckets)
        self._ignored: FIFOCache[str, None] = FIFOCache(IGNORED_MAX)

    def create(self) -> None:
        """Creates missing folders."""
        for folder in self._buckets.values():
            folder.mkdir(parents=True, exist_ok=True)

    def folder(self, bucket: str) -> Path:
        """The bucket's folder, symlinks resolved. Raises NotFound: no such bucket; StoreUnavailable: the folder is missing."""
        return Path(os.path.realpath(self._root(bucket)))

    def _root(self, bucket: str) -> str:
        if bucket not in self._buckets:
            raise NotFound(f"no bucket {bucket!r}")
        folder = str(self._buckets[bucket])
        if not os.path.isdir(folder):
            raise StoreUnavailable(f"the folder {folder} of the bucket {bucket!r} is missing")
        return folder

    def sweep(self) -> int:
        """Removes unfinished objects of dead writers and returns their number. Safe while others are writing."""
        buckets = [bucket for bucket, configured in self._buckets.items() if configured.is_dir()]
        return sum(self.remove_unfinished(each) for bucket in buckets for each in self.unfinished(bucket))

    def unfinished(self, bucket: str) -> Iterator[Unfinished]:
        for place, _folders, names in os.walk(root := self._root(bucket)):
            for path in (os.path.join(place, name) for name in names if half_written.is_one(name)):
                with contextlib.suppress(OSError):
                    found = os.stat(path)
                    written_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Unfinished(bucket, os.path.relpath(path, root), path, written_at, found.st_size)

    def remove_unfinished(self, which: Unfinished) -> bool:
        with _writing(which.bucket, which.key):
            is_removed = half_written.remove_abandoned(which.handle)
        if is_removed:
            folders.prune(os.path.dirname(which.handle), self._root(which.bucket))
        return is_removed

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str | None = None) -> ObjectInfo:
        upload = self.upload(bucket, key, content_type=content_type)
        try:
            upload.write(data)
            return upload.complete()
        finally:
            upload.abort()

    def upload(self, bucket: str, key: str, *, content_type: str | None = None) -> "DirectoryUpload":
        root, path = self._path(bucket, key)
        with _writing(bucket, key):
            if os.path.isdir(path):
                raise BadKey(key, "a folder has this name")
            return DirectoryUpload(bucket, key, root, path, half_written.create(os.path.dirname(path)))

    def get(self, bucket: str, key: str) -> bytes:
        with self.open(ObjectRef(bucket=bucket, key=key)) as file:
            return file.read()

    def open(self, ref: ObjectRef) -> BinaryIO:
        root, _path = self._path(ref.bucket, ref.key)
        with _reading(ref.bucket, ref.key, root):
            handle = folders.open_file(root, to_path(ref.key))
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or (ref.etag is not None and ref.etag != _etag(found)):
            os.close(handle)
            raise Replaced(f"{ref.bucket}/{ref.key} is no longer that version")
        return io.BufferedReader(_File(handle, ref, root))

    def is_unchanged(self, ref: ObjectRef, file: BinaryIO) -> bool:
        found = os.fstat(file.fileno())
        return (ref.etag, ref.change_tag) == (_etag(found), _change_tag(found))

    def head(self, bucket: str, key: str) -> ObjectInfo:
        root, _path = self._path(bucket, key)
        with _reading(bucket, key, root):
            found = folders.lstat(root, to_path(key))
        if not stat.S_ISREG(found.st_mode):
            raise NotFound(f"{bucket}/{key} is not a file")
        return _info(bucket, key, found)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        root = self._root(bucket)
        parent = prefix.rpartition("/")[0]
        try:
            if parent:
                self._path(bucket, parent)
        except BadKey:
            return  # no key begins like this
        below = [to_path(parent)]
        while below:
            folder = below.pop()
            for entry in self._entries(root, folder):
                path = f"{folder}/{entry.name}" if folder else entry.name
                key = to_key(path)
                if entry.is_dir(follow_symlinks=False):
                    if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                        below.append(path)
                elif key.startswith(prefix) and self._is_object(bucket, key, entry):
                    with contextlib.suppress(OSError):  # deleted since: not in the list
                        yield _info(bucket, key, entry.stat(follow_symlinks=False))

    def _entries(self, root: str, folder: str) -> Iterator[os.DirEntry[str]]:
        """None of a folder below that is missing or cannot be entered: it must not hide the others."""
        try:
            yield from folders.entries(root, folder)
        except OSError as error:
            if not folder:
                raise StoreUnavailable(f"{root}: {error.strerror}") from error
            if not isinstance(error, FileNotFoundError):
                self._ignore(to_key(folder), error.strerror)

    def _is_object(self, bucket: str, key: str, entry: os.DirEntry[str]) -> bool:
        if half_written.is_one(entry.name):
            return False
        try:
            _check(key)
        except BadKey as error:
            self._ignore(key, str(error))
            return False
        if not entry.is_file(follow_symlinks=False):
            self._ignore(key, "a symlink" if entry.is_symlink() else "neither a file nor a folder")
            return False
        return True

    def _ignore(self, key: str, reason: str | None) -> None:
        if key not in self._ignored:
            self._ignored[key] = None
            log.warning("object.ignored", object=key, reason=reason)

    def delete(self, bucket: str, key: str) -> None:
        root, path = self._path(bucket, key)
        with contextlib.suppress(NotFound), _writing(bucket, key):
            self.head(bucket, key)
            folders.unlink(path)
            folders.prune(os.path.dirname(path), root)

    def earlier_versions(self, bucket: str, prefixes: Sequence[str]) -> Iterator[EarlierVersion]:
        return iter(())

    def remove_version(self, which: EarlierVersion) -> bool:
        return False

    def form_upload(self, bucket: str, key: str, max_bytes: int, valid_s: int) -> None:
        return None

    def check(self, bucket: str) -> None:
        with _writing(bucket, ""), os.scandir(self._root(bucket)):
            return

    def _path(self, bucket: str, key: str) -> tuple[str, str]:
        """The bucket's folder, and the object's file in it."""
        root = self._root(bucket)
        _check(key)
        *parents, name = to_path(key).split("/")
        folder = root
        for parent in parents:
            folder = os.path.join(folder, parent)
            if os.path.islink(folder):
                raise BadKey(key, "its path contains a symlink")
        return root, os.path.join(folder, name)


class _File(io.FileIO):
    """An open file whose errors are the store's."""

    def __init__(self, handle: int, ref: ObjectRef, root: str) -> None:
        super().__init__(handle, "rb")
        self._ref = ref
        self._root = root

    def readinto(self, buffer: Buffer, /) -> int:
        with _reading(self._ref.bucket, self._ref.key, self._root):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with _reading(self._ref.bucket, self._ref.key, self._root):
            return super().readall()


class DirectoryUpload:
    """See `Upload`. Its hidden file is locked while it is written, so that `sweep()` does not remove it."""

    def __init__(self, bucket: str, key: str, root: str, path: str, file: BinaryIO) -> None:
        self._bucket, self._key = bucket, key
        self._root, self._path = root, path
        self._file = file

    def write(self, data: bytes) -> None:
        with _writing(self._bucket, self._key):
            self._file.write(data)

    def complete(self) -> ObjectInfo:
        with _writing(self._bucket, self._key):
            self._file.flush()
            now_ns = time.time_ns()  # the file system's own clock may tick only every 4 ms: too coarse for an eTag
            os.utime(self._file.fileno(), ns=(now_ns, now_ns))
            os.replace(self._file.name, self._path)
            found = os.fstat(self._file.fileno())
            self._file.close()
        return _info(self._bucket, self._key, found)

    def abort(self) -> None:
        if self._file.closed:
            return
        with _writing(self._bucket, self._key):
            folders.unlink(self._file.name)
            with contextlib.suppress(OSError):  # a failed write fails again
                self._file.close()
            folders.prune(os.path.dirname(self._path), self._root)


def _check(key: str) -> None:
    """Raises BadKey if this name cannot be a file below the bucket's folder."""
    path = to_path(checked_key(key, KEY_BYTES_MAX))
    if to_key(path) != key:
        raise BadKey(key, "it is not the name of any file")
    for segment in path.split("/"):
        if not segment:
            raise BadKey(key, "it has an empty segment")
        if len(os.fsencode(segment)) > SEGMENT_BYTES_MAX:
            raise BadKey(key, f"a segment of it is longer than {SEGMENT_BYTES_MAX} bytes")
        if half_written.is_one(segment):
            raise BadKey(key, "this name is reserved for unfinished objects")


def _info(bucket: str, key: str, found: os.stat_result) -> ObjectInfo:
    modified_s = min(max(found.st_mtime, 0.0), LAST_TIME_S)  # a file's time may be beyond Python's calendar
    return ObjectInfo(
        bucket,
        key,
        found.st_size,
        _etag(found),
        datetime.fromtimestamp(modified_s, UTC),
        content_type=mimetypes.guess_type(key)[0],
        change_tag=_change_tag(found),
        changed_s=found.st_ctime,
    )


def _change_tag(found: os.stat_result) -> str:
    """No program can set a ctime; every write does, and so do chmod, a new name and a new link."""
    return f"{found.st_ino:x}-{found.st_ctime_ns:x}"


def _etag(found: os.stat_result) -> str:
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"


@contextlib.contextmanager
def _reading(bucket: str, key: str, root: str) -> Iterator[None]:
    """An unreadable file is not an object; waiting for it would block everything after it."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError) or error.errno in (
            errno.ELOOP,
            errno.ENAMETOOLONG,
            errno.ENXIO,  # a socket
        ):
            raise NotFound(f"{bucket}/{key}: {error.strerror}") from error
        if error.errno == errno.EIO and _can_be_listed(root):  # a damaged file on a disk that works
            raise NotFound(f"{bucket}/{key}: {error.strerror}") from error
        raise StoreUnavailable(f"{bucket}/{key}: {error.strerror}") from error


def _can_be_listed(root: str) -> bool:
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _writing(bucket: str, key: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise BadKey(key, "a part of it is already an object, or it is a folder") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadKey(key, "the path is too long for the file system") from error
        unavailable = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreUnavailable
        raise unavailable(f"{bucket}/{key}: {error.strerror}") from error
