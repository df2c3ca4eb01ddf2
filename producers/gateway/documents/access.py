"""What is said about an API key."""

from pydantic import Field

from producers.gateway.documents.document import Document


class KeyDocument(Document):
    """The owner and the limits of the key of a request; null: no limit."""

    owner: str = Field(description="of the jobs that are submitted with the key")
    admin: bool = Field(description="may see the jobs of all owners")
    key_required: bool = Field(description="whether this gateway requires keys")
    requests_per_minute: int | None = Field(description="at each gateway")
    submissions_per_minute: int | None = Field(description="at each gateway")
    unfinished_jobs_max: int | None = Field(description="of the owner, at all gateways together")
    waiting_requests_max: int | None = Field(description="event streams and other requests that wait for jobs, at each gateway")
    unfinished_jobs: int = Field(description="jobs of the owner that have not ended")
