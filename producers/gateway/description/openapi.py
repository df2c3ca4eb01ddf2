"""The description of the HTTP interface, OpenAPI 3.1, from the routes and the models that they name. Pure.

Schemas are pydantic's: JSON Schema 2020-12, which is OpenAPI's dialect since 3.1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from producers.gateway.access.caller import API_KEY_HEADER
from producers.gateway.access.gate import READING
from producers.gateway.access.sessions import COOKIE
from producers.gateway.documents.problem import ProblemDocument
from producers.gateway.http.problems import REASONS
from producers.gateway.http.routes import Body, Response, Route
from runtime.formats import BY_ENDING
from runtime.requested_options import RequestedOptions

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
EVERYWHERE = ("bad_request", "expectation_failed", "header_too_large", "internal_error", "too_many_connections")
EXCEPT_PROBES = ("cross_origin", "unknown_host", "unavailable")
WITH_KEYS = ("unauthorized", "rate_limited")
SUBMITTING = ("too_many_jobs", "queue_full", "queue_share_full")
PATH_PARAMETERS: Mapping[str, Json] = {
    "task_id": {"description": "which job", "schema": {"type": "string", "format": "uuid"}},
    "batch_id": {"description": "which batch", "schema": {"type": "string", "format": "uuid"}},
    "work_id": {
        "description": "which work: `work_id` of a job's record",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "endpoint_id": {"description": "which endpoint", "schema": {"type": "string", "pattern": "^ep_[0-9a-f]{32}$"}},
    "webhook_id": {
        "description": "`msg_<task_id>_<state>`, as in the delivery log",
        "schema": {"type": "string", "pattern": "^msg_[0-9a-f-]{36}_(success|failure|revoked)$"},
    },
    "letter_id": {
        "description": "topic-partition@offset~stage, and ~epoch in `murmur dev`",
        "schema": {"type": "string"},
    },
    "name": {"description": "a file of the page", "schema": {"type": "string"}},
    "model": {"description": "a model's name", "schema": {"type": "string"}},
    "format": {"description": "the ending says the format", "schema": {"type": "string", "enum": list(BY_ENDING)}},
}
HEADERS: Mapping[str, Json] = {
    "Location": {"description": "the address of what was made", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {"description": "seconds until a repeat may succeed", "schema": {"type": "integer", "minimum": 1}},
    "Idempotent-Replayed": {"description": "an earlier request with the same key was accepted", "schema": {"const": "true"}},
    "Allow": {"description": "the methods of the path", "schema": {"type": "string"}},
    "Set-Cookie": {"description": "the session of a web page", "schema": {"type": "string"}},
    "ETag": {"description": "identifies the content, for If-None-Match and If-Range", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "a name for the file (RFC 6266)", "schema": {"type": "string"}},
    "Content-Range": {"description": "which bytes, and of how many", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "bytes", "schema": {"type": "string"}},
}
SECURITY_SCHEMES: Mapping[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key; where none are configured, none is needed"},
    "header": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "the same key in another header"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "of a web page, for reading only"},
}
REQUEST_HEADERS: Mapping[str, Json] = {
    "Idempotency-Key": {
        "description": "of the client's choice: a repeat with the same key and content is answered with the same job",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "Last-Event-ID": {"description": "the events after this one", "schema": {"type": "string", "pattern": "^[!-~]*$"}},
    "Range": {"description": "one range of bytes", "schema": {"type": "string", "pattern": "^[ -~]*$"}},
    "If-Range": {"description": "the range only if it is of this content", "schema": {"type": "string", "pattern": "^[ -~]*$"}},
    "If-None-Match": {"description": "304 if the content is still this one", "schema": {"type": "string", "pattern": "^[ -~]*$"}},
}
TAGS: Mapping[str, str] = {
    "submission": "Audio in.",
    "jobs": "What becomes of it.",
    "transcripts": "Text out.",
    "webhooks": "Registered endpoints, and what was delivered.",
    "access": "API keys and sessions.",
    "OpenAI": "As clients of OpenAI's API expect it.",
    "whisper-asr-webservice": "As its clients expect it.",
    "system": "What the installation is doing.",
    "description": "This description.",
    "page": "The web page.",
}
ABOUT = """Speech to text. A submission is answered with the address of its job; poll that, or follow its events.

