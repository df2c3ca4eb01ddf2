"""What a route is: method, path and handler, and what `/openapi.json` says of them.

Each group of endpoints is a class with `routes()`; `app.py` registers what they return. A handler reads its parameters by
`query_of()`: they have been validated by the route's model before it is called.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar, get_args, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from producers.gateway.http.problems import Problem, check_names

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Access = Literal["open", "key", "admin"]
SHOWN_LETTERS = 40  # of a wrong value
SHAPES = {"{work_id}": "{work_id:(?!clear/?$)[^/]+}"}  # of a parameter in whose place another path has a word


class Query(BaseModel):
    """The parameters of a path, as a base class. An unknown one is refused, unless the subclass sets `extra="ignore"`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoParameters(Query):
    """Of most paths: none is known."""


class AnyParameters(Query):
    """Of pages and probes: all are ignored."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class Body:
    """A body that a route accepts. `model`: its fields, None for bytes as they are. `files`: the parts of a form that are files;
    `required`: those of them that must be there. `is_optional`: a request may have none."""

    model: type[BaseModel] | None
    media_type: str = "application/json"
    files: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """A response that is not a problem. `model`: of its JSON; `media_types`: more than one where the path or the request chooses,
    none for a response without a body. `headers`: names of those that are part of the contract."""

    description: str
    model: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """How errors are written where they are no problem details. `statuses`: where another status takes the place of one."""

    model: type[BaseModel]
    media_type: str = "application/json"
    statuses: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """`path`: without a slash at its end, empty for the page. `query`: None where no parameter is known. `accepts`: headers of a
    request that mean something. `problems`: reasons that `problems.REASONS` lists, beside those that any path may have.
    `is_probe`: answered whatever host is named, and to anybody. `access`: who may use it where API keys are required; a handler
    of a route that is not open restricts what it shows to what `caller_of()` may see. `submits`: it makes jobs, which count
    against the limits of the caller. `waits`: its response may take as long as a job, and counts against another limit until
    then. `files_max`: how many files of the largest size its body may have."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    query: type[BaseModel] | None = None
    accepts: tuple[str, ...] = ()
    body: type[BaseModel] | Body | Sequence[Body] | None = None
    responses: Mapping[int, type[BaseModel] | Response] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    description: str = ""
    is_probe: bool = False
    access: Access = "key"
    submits: bool = False
    waits: bool = False
    errors: ErrorForm | None = None
    files_max: int = 1

    @property
    def pattern(self) -> str:
        """The path as aiohttp's router reads it."""
        pattern = self.path
        for parameter, shape in SHAPES.items():
            pattern = pattern.replace(parameter, shape)
        return pattern

    @property
    def is_open(self) -> bool:
        return self.is_probe or self.access == "open"

    @property
    def parameters(self) -> type[BaseModel]:
        return self.query or NoParameters

    @property
    def bodies(self) -> tuple[Body, ...]:
        match self.body:
            case None:
                return ()
            case Body() as body:
                return (body,)
            case type() as model:
                return (Body(model),)
            case bodies:
                return tuple(bodies)

    @property
    def answers(self) -> dict[int, Response]:
        return {
            status: each if isinstance(each, Response) else Response(_first_line(each), each)
            for status, each in self.responses.items()
        }


class Group(Protocol):
    """A group of endpoints."""

    def routes(self) -> list[Route]: ...


QUERY = web.RequestKey("query", BaseModel)
M = TypeVar("M", bound=BaseModel)


def query_of(request: web.Request, model: type[M]) -> M:
    """The parameters of a request whose route has `query=model`."""
    query = request[QUERY]
    assert isinstance(query, model)
    return query


def parse_query(model: type[BaseModel], given: Mapping[str, str]) -> BaseModel:
    """`given`: a multi-dict. A parameter may be repeated where its field is a tuple. Raises Problem 400."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if model.model_config.get("extra") == "forbid":
        check_names("parameter", given, tuple(fields))
    values = {name: _value(name, field, given) for name, field in fields.items() if name in given}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        given_value = values.get(name, "")
        shown = (given_value if isinstance(given_value, str) else ", ".join(given_value))[:SHOWN_LETTERS]
        detail = f"The parameter {name!r} cannot be {shown!r}: {message[0].lower()}{message[1:]}."
        raise Problem(400, "bad_parameter", detail, parameter=name) from error


def _value(name: str, field: FieldInfo, given: Mapping[str, str]) -> str | list[str]:
    values: list[str] = given.getall(name) if hasattr(given, "getall") else [given[name]]
    if _is_list(field.annotation):
        return values
    if len(values) > 1:
        raise Problem(400, "bad_parameter", f"The parameter {name!r} may be given only once.", parameter=name)
    return values[0]


def _is_list(annotation: object) -> bool:
    """A tuple of any length, or None."""
    return any(get_origin(part) is tuple and get_args(part)[-1] is ... for part in (annotation, *get_args(annotation)))


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or model.__name__).strip().partition("\n")[0]
