"""The document of `/api/models`. Pure."""

from collections.abc import Mapping
from typing import Any

from runtime.models import catalogue
from runtime.models.catalogue import Model


def models_document(model: Model, readiness: Mapping[str, str | None]) -> dict[str, Any]:
    """One model is served, and it is the default. `state` is known where the transcriber runs in this process (`murmur dev`)."""
    state = None
    if "transcriber" in readiness:
        state = "loading" if readiness["transcriber"] else "loaded"
    served = {
        "id": model.ref.name,
        "default": True,
        "revision": model.ref.revision,
        "languages": model.languages,
        "state": state,
        "warnings": [warning.model_dump(mode="json") for warning in catalogue.warnings_of(model.ref)],
    }
    return {"models": [served]}
