"""The whole system in one process: embedded broker, a directory as object store, every stage in a thread.

Built from the same `build()` functions as `murmur run`; only their resources differ. Used by `murmur dev`, `murmur transcribe`
and the pipeline tests.
"""

import fcntl
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TextIO

from murmur import stages
from murmur.dev import seed
from murmur.dev.kafka_port import start_broker
from runtime.errors import UsageError
from runtime.gc_pause import collect_less_often
from runtime.kafka.embedded import EmbeddedBroker
from runtime.logs import get_logger
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.probe import Probe
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from runtime.supervision import Supervised
from runtime.work_folders import CHUNK_RESULTS, WorkFolders

log = get_logger(__name__)
STOP_S = 2.5  # all stages together; one that hangs longer ends with the process


class Dev:
    """`start()`, then `wait()` until `stop()` is called; `close()` ends everything and is idempotent."""

    def __init__(self, settings: Settings, only: Sequence[str] = tuple(stages.STAGES)) -> None:
        self.settings = with_folders(settings)
        self._only = [name for name in only if name != "corrector" or settings.corrects]
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._running: dict[str, Supervised] = {}
        self._gateway: Stage | None = None
        self._lock: TextIO | None = None
        self._probe: Probe | None = None
        self.broker: EmbeddedBroker | None = None

    def start(self) -> None:
        """Raises UsageError: no such model, folders inside each other, data in use by another process."""
        collect_less_often()
        settings = self.settings
        model, other_models = catalogue.of(settings), catalogue.others(settings)
        objects = store_of(settings)
        self._lock = locked(settings.data_dir)
        try:
            objects.create()
            objects.sweep()
        except OSError as error:
            raise _unusable(settings.data_dir, error) from error
        self.broker = start_broker(settings)
        remembered = seed.remember(self.broker, settings, objects, [each.ref for each in (model, *other_models)])
        self._probe = stages.probe_of(settings)
        self.resources = Resources(
            settings,
            self.broker.kafka(),
            objects,
            model,
            settings.data_dir,
            remembered.drops,
            other_models,
            self._probe,
            WorkFolders(settings.data_dir / CHUNK_RESULTS),
        )
        self._running = {name: self._supervised(name) for name in self._only}
        for stage in self._running.values():
            stage.start()
        seed.request_again(self.broker, remembered.requests)

    def not_ready(self) -> dict[str, str | None]:
        """For every stage, why it cannot work yet; None when it can."""
        return {name: stage.not_ready() for name, stage in self._running.items()}

    @property
    def address(self) -> str | None:
        """The gateway's URL once it listens."""
        return getattr(self._gateway, "address", None)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether it was stopped. Raises the error that ended a stage for good."""
        stopped = self._stopped.wait(timeout_s)
        if self._failure is not None:
            raise self._failure
        return stopped

    def wait_ready(self, timeout_s: float) -> None:
        """Until every stage can work. Raises UsageError with what is missing."""
        deadline_s = time.monotonic() + timeout_s
        while missing := [why for why in self.not_ready().values() if why]:
            if time.monotonic() > deadline_s:
                raise UsageError(f"not ready after {timeout_s:.0f} s: {'; '.join(missing)}")
            if self.wait(0.02):
                return

    def stop(self) -> None:
        """Makes `wait()` return. May be called from any thread and from signal handlers."""
        self._stopped.set()

    def close(self) -> None:
        self.stop()
        if self.broker is not None:
            self.broker.release()
        for stage in self._running.values():
            stage.stop()
        deadline_s = time.monotonic() + STOP_S
        left = [s.name for s in self._running.values() if not s.join(max(0.0, deadline_s - time.monotonic()))]
        if left:
            log.warning("stage.left", stages=left)
        elif self.broker is not None:
            self.broker.close()
        self.broker = None
        if self._probe is not None:
            self._probe.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _supervised(self, name: str) -> Supervised:
        def build() -> Stage:
            stage = stages.build(name, self.resources)
            if name == "gateway":
                self._gateway = stage
                stage.readiness = lambda: {n: why for n, why in self.not_ready().items() if n != "gateway"}  # type: ignore[attr-defined]
            return stage

        return Supervised(name, build, self._ended)

    def _ended(self, name: str, failure: BaseException | None) -> None:
        if failure is not None:
            self._failure = failure
            self._stopped.set()


def with_folders(settings: Settings) -> Settings:
    """The settings with absolute paths for inbox, outbox and data, the directory store, a model chosen by device, and the URL
    of the gateway where that can be known."""
    data_dir = settings.data_dir.absolute()
    inbox = (settings.inbox or data_dir / "inbox").absolute()
    outbox = (settings.outbox or inbox.parent / "transcripts").absolute()
    model = catalogue.chosen(settings) or catalogue.default_for(settings.device)
    chosen = {"data_dir": data_dir, "inbox": inbox, "outbox": outbox, "model": model, "store": "directory"}
    return settings.model_copy(update={**chosen, "public_url": settings.public_url or _own_url(settings)})


def _own_url(settings: Settings) -> str | None:
    """As it is reached from this machine; None: at a port that is not known before it is used, or at an address of all."""
    if not settings.gateway_port or settings.gateway_host in ("", "0.0.0.0", "::"):
        return None
    host = f"[{settings.gateway_host}]" if ":" in settings.gateway_host else settings.gateway_host
    return f"http://{host}:{settings.gateway_port}{settings.base_path}"


def store_of(settings: Settings) -> DirectoryStore:
    """The object store of `murmur dev` with these settings. Raises UsageError: folders inside each other."""
    settings = with_folders(settings)
    inbox, outbox = folders(settings)
    return DirectoryStore(
        {
            settings.uploads_bucket: inbox,
            settings.work_bucket: settings.data_dir / "work",
            settings.results_bucket: outbox,
        }
    )


def folders(settings: Settings) -> tuple[Path, Path]:
    """Inbox and outbox. Raises UsageError when one contains the other: results would be taken as input."""
    assert settings.inbox is not None
    assert settings.outbox is not None
    inbox, outbox = settings.inbox.resolve(), settings.outbox.resolve()
    if inbox.is_relative_to(outbox) or outbox.is_relative_to(inbox):
        raise UsageError(f"inbox ({inbox}) and outbox ({outbox}) must not contain each other: set --outbox to another folder")
    return inbox, outbox


def locked(data_dir: Path) -> TextIO:
    """Until the file is closed. Raises UsageError: the data are in use."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "lock").open("w")
    except OSError as error:
        raise _unusable(data_dir, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UsageError(f"{data_dir} is in use by another murmur: stop it, or choose another folder with --data") from None
    return file


def _unusable(data_dir: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{error.filename or data_dir}: {error.strerror}. Free some space there, or choose another folder with --data"
    )
