"""A folder as a bucket with notifications: complete files become events in `uploads`.

At start it lists all files; those announced before are recognised by intake and coordinator.
"""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from watchfiles import watch

from producers.announcer import Announcer
from producers.incoming import Settling, is_free, is_meant
from runtime.errors import Retry, UsageError
from runtime.kafka.client import Kafka
from runtime.logs import get_logger
from runtime.objects import NotFound
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey
from runtime.resources import Resources, Stage

log = get_logger(__name__)
LOOK_S = (0.02, 0.25)  # shortest and longest interval of checking unchanged files
LOOKS_PER_REST = 4
AWAY_S = 1.0  # how often a missing folder is looked for


def build(resources: Resources) -> Stage:
    """Raises UsageError: S3 buckets send notifications themselves."""
    if not isinstance(resources.objects, DirectoryStore):
        raise UsageError("the watcher is for MURMUR_STORE=directory; other stores send their events to Kafka themselves")
    return Watcher(resources.kafka, resources.objects, resources.settings.uploads_bucket, resources.settings.settle_s)


class Watcher:
    """A stage. While the folder is missing it waits, and then lists it again."""

    name = "watcher"

    def __init__(self, kafka: Kafka, objects: DirectoryStore, bucket: str, settle_s: float) -> None:
        self._kafka = kafka
        self._objects = objects
        self._bucket = bucket
        self._settling = Settling(settle_s)
        self._look_s = min(max(settle_s / LOOKS_PER_REST, LOOK_S[0]), LOOK_S[1])
        self._stopping = threading.Event()
        self._watching = False

    def run(self) -> None:
        self._announcer = Announcer(self._kafka, self.name)
        while not self._stopping.is_set():
            try:
                self._watch(self._objects.folder(self._bucket))
            except (Retry, NotFound, FileNotFoundError) as away:
                log.warning("inbox.waiting", error=away, wait_s=AWAY_S)
                self._watching = False
                self._stopping.wait(AWAY_S)

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        return None if self._watching else "the inbox is not watched yet"

    def _watch(self, folder: Path) -> None:
        """Until stopped, or until the folder is removed or replaced."""
        look_ms = int(self._look_s * 1000)
        changes = watch(
            folder,
            watch_filter=None,
            step=min(look_ms, 50),
            debounce=look_ms,
            rust_timeout=look_ms,
            yield_on_timeout=True,
            stop_event=self._stopping,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        watched = folder.stat().st_ino
        for changed in changes:
            if folder.stat().st_ino != watched:
                raise FileNotFoundError(f"{folder} has been replaced by another folder")
            if not self._watching:  # the watch is active: later changes are reported, existing files are listed now
                self._see_all("")
                self._watching = True
            self._see_changed({path[len(str(folder)) + 1 :] for _change, path in changed})
            self._see_changed(self._settling.resting)
            self._announce(folder)

    def _see_all(self, prefix: str) -> None:
        now_s = time.monotonic()
        for info in self._objects.list(self._bucket, prefix):
            if is_meant(info.key):
                self._settling.see(info, now_s)

    def _see_changed(self, keys: Iterable[str]) -> None:
        for key in keys:
            if not key or not is_meant(key):
                continue
            try:
                self._settling.see(self._objects.head(self._bucket, key), time.monotonic())
            except BadKey as error:
                log.warning("file.skipped", file=key, error=error)
            except NotFound:
                self._settling.gone(key)
                self._see_all(f"{key}/")  # a folder that was moved here with its contents

    def _announce(self, folder: Path) -> None:
        whole = [info for info in self._settling.due(time.monotonic()) if is_free(folder / info.key)]
        if whole and self._announcer.announce(whole, datetime.now(UTC), self._stopping):
            for info in whole:
                self._settling.take(info)
                log.debug("file.announced", file=info.key, size_bytes=info.size_bytes)
