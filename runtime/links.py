"""The paths of a job at the gateway, as the gateway serves them and as other stages link to them. Pure."""

from uuid import UUID

from runtime.formats import FORMATS
from runtime.settings import Settings

ASYNC_JOBS = "/api/transcribe/async"


def transcript_path(job_id: UUID, name: str) -> str:
    """`name`: of a format (`runtime.formats`)."""
    return f"{ASYNC_JOBS}/{job_id}/transcript.{FORMATS[name].ending}"


def base(settings: Settings) -> str:
    """What precedes the paths for clients elsewhere: the gateway's public URL, or only its path where that is not set."""
    return (settings.public_url or settings.base_path).rstrip("/")
