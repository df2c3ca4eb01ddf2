"""The description of the interface, made from the routes: valid, whole, and readable as a page."""

import json
import re
from html.parser import HTMLParser
from typing import Any
from unittest.mock import MagicMock

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from producers.gateway.app import Api
from producers.gateway.description.docs_page import page
from producers.gateway.description.openapi import PATH_PARAMETERS, TAGS, describe
from producers.gateway.http.problems import REASONS
from producers.gateway.submission.options import SubmissionOptions
from runtime.settings import Settings

Json = dict[str, Any]


@pytest.fixture(scope="module")
def api() -> Api:
    """All groups of endpoints, over nothing."""
    parts = MagicMock()
    parts.resources.settings = Settings.model_validate({"model": "demo", "base_path": "/below"})
    return Api(parts)


@pytest.fixture(scope="module")
def document(api: Api) -> Json:
    return describe(api.routes)


def operations(document: Json) -> dict[tuple[str, str], Json]:
    return {(method, path): each for path, item in document["paths"].items() for method, each in item.items()}


def test_the_document_is_valid_openapi_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(json.loads(json.dumps(document)))


def test_every_route_that_is_registered_is_described(api: Api, document: Json) -> None:
    registered = {
        (route.method.lower(), resource.canonical.removeprefix("/below").rstrip("/") or "/")
        for resource in api.application().router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    assert registered == operations(document).keys()
    assert len(registered) >= 15


def test_every_operation_has_an_id_a_summary_a_known_tag_and_a_response_of_its_own(document: Json) -> None:
    found = operations(document)
    ids = [each["operationId"] for each in found.values()]
    assert len(ids) == len(set(ids))
    for (_, path), each in found.items():
        assert each["summary"]
        assert set(each["tags"]) <= TAGS.keys()
        assert any(status[0] in "23" for status in each["responses"])
        in_path = {parameter["name"] for parameter in each["parameters"] if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)", path)) <= PATH_PARAMETERS.keys()


def test_every_error_has_the_reasons_of_its_status(api: Api, document: Json) -> None:
    described = set()
    for route in api.routes:
        for status, response in document["paths"][route.path or "/"][route.method.lower()]["responses"].items():
            if status[0] not in "45":
                continue
            found = resolved(document, response)
            reasons = found["description"].partition(": ")[2].split(", ")
            described |= {*reasons}
            if route.errors is None:
                schema = found["content"]["application/problem+json"]["schema"]["allOf"][1]
                assert schema["properties"]["reason"]["enum"] == reasons
                assert {REASONS[reason] for reason in reasons} == {int(status)}
            else:
                assert found["content"].keys() == {route.errors.media_type}
                assert {route.errors.statuses.get(REASONS[reason], REASONS[reason]) for reason in reasons} == {int(status)}
    assert described == REASONS.keys() - {"method_not_allowed"}


def resolved(document: Json, response: Json) -> Json:
    name = response.get("$ref", "").rpartition("/")[2]
    found: Json = document["components"]["responses"][name] if name else response
    return found


def test_a_submission_is_described_by_the_model_that_validates_it(document: Json) -> None:
    body = operations(document)["post", "/api/transcribe/async"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert SubmissionOptions.model_fields.keys() <= body["properties"].keys()
    assert body["properties"]["file"]["format"] == "binary"
    assert body["properties"]["vad"]["type"] == "boolean"
    assert body["properties"]["task"]["enum"] == ["transcribe", "translate"]
    assert (body["properties"]["beam_size"]["minimum"], body["properties"]["beam_size"]["maximum"]) == (1, 20)
    assert body["properties"]["temperature"]["type"] == "string", "a list in one field, separated by commas"
    assert not [name for name, field in body["properties"].items() if not field.get("description")]
    assert "null" not in json.dumps(body)


def test_examples_fit_their_schemas(document: Json) -> None:
    checked = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", ()):
            Draft202012Validator({**document, "$ref": "#/components/schemas/" + schema["title"]}).validate(example)
            checked += 1
    assert checked


class Links(HTMLParser):
    """What a page refers to, and what it can be referred to by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_the_page_has_every_operation_and_loads_nothing(document: Json) -> None:
    found = Links(page(document, "openapi.json"))

    assert {each["operationId"] for each in operations(document).values()} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == {"openapi.json"}
    assert found.tags.isdisjoint({"script", "img", "link", "iframe", "form", "object"})


def test_text_of_a_description_never_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    operation = {
        "operationId": "x",
        "summary": evil,
        "tags": ["t"],
        "parameters": [],
        "responses": {"200": {"description": evil}},
    }
    document = {
        "info": {"title": evil, "version": "1", "description": evil},
        "tags": [{"name": "t", "description": evil}],
        "paths": {f"/{evil}": {"get": operation}},
        "components": {"schemas": {"A": {"description": evil, "properties": {evil: {"enum": [evil], "description": evil}}}}},
    }
    assert "script" not in Links(page(document, evil)).tags
