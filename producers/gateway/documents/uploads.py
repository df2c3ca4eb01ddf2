"""What is said about uploads that go directly to the store."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document


class UploadForm(Document):
    """Where the file goes, as multipart/form-data: `fields` first, then the file as the part `file`."""

    method: Literal["POST"]
    url: str
    fields: dict[str, str]


class Upload(Document):
    """A job whose file is still to be uploaded."""

    success: Literal[True]
    task_id: str = Field(description="of the job that there will be", json_schema_extra={"format": "uuid"})
    status_url: str = Field(description="404 until the file has arrived")
    upload_url: str
    upload: UploadForm
    max_bytes: int
    expires_at: AwareDatetime


class UploadStatus(Document):
    """Whether the file has arrived."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    state: Literal["WAITING", "RECEIVED", "EXPIRED"]
    status_url: str
    expires_at: AwareDatetime | None = Field(description="null: the file has arrived")
