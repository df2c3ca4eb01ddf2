"""An error, as RFC 9457 describes it."""

from pydantic import ConfigDict, Field

from producers.gateway.documents.document import Document


class ProblemDocument(Document):
    """An error. `reason` is for programs, `detail` for people. Some reasons have more members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="always about:blank")
    title: str = Field(description="the status in words")
    status: int
    detail: str
    reason: str
