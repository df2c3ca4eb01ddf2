"""One upload for each content, however often its owner submits it: where a file that was uploaded a while ago is in the store.

Used by a submission when its file is complete and can be transcribed. A small object, named by the content, tells other gateways
the upload. An upload is used again only as long as it is certainly not being removed (`runtime/retention.py`).
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cachetools import LRUCache

from runtime.errors import MurmurError
from runtime.objects import NotFound, ObjectStore, keys
from schemas.record import ObjectRef

RECENT_MAX = 4096
LOCKS = 64  # submissions of one content wait for each other, those of others hardly


@dataclass(slots=True)
class _Upload:
    """`uses`: submissions of this process that have it and were not given up. `is_announced`: other gateways may have it, too."""

    key: str
    uses: int = 0
    is_announced: bool = False


class SharedUploads:
    """From any thread. `reuse_s`: for how long after it was stored an upload is used again. `is_alone`: no other gateway."""

    def __init__(self, objects: ObjectStore, bucket: str, reuse_s: float, *, is_alone: bool = False) -> None:
        self._objects = objects
        self._bucket = bucket
        self._reuse_s = reuse_s
        self.is_alone = is_alone
        self._recent: LRUCache[str, _Upload] = LRUCache(RECENT_MAX)  # by content
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self._remembering = threading.Lock()

    def once(self, content_id: str, store: Callable[[], ObjectRef]) -> ObjectRef:
        """The upload that has this content; if there is none, what `store` makes. Blocks. Raises StoreUnavailable."""
        with self._lock(content_id):
            ref = self._known(content_id)
            if ref is None:
                ref = store()
                self._remember(content_id, _Upload(ref.key))
            self._remembered(content_id).uses += 1
            return ref

    def announce(self, content_id: str) -> None:
        """To other gateways, once a job has it. Blocks. Without an answer of the store they store it once more."""
        with self._lock(content_id), contextlib.suppress(MurmurError):
            upload = self._remembered(content_id)
            if not upload.is_announced and upload.key:
                self._objects.put(self._bucket, keys.content_key(content_id), upload.key.encode())
                upload.is_announced = True

    def give_up(self, content_id: str, key: str) -> None:
        """No job was made of a submission that has this upload: deletes it if no other has it. As `once()`."""
        with self._lock(content_id):
            upload = self._remembered(content_id)
            upload.uses -= 1
            if upload.key == key and not upload.uses and not upload.is_announced:
                with self._remembering:
                    del self._recent[content_id]
                self._objects.delete(self._bucket, key)

    def _known(self, content_id: str) -> ObjectRef | None:
        if (ref := self._usable(self._remembered(content_id).key)) is not None:
            return ref
        if self.is_alone:
            return None
        try:
            key = self._objects.get(self._bucket, keys.content_key(content_id)).decode()
        except (NotFound, UnicodeDecodeError):
            return None
        ref = self._usable(key) if keys.is_upload(key) else None
        if ref is not None:
            self._remember(content_id, _Upload(key, is_announced=True))
        return ref

    def _usable(self, key: str) -> ObjectRef | None:
        if not key:
            return None
        try:
            info = self._objects.head(self._bucket, key)
        except NotFound:
            return None
        is_young = (datetime.now(UTC) - info.modified_at).total_seconds() < self._reuse_s
        return info.ref if is_young else None

    def _remembered(self, content_id: str) -> _Upload:
        with self._remembering:
            return self._recent.get(content_id) or _Upload("")

    def _remember(self, content_id: str, upload: _Upload) -> None:
        with self._remembering:
            self._recent[content_id] = upload

    def _lock(self, content_id: str) -> threading.Lock:
        return self._locks[hash(content_id) % LOCKS]
