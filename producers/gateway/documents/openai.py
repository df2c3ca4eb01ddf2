"""Documents of the paths below `/v1`, with the fields of OpenAI's API."""

from typing import Literal

from pydantic import Field

from producers.gateway.documents.document import Document


class OpenAiModel(Document):
    """A model that a request may name."""

    id: str
    object: Literal["model"]
    created: int = Field(description="always 0: not known")
    owned_by: str


class OpenAiModels(Document):
    """The models, `whisper-1` first."""

    object: Literal["list"]
    data: tuple[OpenAiModel, ...]


class OpenAiErrorDetails(Document):
    """`message` is for people, `code` for programs; `param`: the field that is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiError(Document):
    """An error."""

    error: OpenAiErrorDetails
