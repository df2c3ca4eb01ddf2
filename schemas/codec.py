"""Bytes and headers of a record, and back.

CloudEvents 1.0 in Kafka's binary mode: the attributes are headers, the value is the data.

Format: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from datetime import datetime
from typing import TypeVar

import orjson
from pydantic import ValidationError

from schemas.record import Record, TraceContext

Headers = list[tuple[str, bytes]]


class Undecodable(ValueError):
    """The bytes are not a record that this version supports. `reason` is the dead letter's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def encode(record: Record) -> bytes:
    """The value: JSON, UTF-8, times as RFC 3339; unknown fields that were read are written again."""
    return orjson.dumps(record.model_dump(mode="json"))


def headers(record: Record, source: str, at: datetime, trace: TraceContext | None = None) -> Headers:
    """The CloudEvents attributes and the trace context: `trace`, or the record's own. `source` is the stage that writes, such as
    `murmur/coordinator`."""
    context = trace or record.trace_context
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": record.event_id,
        "ce_source": source,
        "ce_type": record.cloud_event_type(),
        "ce_subject": record.subject,
        "ce_time": at.isoformat(),
        "content-type": "application/json",
        **(context.headers if context is not None else {}),
    }
    return [(name, value.encode()) for name, value in attributes.items()]


R = TypeVar("R", bound=Record)


def decode(kind: type[R], value: bytes | None) -> R:
    """Raises Undecodable: a tombstone, not JSON, not an object, an unsupported version, or the wrong fields."""
    if value is None:
        raise Undecodable("tombstone", f"an empty value where a {kind.TYPE} was expected")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", str(error)) from error
    if not isinstance(data, dict):
        raise Undecodable("wrong_schema", f"a {kind.TYPE} is a JSON object, not {type(data).__name__}")
    version = data.get("version", kind.VERSION)
    if version != kind.VERSION:
        raise Undecodable("unknown_version", f"version {version!r} of {kind.TYPE}; this is murmur with {kind.VERSION}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise Undecodable("wrong_schema", _first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
