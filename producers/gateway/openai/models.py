"""The models by the names that OpenAI's clients use: `whisper-1` is the default model of this installation."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from producers.gateway.documents.openai import OpenAiModel, OpenAiModels
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.openai.envelope import ERRORS, PREFIX
from runtime.models import catalogue
from runtime.models.catalogue import Model

DEFAULT = "whisper-1"
OWNER = "murmur"


class OpenAiModelList:
    def __init__(self, served: Sequence[Model]) -> None:
        self._served = served

    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{PREFIX}/models", self.all, "The models", "OpenAI", responses={200: OpenAiModels}, errors=ERRORS),
            Route(
                "GET",
                f"{PREFIX}/models/{{model}}",
                self.one,
                "A model",
                "OpenAI",
                responses={200: OpenAiModel},
                problems=("model_not_found",),
                errors=ERRORS,
            ),
        ]

    async def all(self, _request: web.Request) -> web.Response:
        names = dict.fromkeys((DEFAULT, *(model.ref.name for model in self._served)))
        return json_response({"object": "list", "data": [_document(name) for name in names]})

    async def one(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        find(name, self._served)
        return json_response(_document(name))


def find(name: str, served: Sequence[Model]) -> Model:
    """Raises Problem 404."""
    model = catalogue.named(name, served) or (served[0] if name == DEFAULT else None)
    if model is None:
        names = ", ".join(repr(each) for each in dict.fromkeys((DEFAULT, *(each.ref.name for each in served))))
        raise Problem(404, "model_not_found", f"The model {name[:80]!r} does not exist here; use one of {names}.", field="model")
    return model


def _document(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
