"""`/openapi.json` and `/docs` as a gateway serves them, and whether its JSON is what they say."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from schemas.record import Failure
from schemas.segment import Segment, Word
from schemas.warning import TranscriptWarning
from tests.contract.gateway.running_gateway import (
    API,
    RunningGateway,
    embedded,
    finish,
    progressed,
    publish_state,
    submitted,
)
from tests.waiting import wait_until

Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with embedded(folder, trusted_proxies="127.0.0.1") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def document(gateway: RunningGateway) -> Json:
    answer = gateway.get("/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    found: Json = answer.json
    return found


def test_the_description_names_the_prefix_under_which_it_was_found(gateway: RunningGateway, document: Json) -> None:
    assert document["servers"] == [{"url": "/"}]
    below = gateway.request("GET", "/openapi.json", headers={"X-Forwarded-Prefix": "/speech"})
    assert below.json["servers"] == [{"url": "/speech"}]


def test_the_description_is_not_sent_again_to_who_has_it(gateway: RunningGateway) -> None:
    for path in ("/openapi.json", "/docs"):
        etag = gateway.get(path).headers["ETag"]
        assert gateway.request("GET", path, headers={"If-None-Match": etag}).status == 304


def test_the_page_runs_no_scripts_and_finds_the_description_from_every_path(gateway: RunningGateway) -> None:
    page = gateway.get("/docs")
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if "unsafe" in rule or rule.startswith("script-src")]
    assert b'href="openapi.json"' in page.body
    assert b'href="../openapi.json"' in gateway.get("/docs/").body


def closed(schema: Any) -> Any:
    """The same with no field but those that are described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    if "properties" in inner and schema.get("title") != "ProblemDocument":
        inner["additionalProperties"] = False
    return inner


def check(document: Json, path: str, body: Any, method: str = "get", status: str = "200") -> None:
    schema = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    components = closed(document["components"])
    Draft202012Validator({**schema, "components": components}, format_checker=FormatChecker()).validate(body)


def test_the_status_of_a_job_is_as_described_in_every_state(gateway: RunningGateway, document: Json) -> None:
    path = f"{API}/status/{{task_id}}"
    submission = submitted(gateway)
    where = f"{API}/status/{submission.job.job_id}"
    check(document, path, gateway.get(where).json)
    publish_state(gateway, submission, "STARTED")
    progressed(gateway, submission, 0.5, "Good morning.")
    wait_until(lambda: gateway.get(where).json["progress"]["segments"], "progress")
    check(document, path, gateway.get(where).json)
    finish(gateway, submission, Segment(start=0, end=1, text="A.", words=(Word(start=0, end=1, word="A.", probability=0.5),)))
    check(document, path, gateway.get(where).json)
    check(
        document,
        f"{API}/{{task_id}}/transcript.{{format}}",
        gateway.get(f"{API}/{submission.job.job_id}/transcript.json").json,
    )
    failed = submitted(gateway)
    publish_state(gateway, failed, "FAILURE", error=Failure(reason="no_audio", message="there is none"))
    check(document, path, gateway.get(f"{API}/status/{failed.job.job_id}").json)


def test_what_can_be_done_with_a_job_answers_as_described(gateway: RunningGateway, document: Json) -> None:
    accepted = gateway.submit(b"something")
    check(document, API, accepted.json, "post", "202")
    submission = submitted(gateway)
    job = f"{API}/{submission.job.job_id}"
    check(document, f"{API}/{{task_id}}", gateway.request("DELETE", job).json, "delete", "202")
    publish_state(gateway, submission, "REVOKED")
    check(document, f"{API}/{{task_id}}", gateway.request("DELETE", job).json, "delete", "202")
    job = f"/api/jobs/{submission.job.job_id}"
    check(document, "/api/jobs/{task_id}/retry", gateway.request("POST", f"{job}/retry").json, "post", "202")
    check(document, "/api/jobs", gateway.get("/api/jobs").json)
    check(document, "/api/jobs/{task_id}", gateway.request("DELETE", job).json, "delete")


@pytest.mark.parametrize("path", ["/api/models", "/api/gpu-status", "/api/stats", "/livez", "/readyz", "/healthz"])
def test_what_is_said_of_the_system_is_as_described(gateway: RunningGateway, document: Json, path: str) -> None:
    check(document, path, gateway.get(path).json)


def test_a_field_that_is_not_described_would_be_found(document: Json) -> None:
    warning = TranscriptWarning(code="a", message="b").model_dump()
    model = {"id": "a", "default": True, "revision": "b", "languages": [], "warnings": [warning]}
    use = dict.fromkeys(("state", "workers", "loads", "load_s", "windows", "memory_bytes"))
    check(document, "/api/models", {"models": [model | use]})
    with pytest.raises(Exception, match="unexpected"):
        check(document, "/api/models", {"models": [model | use | {"extra": 1}]})
