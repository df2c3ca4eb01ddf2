"""The base class of all documents."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A JSON object. A field with a default may be missing."""

    model_config = ConfigDict(frozen=True)