Every path also answers `OPTIONS`, and every path with `GET` also `HEAD`. A slash at the end makes no difference. An unknown
parameter or form field is an error that names the known ones. Every error is `application/problem+json` (RFC 9457), with a
`reason` for programs. Responses of text are compressed if the client accepts gzip."""


def describe(routes: Iterable[Route]) -> Json:
    """The whole document, without `servers`: a client resolves the paths against the address that the document has."""
    routes = list(routes)
    schemas = _Schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path or "/", {})[route.method.lower()] = _operation(route, schemas)
    used = {route.tag for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "murmur",
            "version": version("murmur"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used]
        + [{"name": tag} for tag in sorted(used - TAGS.keys())],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": _common_problems(paths),
            "headers": dict(HEADERS),
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }


class _Generator(GenerateJsonSchema):
    """Without titles that repeat the names of fields."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        """Without the default null, which only says that a field may be left out."""
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


class _Schemas:
    """The schemas of all models; those of bodies say what may be sent, the others what is answered."""

    def __init__(self, routes: Sequence[Route]) -> None:
        answered = {each.model for route in routes for each in route.answers.values() if each.model is not None}
        answered |= {route.errors.model for route in routes if route.errors is not None}
        sent = {body.model for route in routes for body in route.bodies if body.model is not None and not _is_form(body)}
        models = [*_in_mode({ProblemDocument, *answered}, "serialization"), *_in_mode(sent, "validation")]
        self._of, whole = models_json_schema(models, ref_template=REF, schema_generator=_Generator)
        self.definitions: Json = whole.get("$defs", {})

    def answered(self, model: type[BaseModel]) -> Json:
        return self._of[(model, "serialization")]

    def sent(self, model: type[BaseModel]) -> Json:
        return self._of[(model, "validation")]

    def fields(self, model: type[BaseModel]) -> Json:
        """Of a form or of parameters: what is not given is left out, so that there is no null."""
        schema = model.model_json_schema(ref_template=REF, schema_generator=_Generator)
        self.definitions |= schema.get("$defs", {})
        fields = {name: _given(field) for name, field in schema.get("properties", {}).items()}
        if issubclass(model, RequestedOptions):
            for name, field in fields.items():
                field["description"] = f"{field['description']}; {model.expected(name)}"
        return fields


def _in_mode(models: Iterable[type[BaseModel]], mode: JsonSchemaMode) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    return [(model, mode) for model in sorted(models, key=lambda model: model.__qualname__)]


def _is_form(body: Body) -> bool:
    return body.media_type in ("multipart/form-data", "application/x-www-form-urlencoded")


def _given(field: Json) -> Json:
    """The schema of a value that is there."""
    given = dict(field)
    options = [option for option in given.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **given}
    return {"anyOf": options, **given} if options else given


def _operation(route: Route, schemas: _Schemas) -> Json:
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_in_path(route), *_in_query(route, schemas), *_in_header(route)],
        "security": _security(route),
        "responses": {
            **{str(status): _response(each, schemas) for status, each in sorted(route.answers.items())},
            **{str(status): _error(status, reasons, route, schemas) for status, reasons in sorted(_reasons(route).items())},
        },
    }
    if route.description:
        operation["description"] = route.description
    if route.bodies:
        content = {body.media_type: _content(body, schemas) for body in route.bodies}
        operation["requestBody"] = {"required": not any(body.is_optional for body in route.bodies), "content": content}
    return operation


def _reasons(route: Route) -> dict[int, list[str]]:
    """Of each status with which the route may refuse."""
    reasons = [*route.problems, *EVERYWHERE]
    if not route.is_probe:
        reasons += EXCEPT_PROBES
    if not route.is_open:
        reasons += WITH_KEYS
    if route.access == "admin":
        reasons.append("forbidden")
    if route.submits:
        reasons += SUBMITTING
    if route.waits:
        reasons.append("too_many_waiting")
    if route.parameters.model_config.get("extra") == "forbid":
        reasons.append("unknown_parameter")
    if route.parameters.model_fields:
        reasons.append("bad_parameter")
    found: dict[int, list[str]] = {}
    for reason in sorted(set(reasons)):
        status = REASONS[reason]
        if route.errors is not None:
            status = route.errors.statuses.get(status, status)
        found.setdefault(status, []).append(reason)
    return found


def _security(route: Route) -> list[Json]:
    """One of these."""
    if route.is_open:
        return []
    return [{"bearer": []}, {"header": []}, *([{"session": []}] if route.method in READING else [])]


def _operation_id(route: Route) -> str:
    """Derived from the path alone: it stays what it is when handlers are renamed."""
    words = re.findall(r"[A-Za-z0-9]+", route.path) or ["page"]
    return "_".join([route.method.lower(), *words]).lower()


def _in_path(route: Route) -> list[Json]:
    names = re.findall(r"{(\w+)", route.path)
    return [{"name": name, "in": "path", "required": True, **PATH_PARAMETERS.get(name, _TEXT)} for name in names]


def _in_header(route: Route) -> list[Json]:
    return [{"name": name, "in": "header", "required": False, **REQUEST_HEADERS[name]} for name in route.accepts]


_TEXT: Json = {"schema": {"type": "string"}}


def _in_query(route: Route, schemas: _Schemas) -> list[Json]:
    model = route.parameters
    required = model.model_json_schema().get("required", [])
    found = []
    for name, field in schemas.fields(model).items():
        parameter = {"name": name, "in": "query", "required": name in required}
        if description := field.pop("description", None):
            parameter["description"] = description
        found.append(parameter | {"schema": field})
    return found


def _content(body: Body, schemas: _Schemas) -> Json:
    if body.model is None:
        return {}
    if not _is_form(body):
        return {"schema": schemas.sent(body.model)}
    file = {"type": "string", "format": "binary", "description": "audio or video, with its name"}
    fields = dict.fromkeys(body.files, file) | schemas.fields(body.model)
    schema = {"type": "object", "properties": fields, "required": [*body.required], "additionalProperties": False}
    return {"schema": schema}


def _response(response: Response, schemas: _Schemas) -> Json:
    described: Json = {"description": response.description}
    if response.media_types:
        described["content"] = {media_type: _body(media_type, response, schemas) for media_type in response.media_types}
    if response.headers:
        described["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in response.headers}
    return described


def _body(media_type: str, response: Response, schemas: _Schemas) -> Json:
    if media_type.partition("/")[0] in ("audio", "video") or media_type == "application/octet-stream":
        return {"schema": {"type": "string", "format": "binary"}}
    if media_type == "text/event-stream":
        return {}  # events have different data; the description says which
    if "json" not in media_type:
        return _TEXT
    return {"schema": schemas.answered(response.model)} if response.model is not None else {}


def _error(status: int, reasons: Sequence[str], route: Route, schemas: _Schemas) -> Json:
    """Reasons are part of a problem's schema; other forms of errors have their own words for them."""
    error: Json = {"description": f"{HTTPStatus(status).phrase}: {', '.join(reasons)}"}
    if route.errors is None:
        only = {"type": "object", "properties": {"status": {"const": status}, "reason": {"enum": [*reasons]}}}
        schema = {"allOf": [schemas.answered(ProblemDocument), only]}
        error["content"] = {PROBLEM: {"schema": schema}}
    else:
        error["content"] = {route.errors.media_type: {"schema": schemas.answered(route.errors.model)}}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE):
        error["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return error


def _common_problems(paths: Mapping[str, Json]) -> Json:
    """Replaces what several operations have in common by references to it."""
    operations = [operation for item in paths.values() for operation in item.values()]
    times: dict[str, int] = {}
    for operation in operations:
        for response in operation["responses"].values():
            times[_name(response)] = times.get(_name(response), 0) + 1
    common: Json = {}
    for operation in operations:
        for status, response in operation["responses"].items():
            name = _name(response)
            if PROBLEM in response.get("content", {}) and times[name] > 1:
                common[name] = response
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return common


def _name(response: Json) -> str:
    """Of the same responses the same."""
    return re.sub(r"[^A-Za-z0-9]+", "-", response["description"])
