"""The types of events that a webhook can be sent for, named as Standard Webhooks suggests it. Pure."""

from collections.abc import Mapping
from typing import Literal, get_args

from schemas.jobs import State

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
ENDS: tuple[EventType, ...] = (COMPLETED, FAILED, REVOKED)  # of a job; an endpoint that names no types gets these
