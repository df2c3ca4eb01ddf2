"""Objects in the store that submissions name: which ones may be named, and their hash. They are read where they are."""

import asyncio
import hashlib

from producers.gateway.access.caller import Caller
from producers.gateway.http.problems import Problem
from producers.gateway.submission.json_body import ObjectAddress
from producers.gateway.submission.upload import Stored, too_large
from runtime.objects import NotFound, ObjectInfo, keys
from runtime.objects.store import BadKey, Replaced
from runtime.resources import Resources
from runtime.setting_types import listed

BLOCK_BYTES = 1024 * 1024
READS_AT_A_TIME = 8  # of objects that have to be hashed; further ones wait
READS_MAX = 3  # of an object that is changed while it is read


class NamedObjects:
    """For one event loop."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self._objects = resources.objects
        self._max_bytes = settings.max_upload_bytes
        self._uploads_bucket = settings.uploads_bucket
        self._drop_owner = settings.drop_owner
        self._buckets = {settings.uploads_bucket, *listed(settings.object_buckets)} - {settings.work_bucket}
        self._places = asyncio.Semaphore(READS_AT_A_TIME)

    def check(self, address: ObjectAddress, caller: Caller) -> None:
        """Raises Problem 403 for a bucket that this installation does not read, or an object of another owner."""
        if address.bucket not in self._buckets:
            raise Problem(403, "forbidden_bucket", f"Objects of the bucket {address.bucket[:80]!r} cannot be transcribed here.")
        if address.bucket != self._uploads_bucket:
            return
        if keys.is_direct_upload(address.key):
            raise Problem(403, "forbidden_bucket", "This object is a direct upload, which has a job of its own.")
        if not caller.may_see(self._drop_owner):
            raise Problem(403, "forbidden_bucket", f"Objects of the bucket {address.bucket!r} belong to another owner.")

    async def read(self, address: ObjectAddress, caller: Caller) -> Stored:
        """Reads all of it for its hash, unless the store has verified one. Raises Problem, and StoreUnavailable."""
        self.check(address, caller)
        async with self._places:
            return await asyncio.to_thread(self._read, address)

    def _read(self, address: ObjectAddress) -> Stored:
        try:
            for _ in range(READS_MAX):
                info = self._objects.head(address.bucket, address.key)
                self._check_size(info)
                if (audio_id := info.sha256 or self._hashed(info)) is not None:
                    return Stored(audio_id, info.size_bytes, info.ref)
        except BadKey as error:
            raise Problem(400, "bad_request", f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        except NotFound:
            raise Problem(404, "unknown_object", "There is no such object in the bucket.") from None
        raise object_changed()

    def _check_size(self, info: ObjectInfo) -> None:
        if not info.size_bytes:
            raise Problem(400, "empty", "The object is empty.")
        if info.size_bytes > self._max_bytes:
            raise too_large(self._max_bytes)

    def _hashed(self, info: ObjectInfo) -> str | None:
        """None: it was changed meanwhile."""
        content = hashlib.sha256()
        try:
            with self._objects.open(info.ref) as file:
                while block := file.read(BLOCK_BYTES):
                    content.update(block)
        except Replaced:
            return None
        now = self._objects.head(info.bucket, info.key)
        return content.hexdigest() if (now.version, now.change_tag) == (info.version, info.change_tag) else None


def object_changed() -> Problem:
    return Problem(409, "object_changed", "The object was changed while it was read: submit it again.", after_s=1.0)
