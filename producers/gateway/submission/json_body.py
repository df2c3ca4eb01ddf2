"""A submission as a JSON object: audio that is in the store already, or at a URL, with the options of a form. Pure but for
reading the body.

Numbers, booleans and lists become the text that a form would have, so that one set of rules validates both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from producers.gateway.http.filenames import display_name
from producers.gateway.http.problems import Problem, check_names
from producers.gateway.submission.form import check_encoding, chunks, malformed
from producers.gateway.submission.options import URL_MAX, SubmissionOptions
from runtime.objects.store import KEY_BYTES_MAX

JSON_BYTES_MAX = 1024 * 1024
JSON_TYPE = "application/json"
M = TypeVar("M", bound=BaseModel)


class ObjectAddress(BaseModel):
    """An object in the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str = Field(min_length=1, max_length=255)
    key: str = Field(min_length=1, max_length=KEY_BYTES_MAX)


class Source(BaseModel):
    """Where the audio is: exactly one of `object` and `url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: ObjectAddress | None = Field(None, description="in a bucket that this installation reads")
    url: Annotated[str, Field(min_length=1, max_length=URL_MAX)] | None = Field(
        None, description="http or https; the gateway fetches it"
    )
    filename: Annotated[str, Field(min_length=1, max_length=KEY_BYTES_MAX)] | None = Field(
        None, description="[default: the last part of the key; as the URL's server names it, else the last part of its path]"
    )

    @property
    def name(self) -> str:
        return self.named(None)

    def named(self, by_server: str | None) -> str:
        """`by_server`: as the server at the URL names the file."""
        by_place = self.object.key if self.object is not None else unquote(urlsplit(self.url or "").path)
        return display_name(self.filename or by_server or by_place)


class SubmissionDocument(Source, SubmissionOptions):
    """A submission as JSON: `object` or `url`, and the options."""


@dataclass(frozen=True, slots=True)
class JsonSubmission:
    """`fields`: the options, as a form has them. `body`: all that was sent, for comparison with a repeat."""

    source: Source
    fields: Mapping[str, str]
    body: Mapping[str, Any]


def is_json(request: web.BaseRequest) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == JSON_TYPE


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body. Raises Problem."""
    check_encoding(request)
    body = bytearray()
    async for chunk in chunks(request.content):
        body += chunk
        if len(body) > JSON_BYTES_MAX:
            raise Problem(413, "too_large", f"The JSON body is larger than {JSON_BYTES_MAX} bytes.", max_bytes=JSON_BYTES_MAX)
    try:
        value = orjson.loads(bytes(body))
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return value


async def read_model(request: web.Request, model: type[M], *, optional: bool = False) -> M:
    """The body of a request as this model. `optional`: no body is an empty object. Raises Problem, which shows no value."""
    body = {} if optional and not request.body_exists else await read_object(request)
    check_names("field", body, tuple(model.model_fields))
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        expected = message[0].lower() + message[1:]
        name = f"The field {field!r} is wrong" if field else "The body is wrong"
        raise Problem(400, "bad_option", f"{name}: {expected}.", field=field, expected=expected) from error


def parse_json(body: Mapping[str, Any]) -> JsonSubmission:
    """Raises Problem 400. The options are validated with those of forms, by `parse_submission()`."""
    check_names("field", body, tuple(SubmissionDocument.model_fields))
    try:
        source = Source.model_validate({name: value for name, value in body.items() if name in Source.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        expected = first["msg"][0].lower() + first["msg"][1:]
        raise Problem(400, "bad_option", f"The field {field!r} is wrong: {expected}.", field=field, expected=expected) from error
    if (source.object is None) == (source.url is None):
        raise malformed("Give one of `object` and `url`: where the audio is.")
    given = {name: value for name, value in body.items() if name not in Source.model_fields and value is not None}
    return JsonSubmission(source, {name: as_field(name, value) for name, value in given.items()}, body)


def as_field(name: str, value: object) -> str:
    """The text that a form would have. Raises Problem 400 for what no option has."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ",".join(map(str, value)) or "none"
    expected = SubmissionOptions.expected(name)
    raise Problem(400, "bad_option", f"The field {name!r} must be {expected}.", field=name, expected=expected)
