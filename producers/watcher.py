"""A folder as a bucket with notifications: complete files become events in `uploads`.

At start it lists all files, and leaves out those that have their job.
"""

import contextlib
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from cachetools import FIFOCache

from producers.announcer import Announcer
from producers.file_ends import FormerEnds
from producers.folder_watch import Changes, open_watch
from producers.incoming import Settling, is_meant, open_state
from producers.known import read_drops
from producers.parts import is_part
from runtime.errors import Retry, UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey
from runtime.outage import Outage
from runtime.resources import Resources, Stage
from schemas.topics import REQUESTS

log = get_logger(__name__)
LOOK_S = (0.02, 0.25)  # shortest and longest interval of checking unchanged files
LOOKS_PER_REST = 4
RETRY_S = 1.0  # between two attempts to watch a folder that is missing
NAMED_MAX = 10_000  # ignored entries, so that each is named in the log once


def build(resources: Resources) -> Stage:
    """Raises UsageError: S3 buckets send notifications themselves."""
    if not isinstance(resources.objects, DirectoryStore):
        raise UsageError("the watcher is for MURMUR_STORE=directory; other stores send their events to Kafka themselves")
    settings = resources.settings
    settling = Settling(settings.settle_s, settings.settle_grown_s)
    for drop in resources.earlier_drops:
        settling.know(drop)
    return Watcher(resources.kafka, resources.objects, settings.uploads_bucket, settling, look_s(settings.settle_s))


def look_s(settle_s: float) -> float:
    """How often files that may be due are looked at."""
    return min(max(settle_s / LOOKS_PER_REST, LOOK_S[0]), LOOK_S[1])


class Watcher:
    """A stage. While the folder is missing it waits, and then lists it again."""

    name = "watcher"

    def __init__(self, kafka: Kafka, objects: DirectoryStore, bucket: str, settling: Settling, look_s: float) -> None:
        self._kafka = kafka
        self._objects = objects
        self._bucket = bucket
        self._settling = settling
        self._look_s = look_s
        self._ends = FormerEnds(objects)
        self._named: FIFOCache[str, None] = FIFOCache(NAMED_MAX)
        self._stopping = threading.Event()
        self._outage = Outage(self.name)
        self._watching = False
        self._has_read_requests = False

    def run(self) -> None:
        self._announcer = Announcer(self._kafka, self.name)
        while not self._stopping.is_set():
            try:
                self._watch(self._objects.folder(self._bucket))
            except (Retry, NotFound, OSError) as error:
                self._outage.started(error)
                self._watching = False
                self._stopping.wait(RETRY_S)

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        return None if self._watching else self._outage.reason or "the inbox is not watched yet"

    def _read_requests(self) -> None:
        """What has its job, as far as `requests` reaches back."""
        with contextlib.closing(Follower(self._kafka, [REQUESTS])) as requests:
            for drop, _at in read_drops(requests, self._stopping):
                self._settling.know(drop)

    def _watch(self, folder: Path) -> None:
        """Until stopped, or until the folder is removed or replaced."""
        if not self._has_read_requests:
            self._read_requests()
            self._has_read_requests = True
        watched = folder.stat().st_ino
        with contextlib.closing(open_watch(folder, self._stopping)) as watch:
            self._settling.tells_complete = watch.tells_complete
            while not self._stopping.is_set():
                changes = watch.poll(self._look_s)
                if folder.stat().st_ino != watched:
                    raise FileNotFoundError(f"{folder} has been replaced by another folder")
                self._see(changes)
                self._watching = True
                self._outage.ended()
                self._announce()

    def _see(self, changes: Changes) -> None:
        now_s = time.monotonic()
        if changes.unknown:
            for listed in self._objects.list(self._bucket):
                if self._is_meant(listed.key):
                    self._settling.see(listed, now_s)
        for key in changes.moved:
            self._gone(key)
        for key in changes.seen | changes.written | changes.complete | set(self._settling.resting):
            if (info := self._found(key)) is None:
                self._gone(key)
            elif key in changes.complete:
                self._settling.complete(info, now_s, replaced=self._ends.is_replaced(info))
            else:
                self._settling.see(info, now_s, written=key in changes.written)

    def _gone(self, key: str) -> None:
        self._settling.gone(key)
        self._ends.forget(key)

    def _found(self, key: str) -> ObjectInfo | None:
        """None: no file, or not one to transcribe."""
        if not self._is_meant(key):
            return None
        try:
            return self._objects.head(self._bucket, key)
        except (NotFound, BadKey) as error:
            log.debug("file.skipped", file=key, error=error)
            return None

    def _is_meant(self, key: str) -> bool:
        if is_meant(key):
            return True
        self._ignored(key, "hidden, unfinished, or of the operating system")
        return False

    def _ignored(self, key: str, reason: str) -> None:
        """Named once in the log."""
        if key not in self._named:
            self._named[key] = None
            log.info("file.ignored", file=key, reason=reason)

    def _announce(self) -> None:
        due = self._settling.due(time.monotonic())
        whole = [info for info in due if self._is_whole(info)]
        if whole and self._announcer.announce(whole, datetime.now(UTC), self._stopping):
            for info in whole:
                self._settling.take(info)
                log.debug("file.announced", file=info.key, size_bytes=info.size_bytes)

    def _is_whole(self, info: ObjectInfo) -> bool:
        state = open_state(self._objects, info)
        if state == "gone":
            if self._found(info.key) is not None:  # a later change of its permissions is seen
                self._ignored(info.key, "it cannot be read")
            self._gone(info.key)
        if state != "closed" and (state != "unknown" or self._settling.is_open(info.key)):
            return False
        if not self._settling.has_grown(info.key) and is_part(self._objects, info):
            self._settling.will_grow(info.key)
            return False
        return True
