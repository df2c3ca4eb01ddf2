"""A folder for each bucket, a file for each object: the store of `murmur dev`. Files that users put there are objects, too.

Half-written objects are hidden files in the same folder, locked by their writer and renamed when they are whole; so a
writer may be killed at any moment. Nothing is flushed to the disk by force: a power cut may take the last seconds.
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import mimetypes
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from cachetools import FIFOCache
from typing_extensions import Buffer

from runtime.logs import get_logger
from runtime.objects import folders
from runtime.objects.filenames import to_key, to_path
from runtime.objects.store import (
    SEGMENT_BYTES_MAX,
    BadKey,
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
TEMP_PREFIX, TEMP_SUFFIX = ".murmur-", ".part"
KEY_BYTES_MAX = 32 * 1024  # a folder may be deeper than any S3 store allows
IGNORED_MAX = 10_000  # entries that were named in the log, so that each is named once
LAST_TIME_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class DirectoryStore:
    """See `ObjectStore`. The eTag is made of size and time of change; a content type is guessed from the name.

    Symlinks below a bucket's folder are not followed. HEAD gives no SHA-256: anybody may have changed the file since.
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
        if bucket not in self._buckets:
            raise NotFound(f"no bucket {bucket!r}")
        folder = Path(os.path.realpath(self._buckets[bucket]))
        if not folder.is_dir():
            raise StoreUnavailable(f"the folder {folder} of the bucket {bucket!r} is missing")
        return folder

    def sweep(self) -> int:
        """Removes unfinished objects of dead writers and returns their number. Safe while others are writing."""
        buckets = [bucket for bucket, configured in self._buckets.items() if configured.is_dir()]
        return sum(self.remove_unfinished(each) for bucket in buckets for each in self.unfinished(bucket))

    def unfinished(self, bucket: str) -> Iterator[Unfinished]:
        for place, _folders, names in os.walk(root := self.folder(bucket)):
            for path in (Path(place, name) for name in names if _is_temp(name)):
                with contextlib.suppress(OSError):
                    found = path.stat()
                    begun_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Unfinished(bucket, str(path.relative_to(root)), str(path), begun_at, found.st_size)

    def remove_unfinished(self, which: Unfinished) -> bool:
        path = Path(which.handle)
        with _writing(which.bucket, which.key):
            is_removed = _remove_abandoned(path)
        if is_removed:
            _prune(path.parent, self.folder(which.bucket))
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
            if path.is_dir():
                raise BadKey(key, "a folder has this name")
            return DirectoryUpload(bucket, key, root, path, _create_temp(path.parent))

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
        root = self.folder(bucket)
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

    def _entries(self, root: Path, folder: str) -> Iterator[os.DirEntry[str]]:
        """None of a folder below that is missing or cannot be entered: it must not hide the others."""
        try:
            yield from folders.entries(root, folder)
        except OSError as error:
            if not folder:
                raise StoreUnavailable(f"{root}: {error.strerror}") from error
            if not isinstance(error, FileNotFoundError):
                self._ignore(to_key(folder), error.strerror)

    def _is_object(self, bucket: str, key: str, entry: os.DirEntry[str]) -> bool:
        if _is_temp(entry.name):
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
            path.unlink(missing_ok=True)
            _prune(path.parent, root)

    def form_upload(self, bucket: str, key: str, max_bytes: int, valid_s: int) -> None:
        return None

    def check(self, bucket: str) -> None:
        with _writing(bucket, ""), os.scandir(self.folder(bucket)):
            return

    def _path(self, bucket: str, key: str) -> tuple[Path, Path]:
        """The bucket's folder, and the object's file in it."""
        root = self.folder(bucket)
        _check(key)
        path = root / to_path(key)
        if os.path.realpath(path.parent) != str(path.parent):
            raise BadKey(key, "its path contains a symlink")
        return root, path


class _File(io.FileIO):
    """An open file whose errors are the store's."""

    def __init__(self, handle: int, ref: ObjectRef, root: Path) -> None:
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

    def __init__(self, bucket: str, key: str, root: Path, path: Path, file: BinaryIO) -> None:
        self._bucket, self._key = bucket, key
        self._root, self._path = root, path
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        with _writing(self._bucket, self._key):
            self._file.write(data)
        self._hash.update(data)

    def complete(self) -> ObjectInfo:
        with _writing(self._bucket, self._key):
            self._file.flush()
            now_ns = time.time_ns()  # the file system's own clock may tick only every 4 ms: too coarse for an eTag
            os.utime(self._file.fileno(), ns=(now_ns, now_ns))
            Path(self._file.name).replace(self._path)
            found = os.fstat(self._file.fileno())
            self._file.close()
        return _info(self._bucket, self._key, found, self._hash.hexdigest())

    def abort(self) -> None:
        if self._file.closed:
            return
        with _writing(self._bucket, self._key):
            Path(self._file.name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a failed write fails again
                self._file.close()
            _prune(self._path.parent, self._root)


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
        if _is_temp(segment):
            raise BadKey(key, "this name is reserved for unfinished objects")


def _is_temp(name: str) -> bool:
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


def _info(bucket: str, key: str, found: os.stat_result, sha256: str | None = None) -> ObjectInfo:
    modified_s = min(max(found.st_mtime, 0.0), LAST_TIME_S)  # a file's time may be beyond Python's calendar
    return ObjectInfo(
        bucket,
        key,
        found.st_size,
        _etag(found),
        datetime.fromtimestamp(modified_s, UTC),
        sha256=sha256,
        content_type=mimetypes.guess_type(key)[0],
        change_tag=_change_tag(found),
        changed_s=found.st_ctime,
    )


def _change_tag(found: os.stat_result) -> str:
    """No program can set a ctime; every write does, and so do chmod, a new name and a new link."""
    return f"{found.st_ino:x}-{found.st_ctime_ns:x}"


def _etag(found: os.stat_result) -> str:
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"


def _create_temp(folder: Path) -> BinaryIO:
    """A new hidden file, locked. Retries if the empty folder or the file is removed in between."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / f"{TEMP_PREFIX}{secrets.token_hex(8)}{TEMP_SUFFIX}").open("xb")
        except FileNotFoundError:
            continue
        except FileExistsError:  # also when the folder existed and was removed in between
            if any(_is_in_the_way(place) for place in (folder, *folder.parents)):
                raise
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_nlink:
                return file
        file.close()


def _is_in_the_way(place: Path) -> bool:
    """Exists, and is not a folder: one call, as it may be removed at any moment."""
    try:
        return not stat.S_ISDIR(place.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _remove_abandoned(path: Path) -> bool:
    """Only a running writer holds the lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _prune(folder: Path, root: Path) -> None:
    """Removes the folder and its parents below the bucket's as far as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or removed already
            return
        folder = folder.parent


@contextlib.contextmanager
def _reading(bucket: str, key: str, root: Path) -> Iterator[None]:
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


def _can_be_listed(root: Path) -> bool:
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
