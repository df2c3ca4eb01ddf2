"""The names of all stages and where each is built. A stage is imported only when it is built."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from runtime.errors import UsageError

if TYPE_CHECKING:  # the help of the command line lists the stages, and must stay quick
    from runtime.probe import Probe
    from runtime.resources import Resources, Stage
    from runtime.settings import Settings

STAGES = {
    "gateway": "producers.gateway",
    "watcher": "producers.watcher",
    "reconciler": "producers.reconciler",
    "intake": "processors.intake",
    "coordinator": "processors.coordinator",
    "slicer": "processors.slicer",
    "transcriber": "processors.transcriber",
    "corrector": "processors.corrector",
    "store": "sinks.store",
    "webhooks": "sinks.webhooks",
    "metrics": "sinks.metrics",
    "retention": "sinks.retention",
}


PROBING = ("gateway", "intake")


def of(store: str, *, corrects: bool = False) -> list[str]:
    """What `all` means: an S3 store sends notifications itself, a directory needs the watcher; texts are corrected where that is
    configured."""
    return [name for name in STAGES if (name != "watcher" or store == "directory") and (name != "corrector" or corrects)]


def check(name: str) -> None:
    """Raises UsageError for an unknown name."""
    if name not in STAGES:
        raise UsageError(f"unknown stage {name!r}. Stages: {', '.join(STAGES)}")


def probe_of(settings: Settings) -> Probe:
    """For the stages of PROBING. It starts no process before it is used, or before its `start()`."""
    from processors.slicer.sandbox.prober import Prober
    from processors.slicer.sandbox.process import Limits

    return Prober(Limits(settings.decoder_memory_mb << 20, settings.decoder_cpu_s), settings.max_audio_s)


def build(name: str, resources: Resources) -> Stage:
    """Raises UsageError for an unknown name, or for something that the stage needs and does not find."""
    check(name)
    stage: Stage = import_module(STAGES[name]).build(resources)
    return stage
