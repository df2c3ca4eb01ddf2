"""The AsyncAPI document: valid by its official schema, and true of what is on the topics."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from schemas import asyncapi, codec
from schemas.jobs import Job, JobChanged
from schemas.options import ModelRef
from schemas.topics import JOBS
from tests.node import npm_package

SPECS = ("@asyncapi/specs", "6.11.1")  # the official JSON Schemas
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asyncapi.document("murmur.", "1.2.3")))
    return found


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads((npm_package(*SPECS) / "schemas/3.0.0.json").read_text()))


def test_the_document_is_valid_asyncapi_3(document: dict[str, Any], official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(document)] == []


def test_the_official_schema_refuses_what_is_none(document: dict[str, Any], official: Draft7Validator) -> None:
    wrong = document | {"channels": {"transcripts": {"adress": "murmur.transcripts"}}}
    assert list(official.iter_errors(wrong))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                found.append(reference)
                at: Any = document
                for part in reference.removeprefix("#/").split("/"):
                    at = at[part]
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)
    assert len(found) > 20


def test_the_topics_have_the_prefix_of_the_installation() -> None:
    channels = asyncapi.document("team.", "1")["channels"]
    assert channels["transcripts"]["address"] == "team.transcripts"
    assert channels["transcripts"]["bindings"]["kafka"]["topic"] == "team.transcripts"


def test_a_record_and_its_headers_are_as_described(document: dict[str, Any]) -> None:
    job = Job(job_id=UUID(int=1), source="http", filename="a.wav", submitted_at=NOW)
    model = ModelRef(name="demo", revision="1")
    record = JobChanged(job=job, work_id="a" * 64, audio_id="b" * 64, model=model, state="PENDING", changed_at=NOW)
    message = document["components"]["messages"]["job.v1"]
    payload = {**document, **message["payload"]}  # so that its references resolve
    assert [error.message for error in Draft202012Validator(payload).iter_errors(json.loads(codec.encode(record)))] == []
    assert list(Draft202012Validator(payload).iter_errors({"version": 1}))
    headers = {name: value.decode() for name, value in codec.headers(record, "murmur/coordinator", NOW) if value is not None}
    assert [error.message for error in Draft202012Validator(message["headers"]).iter_errors(headers)] == []
    assert document["channels"][JOBS.name]["bindings"]["kafka"]["topicConfiguration"] == {"cleanup.policy": ["compact"]}
