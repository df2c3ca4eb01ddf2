"""The types of events that a webhook can be sent for, named as Standard Webhooks suggests it. Pure."""

from collections.abc import Mapping
from typing import Literal, get_args
from uuid import UUID

from schemas.jobs import JobChanged, State

EventType = Literal[
    "transcription.completed",
    "transcription.failed",
    "transcription.revoked",
    "transcription.started",
    "transcription.progress",
    "endpoint.disabled",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)  # those that an endpoint can subscribe to
COMPLETED: EventType = "transcription.completed"
FAILED: EventType = "transcription.failed"
REVOKED: EventType = "transcription.revoked"
STARTED: EventType = "transcription.started"
PROGRESS: EventType = "transcription.progress"
ENDPOINT_DISABLED: EventType = "endpoint.disabled"
TEST = "webhook.test"  # only where the owner of an endpoint asks for it
OF_STATE: Mapping[State, EventType] = {"SUCCESS": COMPLETED, "FAILURE": FAILED, "REVOKED": REVOKED, "STARTED": STARTED}
# Attempted once: the next one or the end of the job says more, and whoever requests a test waits for its result.
ONCE = frozenset({PROGRESS, TEST})
ENDS: tuple[EventType, ...] = (COMPLETED, FAILED, REVOKED)  # of a job; an endpoint that names no types gets these


def webhook_id(event: JobChanged) -> str:
    """Of the message about this state of a job."""
    return message_id(event.job.job_id, event.state)


def message_id(job_id: UUID, state: State) -> str:
    """Derived, so that a repeat has the same id. Without a dot, which separates the signed parts."""
    return f"msg_{job_id}_{state.lower()}"


def progress_id(job_id: UUID, percent: int) -> str:
    """Of the message that so much of a job is done."""
    return f"msg_{job_id}_progress_{percent}"
