"""The argument of every stage's `build()`, and its result.

Made by `murmur run` from the settings, and by `murmur/dev` around the embedded broker; the stages do not know which.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runtime.kafka.client import Kafka
from runtime.models.catalogue import Model
from runtime.objects import ObjectStore, keys
from runtime.objects.transcripts import Transcripts
from runtime.probe import Probe
from runtime.settings import Settings
from runtime.work_folders import WorkFolders
from schemas.record import ObjectRef


@dataclass(frozen=True, slots=True)
class Resources:
    """`model`: the default one; `other_models`: those that a job may ask for instead. `local_state`: in the embedded mode a
    folder of this process alone, for what a real broker would store. `earlier_drops`: there, the objects of which its last
    processes created jobs. `probe`: of gateway and intake; None: they accept files without looking into them. `chunk_results`: of
    unfinished works, in the embedded mode; a real broker has them in its topics."""

    settings: Settings
    kafka: Kafka
    objects: ObjectStore
    model: Model
    local_state: Path | None = None
    earlier_drops: tuple[ObjectRef, ...] = ()
    other_models: tuple[Model, ...] = ()
    probe: Probe | None = None
    chunk_results: WorkFolders = field(default_factory=lambda: WorkFolders(None))
    transcripts: Transcripts = field(init=False)  # of all stages of the process: what one has written another need not read

    def __post_init__(self) -> None:
        object.__setattr__(self, "transcripts", Transcripts(self.objects, self.settings.work_bucket))

    @property
    def models(self) -> tuple[Model, ...]:
        """All that a job may ask for, the default one first."""
        return (self.model, *self.other_models)

    def keep_large(self, name: str, value: bytes) -> ObjectRef:
        """Stores what is too large for a dead letter. Blocks; raises StoreUnavailable. Writing again overwrites with the same."""
        return self.objects.put(self.settings.work_bucket, keys.dead_letter_key(name), value).ref


def from_settings(settings: Settings) -> Resources:
    """For `murmur run`. Raises UsageError for an unknown model."""
    from runtime.models import catalogue
    from runtime.objects import open as stores

    kafka, objects = Kafka.from_settings(settings), stores.from_settings(settings)
    return Resources(settings, kafka, objects, catalogue.of(settings), other_models=catalogue.others(settings))


class Stage(Protocol):
    """A stage, built and not yet running."""

    name: str

    def run(self) -> None:
        """Works until `stop()`; blocks. Raises the error that ended it otherwise."""

    def stop(self) -> None:
        """Makes `run()` return soon. May be called from any thread, repeatedly."""

    def not_ready(self) -> str | None:
        """None when it can do its work, else the reason, for `/readyz`."""
