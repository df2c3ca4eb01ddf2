"""What an owner can do with the jobs and the endpoints of another, on every route that there is: nothing, and find out nothing.

The routes are the gateway's own: a new one is tested with the others, or fails here until `NAMED` says what its path names.
"""

import re
from collections.abc import Iterator
from unittest.mock import MagicMock

import orjson
import pytest

from producers.gateway.app import Api
from producers.gateway.http.routes import Route
from runtime.settings import Settings
from schemas.jobs import JobRequested
from schemas.record import Failure
from schemas.segment import Segment
from tests.contract.gateway.keyed import Keyed, keyed
from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    Answer,
    RunningGateway,
    finish,
    multipart,
    publish_state,
    requested,
    status,
    submitted,
)

AUDIO = b"what alice recorded"
MARKS = ("alice", "recorded-by-a.wav", "said-by-a")  # occur in everything that is alice's
OPEN = {  # without a key: they contain no data
    ("GET", ""),
    ("GET", "/page/{name}"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
    ("GET", "/docs"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/healthz"),
    ("DELETE", "/api/browser-session"),
}
BATCH = "/api/transcribe/batch"
SUBMITTING = {
    ("POST", API),
    ("POST", "/api/transcribe"),
    ("POST", BATCH),
    ("POST", "/api/uploads"),
    ("POST", "/api/uploads/{task_id}"),
    ("POST", "/api/jobs/{task_id}/retry"),
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/audio/translations"),
    ("POST", "/asr"),
    ("POST", "/detect-language"),
}
# Parameters of paths that name nothing of an owner; dead letters are for administrators only.
COMMON = {"format": "json", "model": "demo", "name": "main.js", "letter_id": "requests-0@0"}


def all_routes() -> list[Route]:
    parts = MagicMock()
    parts.resources.settings = Settings.model_validate({"model": "demo"})
    return Api(parts).routes


ROUTES = all_routes()


def name(route: Route) -> str:
    return f"{route.method} {route.path or '/'}"


every_route = pytest.mark.parametrize("route", ROUTES, ids=name)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with keyed(tmp_path_factory.mktemp("isolation"), {"full": {"unfinished": 1}}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def jobs(gateway: Keyed) -> dict[str, JobRequested]:
    """Jobs of alice, in several states."""
    alice = gateway.of("alice")
    made = {}
    for state in ("SUCCESS", "FAILURE", "PENDING"):
        answer = alice.request("POST", BATCH, multipart([], AUDIO + state.encode(), MARKS[1]), MULTIPART)
        assert answer.status == 202
        made[state] = requested(alice, answer.json["jobs"][0]["task_id"])
    finish(alice, made["SUCCESS"], Segment(start=0.0, end=1.0, text=MARKS[2]))
    publish_state(alice, made["FAILURE"], "FAILURE", error=Failure(reason="corrupt", message=MARKS[2]))
    ENDPOINT["endpoint_id"] = registered(alice)
    return made


def registered(caller: RunningGateway) -> str:
    document = {"url": "https://alice.example/hook", "description": MARKS[2]}
    answer = caller.request("POST", "/api/webhooks", orjson.dumps(document), {"Content-Type": "application/json"})
    assert answer.status == 201
    return str(answer.json["endpoint_id"])


ENDPOINT: dict[str, str] = {}  # alice's, registered with her jobs


def ids(job: JobRequested) -> dict[str, str]:
    job_id, work_id = str(job.job.job_id), job.work.work_id
    more = {"batch_id": str(job.job.batch_id), "webhook_id": f"msg_{job_id}_success", "work_id": work_id}
    return {"task_id": job_id, **more, **ENDPOINT}


def path_of(route: Route, job: JobRequested) -> str:
    """With what the parameters of its path name: something of alice's."""
    named = {**COMMON, **ids(job)}

    def value(match: re.Match[str]) -> str:
        assert match[1] in named, f"say here what of alice's {{{match[1]}}} in the path names, and test that"
        return named[match[1]]

    return re.sub(r"{(\w+)(?::[^}]*)?}", value, route.path) or "/"


def names_a_job(route: Route) -> bool:
    return any(f"{{{parameter}" in route.path for parameter in re.findall(r"{(\w+)", route.path) if parameter not in COMMON)


def call(caller: object, route: Route, job: JobRequested) -> Answer:
    """With an empty body, which no handler accepts as a submission."""
    answer: Answer = caller.request(route.method, path_of(route, job), b"" if route.method in ("POST", "PUT", "PATCH") else None)  # type: ignore[attr-defined]
    return answer


def shows_something(answer: Answer, jobs: dict[str, JobRequested]) -> list[str]:
    text = answer.body.decode(errors="replace") + repr(dict(answer.headers))
    marks = [*MARKS, *(mark for job in jobs.values() for mark in (*ids(job).values(), job.work.work_id))]
    return [mark for mark in marks if mark in text]


def test_the_routes_that_are_open_and_those_that_submit_are_these() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.is_open} == OPEN
    assert {(route.method, route.path) for route in ROUTES if route.submits} == SUBMITTING


@every_route
def test_without_a_valid_key_there_is_no_answer(gateway: Keyed, jobs: dict[str, JobRequested], route: Route) -> None:
    if route.is_open:
        assert call(gateway.gateway, route, jobs["SUCCESS"]).status < 400
        return
    for caller in (gateway.gateway, gateway.gateway.with_headers(Authorization="Bearer mur_" + "a" * 43)):
        answer = call(caller, route, jobs["SUCCESS"])
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert shows_something(answer, jobs) == []


@every_route
def test_the_jobs_of_another_owner_do_not_exist(gateway: Keyed, jobs: dict[str, JobRequested], route: Route) -> None:
    before = {state: status(gateway.of("alice"), job) for state, job in jobs.items()}
    for job in jobs.values():
        answer = call(gateway.of("bob"), route, job)
        if names_a_job(route):
            assert answer.status == 404
            asked = next(value for parameter, value in ids(job).items() if f"{{{parameter}" in route.path)
            assert answer.body.replace(asked.encode(), b"") == _unknown(gateway, route)
        else:
            assert answer.status < 500
            assert shows_something(answer, jobs) == []
    assert {state: status(gateway.of("alice"), job) for state, job in jobs.items()} == before


NOBODYS = "00000000-0000-4000-8000-000000000000"
UNKNOWN = {"task_id": NOBODYS, "batch_id": NOBODYS, "webhook_id": f"msg_{NOBODYS}_success", "endpoint_id": f"ep_{NOBODYS}"}
UNKNOWN |= {"work_id": "f" * 64}


def _unknown(gateway: Keyed, route: Route) -> bytes:
    """The answer for a job or an endpoint that there is not, without the id that was asked for."""
    path = re.sub(r"{(\w+)(?::[^}]*)?}", lambda match: (COMMON | UNKNOWN)[match[1]], route.path)
    answer = gateway.of("bob").request(route.method, path, b"" if route.method in ("POST", "PUT", "PATCH") else None)
    asked = next(value for parameter, value in UNKNOWN.items() if f"{{{parameter}" in route.path)
    return answer.body.replace(asked.encode(), b"")


# These jobs are no direct uploads, whose route has a test of its own below.
SEEN = [route for route in ROUTES if route.method == "GET" and names_a_job(route) and not route.path.startswith("/api/uploads/")]


@pytest.mark.parametrize("route", SEEN, ids=name)
@pytest.mark.parametrize("owner", ["alice", "ops"])
def test_the_owner_and_an_administrator_see_what_another_does_not(
    gateway: Keyed, jobs: dict[str, JobRequested], route: Route, owner: str
) -> None:
    assert call(gateway.of(owner), route, jobs["SUCCESS"]).status == 200


def test_a_list_has_the_jobs_of_the_owner_and_an_administrator_selects(gateway: Keyed, jobs: dict[str, JobRequested]) -> None:
    bobs = submitted(gateway.of("bob"))
    mine = gateway.of("bob").get("/api/jobs").json
    assert [job["task_id"] for job in mine["jobs"]] == [str(bobs.job.job_id)]
    assert mine["counts"] == {"PENDING": 1}
    assert gateway.of("bob").get("/api/jobs?owner=bob").json["counts"] == {"PENDING": 1}
    nothing: dict[str, object] = {"jobs": [], "next_cursor": None, "counts": {}, "transcripts_searched": None}
    assert gateway.of("bob").get("/api/jobs?owner=alice").json == nothing
    every = {job["task_id"] for job in gateway.of("ops").get("/api/jobs").json["jobs"]}
    assert every == {str(job.job.job_id) for job in (*jobs.values(), bobs)}
    selected = gateway.of("ops").get("/api/jobs?owner=alice").json
    assert {job["task_id"] for job in selected["jobs"]} == {str(job.job.job_id) for job in jobs.values()}


def test_owners_do_not_share_the_cache(gateway: Keyed, jobs: dict[str, JobRequested]) -> None:
    again, other = (
        requested(caller, caller.request("POST", API, multipart([], AUDIO + b"SUCCESS"), MULTIPART).json["task_id"])
        for caller in (gateway.of("alice"), gateway.of("bob"))
    )
    assert again.result is not None
    assert other.result is None
    assert again.work.work_id == jobs["SUCCESS"].work.work_id != other.work.work_id
    assert (again.job.owner, other.job.owner) == ("alice", "bob")


def test_an_administrator_retries_for_the_owner(gateway: Keyed, jobs: dict[str, JobRequested]) -> None:
    answer = gateway.of("ops").request("POST", f"/api/jobs/{jobs['FAILURE'].job.job_id}/retry")
    assert answer.status == 202
    assert requested(gateway.of("ops"), answer.json["task_id"]).job.owner == "alice"


def test_a_promised_upload_of_another_owner_does_not_exist(gateway: Keyed) -> None:
    where = promised(gateway.of("alice"))
    assert gateway.of("alice").get(where).status == gateway.of("ops").get(where).status == 200
    for method, body in (("GET", None), ("POST", multipart([], AUDIO))):
        assert gateway.of("bob").request(method, where, body, MULTIPART).status == 404
    assert gateway.of("alice").get(where).json["state"] == "WAITING"


def promised(caller: RunningGateway) -> str:
    answer = caller.request("POST", "/api/uploads", b'{"filename": "a.wav"}', {"Content-Type": "application/json"})
    assert answer.status == 201
    return str(answer.json["upload_url"])


@pytest.fixture(scope="module")
def full(gateway: Keyed) -> dict[str, str]:
    """Paths of an owner that has as many unfinished jobs as it may have, by route."""
    caller = gateway.of("full")
    failed = submitted(caller)
    publish_state(caller, failed, "FAILURE", error=Failure(reason="corrupt", message="no"))
    where = promised(caller)
    submitted(caller)
    return {"/api/jobs/{task_id}/retry": f"/api/jobs/{failed.job.job_id}/retry", "/api/uploads/{task_id}": where}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.submits], ids=name)
def test_no_route_exceeds_the_unfinished_jobs_of_an_owner(gateway: Keyed, full: dict[str, str], route: Route) -> None:
    body, headers = b'{"filename": "a.wav"}', {"Content-Type": "application/json"}
    if route.bodies and route.bodies[0].media_type == "multipart/form-data":
        body, headers = multipart([], AUDIO).replace(b'name="file"', f'name="{route.bodies[0].files[0]}"'.encode()), MULTIPART
    before = gateway.gateway.files()
    answer = gateway.of("full").request(route.method, full.get(route.path, route.path), body, headers)
    assert answer.status == 429
    assert b"too_many_jobs" in answer.body
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.gateway.files() == before
