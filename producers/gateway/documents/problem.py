"""An error, as RFC 9457 describes it."""

from typing import Literal

from pydantic import ConfigDict, Field

from producers.gateway.documents.document import Document


class ProblemDocument(Document):
    """An error. `reason` is for programs, `detail` for people. Some reasons have more members."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "success": False,
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no task 0b0c7d3e-5a53-4c8e-9d0a-1f1d2f0a7f11.",
                    "reason": "unknown_task",
                }
            ]
        },
    )

    type: str = Field(description="always about:blank")
    success: Literal[False] = Field(description="as in the responses that are not errors")
    title: str = Field(description="the status in words")
    status: int
    detail: str
    reason: str
