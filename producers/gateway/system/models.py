"""The models that jobs may ask for: the one that a submission names, and the document of `/api/models`. Pure."""

from collections.abc import Sequence
from typing import Any, get_args

from producers.gateway.http.problems import Problem
from runtime.models import catalogue
from runtime.models.catalogue import Model
from schemas.worker import ModelState, WorkerReported

STATES: tuple[ModelState, ...] = get_args(ModelState)  # from the first to the last


def requested_model(name: str, served: Sequence[Model]) -> Model:
    """The one of this name, the first for an empty name. Raises Problem 400 with the names of those that are served."""
    if not name:
        return served[0]
    if (model := catalogue.named(name, served)) is None:
        names = [each.ref.name for each in served]
        use = f"use {', '.join(map(repr, names))}" if len(names) == 1 else f"use one of {', '.join(map(repr, names))}"
        raise Problem(400, "unknown_model", f"The model {name[:80]!r} is not served here; {use}.", served=names)
    return model


def models_document(served: Sequence[Model], reports: Sequence[WorkerReported]) -> dict[str, Any]:
    """The first one is the default. What was done with a model is the sum over `reports`; null where none has it."""
    return {"models": [_model(model, model == served[0], _use(model, reports)) for model in served]}


def _model(model: Model, default: bool, use: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": model.ref.name,
        "default": default,
        "revision": model.ref.revision,
        "languages": model.languages,
        **use,
        "warnings": [warning.model_dump(mode="json") for warning in catalogue.warnings_of(model.ref)],
    }


def _use(model: Model, reports: Sequence[WorkerReported]) -> dict[str, Any]:
    """The state of the worker that is furthest; `load_s`: the mean of all loads."""
    ref = model.ref
    uses = [use for report in reports for use in report.models if (use.name, use.revision) == (ref.name, ref.revision)]
    if not uses:
        return dict.fromkeys(("state", "workers", "loads", "load_s", "windows", "memory_bytes"))
    states, loads = [use.state for use in uses], sum(use.loads for use in uses)
    return {
        "state": max(states, key=STATES.index),
        "workers": states.count("loaded"),
        "loads": loads,
        "load_s": round(sum(use.load_s for use in uses) / loads, 3) if loads else None,
        "windows": sum(use.windows for use in uses),
        "memory_bytes": sum(use.memory_bytes for use in uses),
    }
