"""The models that jobs may ask for: the one that a submission names, and the document of `/api/models`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from producers.gateway.problems import Problem
from runtime import metrics
from runtime.models import catalogue
from runtime.models.catalogue import Model


def requested_model(name: str, served: Sequence[Model]) -> Model:
    """The one of this name, the first for an empty name. Raises Problem 400 with the names of those that are served."""
    if not name:
        return served[0]
    if (model := catalogue.named(name, served)) is None:
        names = [each.ref.name for each in served]
        use = f"use {', '.join(map(repr, names))}" if len(names) == 1 else f"use one of {', '.join(map(repr, names))}"
        raise Problem(400, "unknown_model", f"The model {name[:80]!r} is not served here; {use}.", served=names)
    return model


def models_document(served: Sequence[Model], readiness: Mapping[str, str | None]) -> dict[str, Any]:
    """The first one is the default. What a transcriber has done with a model is known where it runs in this process
    (`murmur dev`); elsewhere it is null, and in the metrics of its process."""
    return {"models": [_model(model, model == served[0], _use(model, readiness)) for model in served]}


def _model(model: Model, default: bool, use: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": model.ref.name,
        "default": default,
        "revision": model.ref.revision,
        "languages": model.languages,
        **use,
        "warnings": [warning.model_dump(mode="json") for warning in catalogue.warnings_of(model.ref)],
    }


def _use(model: Model, readiness: Mapping[str, str | None]) -> dict[str, Any]:
    name = model.ref.name
    if "transcriber" not in readiness:
        return dict.fromkeys(("state", "loads", "load_s", "windows", "memory_bytes"))
    loads, memory_bytes = metrics.value("murmur_model_load_seconds_count", model=name), _count("murmur_model_memory_bytes", name)
    loading = "loading" if readiness["transcriber"] and not loads else "not loaded"
    return {
        "state": "loaded" if memory_bytes else loading,
        "loads": int(loads),
        "load_s": round(metrics.value("murmur_model_load_seconds_sum", model=name) / loads, 3) if loads else None,
        "windows": _count("murmur_model_windows_total", name),
        "memory_bytes": memory_bytes,
    }


def _count(metric: str, model: str) -> int:
    return int(metrics.value(metric, model=model))
