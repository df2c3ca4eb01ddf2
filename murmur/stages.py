"""The names of all stages and where each is built. Nothing of a stage is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from runtime.errors import UsageError

if TYPE_CHECKING:  # the command line names the stages in its help, and must stay quick
    from runtime.resources import Resources, Stage

STAGES = {
    "gateway": "producers.gateway",
    "watcher": "producers.watcher",
    "reconciler": "producers.reconciler",
    "intake": "processors.intake",
    "coordinator": "processors.coordinator",
    "slicer": "processors.slicer",
    "transcriber": "processors.transcriber",
    "store": "sinks.store",
    "webhooks": "sinks.webhooks",
    "metrics": "sinks.metrics",
}


def of(store: str) -> list[str]:
    """What `all` means: a bucket announces its objects itself, a folder needs the watcher."""
    return [name for name in STAGES if name != "watcher" or store == "directory"]


def check(name: str) -> None:
    """Raises UsageError for a name that is none."""
    if name not in STAGES:
        raise UsageError(f"there is no stage {name!r}. There are: {', '.join(STAGES)}")


def build(name: str, resources: Resources) -> Stage:
    """Raises UsageError for a name that is none, or for what the stage finds missing."""
    check(name)
    stage: Stage = import_module(STAGES[name]).build(resources)
    return stage
