"""The models that jobs may ask for: the one that a submission names, and the document of `/api/models`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from producers.gateway.problems import Problem
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
    """The first one is the default. `state` is known where the transcriber runs in this process (`murmur dev`)."""
    state = None
    if "transcriber" in readiness:
        state = "loading" if readiness["transcriber"] else "loaded"
    return {"models": [_model(model, state if model == served[0] else None, default=model == served[0]) for model in served]}


def _model(model: Model, state: str | None, *, default: bool) -> dict[str, Any]:
    return {
        "id": model.ref.name,
        "default": default,
        "revision": model.ref.revision,
        "languages": model.languages,
        "state": state,
        "warnings": [warning.model_dump(mode="json") for warning in catalogue.warnings_of(model.ref)],
    }
