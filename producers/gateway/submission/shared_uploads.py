"""One upload for each content, however often its owner submits it: where a file that was uploaded earlier is in the store.

Used by a submission when its file is complete and can be transcribed, and by the deletion of a job. A small object, named by the
content, has the key of the upload for other gateways. An upload is used again only as long as it is certainly not being removed:
by retention (`runtime/retention.py`), or with the last of its jobs.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from cachetools import LRUCache

from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.errors import MurmurError
from runtime.objects import NotFound, ObjectStore, keys
from runtime.resources import Resources
from runtime.retention import kept_upload_reuse_s, upload_reuse_s
from schemas.record import ObjectRef

RECENT_MAX = 4096
LOCKS = 64  # submissions of one content wait for each other, those of others hardly


@dataclass(slots=True)
class _Upload:
    """`pending`: submissions of this process that have it and are neither accepted nor given up. `jobs`: how many were accepted
    and may have it still. `is_announced`: other gateways may have it, too; `announced_s`: when this one wrote that last."""

    key: str
    pending: int = 0
    jobs: int = 0
    is_announced: bool = False
    announced_s: float = -inf


class SharedUploads:
    """From any thread. `reuse_s`: for how long after it was stored an upload is used again. `is_kept`: whether the jobs that have
    the upload with this key keep it for long enough, however old it is. `is_alone`: no other gateway."""

    @classmethod
    def of(cls, resources: Resources, view: View) -> "SharedUploads":
        settings, is_alone = resources.settings, resources.local_state is not None

        def is_kept(key: str) -> bool:
            with contextlib.suppress(ViewUnavailable):
                return view.jobs.has_upload_since(key, time.time() - kept_upload_reuse_s(settings))
            return False

        return cls(resources.objects, settings.work_bucket, upload_reuse_s(settings), is_kept, is_alone=is_alone)

    def __init__(
        self,
        objects: ObjectStore,
        bucket: str,
        reuse_s: float,
        is_kept: Callable[[str], bool] = lambda key: False,
        *,
        is_alone: bool = False,
    ) -> None:
        self._objects = objects
        self._bucket = bucket
        self._reuse_s = reuse_s
        self._is_kept = is_kept
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
            with self._remembering:
                self._of(content_id).pending += 1
            return ref

    def accepted(self, content_id: str, key: str) -> None:
        """A job was made of a submission that has this upload, and is in the view. Does not block."""
        with self._remembering:
            if (upload := self._of(content_id)).key == key:
                upload.pending, upload.jobs = upload.pending - 1, upload.jobs + 1

    def announce(self, content_id: str) -> None:
        """To other gateways, once a job has it, and now and then again, since the announcement has an age. Blocks. Without an
        answer of the store they store it once more."""
        if self.is_alone:
            return
        with self._lock(content_id), contextlib.suppress(MurmurError):
            upload = self._remembered(content_id)
            if upload.key and time.monotonic() - upload.announced_s > self._reuse_s:
                self._objects.put(self._bucket, keys.content_key(content_id), upload.key.encode())
                upload.is_announced, upload.announced_s = True, time.monotonic()

    def give_up(self, content_id: str, key: str) -> None:
        """No job was made of a submission that has this upload: deletes it if no other has it. As `once()`."""
        with self._lock(content_id):
            with self._remembering:
                if (upload := self._of(content_id)).key != key:
                    return
                upload.pending -= 1
                is_unused = not upload.pending and not upload.jobs
                if is_unused:
                    del self._recent[content_id]
            if is_unused:
                self._objects.delete(self._bucket, key)

    def withdraw(self, content_id: str, key: str, is_used: Callable[[], bool]) -> bool:
        """Before this upload is deleted with its last job: no later submission gets it, in other gateways neither. False: it has
        to stay, since a submission has it or, as `is_used` says from the view, another job. Blocks. Raises StoreUnavailable."""
        with self._lock(content_id):
            upload = self._remembered(content_id)
            jobs = upload.jobs
            if is_used():
                return False
            with self._remembering:
                if upload.key == key:
                    if upload.jobs != jobs:  # accepted in the meantime
                        return False
                    upload.jobs = 0
                    if upload.pending:
                        return False
                    self._recent.pop(content_id, None)
            if not self.is_alone and self._announced(content_id) == key:
                self._objects.delete(self._bucket, keys.content_key(content_id))
            return True

    def _known(self, content_id: str) -> ObjectRef | None:
        """What is announced is looked for in the store each time: another gateway may have withdrawn it."""
        upload = self._remembered(content_id)
        if self.is_alone or (upload.key and not upload.is_announced):
            return self._usable(upload.key)
        ref = self._usable(self._announced(content_id))
        if ref is not None and ref.key != upload.key:
            self._remember(content_id, _Upload(ref.key, jobs=1, is_announced=True))
        return ref

    def _announced(self, content_id: str) -> str:
        """The upload that other gateways find; empty: none."""
        try:
            key = self._objects.get(self._bucket, keys.content_key(content_id)).decode()
        except (NotFound, UnicodeDecodeError):
            return ""
        return key if keys.is_upload(key) else ""

    def _usable(self, key: str) -> ObjectRef | None:
        if not key:
            return None
        try:
            info = self._objects.head(self._bucket, key)
        except NotFound:
            return None
        is_young = (datetime.now(UTC) - info.modified_at).total_seconds() < self._reuse_s
        return info.ref if is_young or self._is_kept(key) else None

    def _remembered(self, content_id: str) -> _Upload:
        with self._remembering:
            return self._of(content_id)

    def _of(self, content_id: str) -> _Upload:
        return self._recent.get(content_id) or _Upload("")

    def _remember(self, content_id: str, upload: _Upload) -> None:
        with self._remembering:
            self._recent[content_id] = upload

    def _lock(self, content_id: str) -> threading.Lock:
        return self._locks[hash(content_id) % LOCKS]
