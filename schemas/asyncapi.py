"""The topics that programs outside may consume, as an AsyncAPI 3 document: made from the topics and their records.

`schemas/asyncapi.json` is generated from it; the gateway serves it as `/asyncapi.json`.
"""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas.record import Record
from schemas.topics import JOBS, PROGRESS, TRANSCRIPTS, Topic

PUBLIC: tuple[Topic, ...] = (TRANSCRIPTS, JOBS, PROGRESS)
BINDING = "0.5.0"
ABOUT = """Finished transcripts, the states of jobs and their progress. Records are written in transactions: consume them with
`isolation.level=read_committed`. A consumer skips records of a `version` that it does not know, and ignores unknown fields: later
versions add some. A record may come again; its `ce_id` is the same then. A record of `jobs` without a value says that the
job is forgotten."""
ATTRIBUTES = {
    "ce_specversion": "always 1.0",
    "ce_id": "derived from what the record says, so that a repeat has the same",
    "ce_source": "the stage that has written it",
    "ce_type": "the record's type and version",
    "ce_subject": "the job or the work that it is about",
    "ce_time": "when it was written",
}
OPTIONAL = {"traceparent": "W3C Trace Context of the job, if it has one", "tracestate": "the same"}


def document(prefix: str, version: str) -> dict[str, Any]:
    """`prefix`: of the topics of this installation. `version`: murmur's."""
    records = [topic.record for topic in PUBLIC if topic.record is not None]
    return {
        "asyncapi": "3.0.0",
        "id": "urn:murmur:topics",
        "info": {
            "title": "murmur",
            "version": version,
            "description": " ".join(ABOUT.split()),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, prefix) for topic in PUBLIC},
        "operations": {f"send-{topic.name}": _operation(topic) for topic in PUBLIC},
        "components": {
            "messages": {_name(topic): _message(topic) for topic in PUBLIC},
            "schemas": _schemas(records),
        },
    }


def _name(topic: Topic) -> str:
    assert topic.record is not None
    return f"{topic.record.TYPE}.v{topic.record.VERSION}"


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": topic.cleanup.split(",")}
    if "delete" in topic.cleanup:
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": prefix + topic.name,
        "messages": {_name(topic): {"$ref": f"#/components/messages/{_name(topic)}"}},
        "bindings": {
            "kafka": {"topic": prefix + topic.name, "topicConfiguration": configuration, "bindingVersion": BINDING},
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{_name(topic)}"}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    assert topic.record is not None
    headers = {name: {"type": "string", "description": about} for name, about in (ATTRIBUTES | OPTIONAL).items()}
    headers["ce_type"]["const"] = topic.record.cloud_event_type()
    return {
        "name": _name(topic),
        "summary": (topic.record.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": {"type": "object", "properties": headers, "required": [*ATTRIBUTES]},
        "payload": {"$ref": f"#/components/schemas/{topic.record.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}},
    }


def _schemas(records: Sequence[type[Record]]) -> dict[str, Any]:
    """Of the records, and of everything that is in them."""
    _, whole = models_json_schema([(kind, "validation") for kind in records], ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = whole["$defs"]
    return schemas
