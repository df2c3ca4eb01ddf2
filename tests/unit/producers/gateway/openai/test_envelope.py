"""Errors in OpenAI's form."""

from typing import Any

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from producers.gateway.http.problems import Problem
from producers.gateway.openai.envelope import REQUEST_ID, renderer

BASE = "/murmur"


def rendered(problem: Problem, path: str = "/v1/audio/transcriptions") -> tuple[int, dict[str, Any], dict[str, str]]:
    problem.headers = {"Allow": "GET"}
    response = renderer(BASE)(make_mocked_request("POST", path), problem)
    assert isinstance(response.body, bytes)
    return response.status, orjson.loads(response.body), dict(response.headers)


@pytest.mark.parametrize(
    ("problem", "status", "kind", "param", "code"),
    [
        (Problem(400, "bad_option", "no", field="temperature"), 400, "invalid_request_error", "temperature", "bad_option"),
        (Problem(401, "unauthorized", "no"), 401, "authentication_error", None, "invalid_api_key"),
        (Problem(404, "model_not_found", "no", field="model"), 404, "invalid_request_error", "model", "model_not_found"),
        (Problem(405, "method_not_allowed", "no"), 405, "invalid_request_error", None, "method_not_allowed"),
        (Problem(413, "too_large", "no"), 413, "invalid_request_error", "file", "too_large"),
        (Problem(422, "corrupt", "no"), 400, "invalid_request_error", "file", "corrupt"),
        (Problem(429, "rate_limited", "no"), 429, "rate_limit_error", None, "rate_limit_exceeded"),
        (Problem(500, "internal_error", "no"), 500, "server_error", None, "internal_error"),
        (Problem(504, "still_running", "no"), 504, "server_error", None, "still_running"),
        (Problem(507, "store_full", "no"), 503, "server_error", None, "store_full"),
    ],
)
def test_an_error_has_its_type_and_code(problem: Problem, status: int, kind: str, param: str | None, code: str) -> None:
    got, document, headers = rendered(problem)
    assert got == status
    assert document == {"error": {"message": "no", "type": kind, "param": param, "code": code}}
    assert headers["Content-Type"] == "application/json"
    assert headers["Allow"] == "GET"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/murmur/v1/models"])
def test_every_path_below_v1_has_it(path: str) -> None:
    assert "error" in rendered(Problem(404, "not_found", "no"), path)[1]


@pytest.mark.parametrize("path", ["/", "/v10/models", "/api/v1/models", "/murmur/api/jobs"])
def test_other_paths_have_problem_details(path: str) -> None:
    assert rendered(Problem(404, "not_found", "no"), path)[1]["reason"] == "not_found"


def test_the_request_id_is_that_of_the_job_or_of_the_log() -> None:
    assert rendered(Problem(500, "job_failed", "no", task_id="1-2"))[2][REQUEST_ID] == "1-2"
    assert rendered(Problem(500, "internal_error", "no", request_id="ab"))[2][REQUEST_ID] == "ab"
    first, second = (rendered(Problem(404, "not_found", "no"))[2][REQUEST_ID] for _ in range(2))
    assert first != second


def test_clients_do_not_repeat_what_has_failed_for_good() -> None:
    ended = rendered(Problem(500, "job_failed", "no", state="FAILURE"))[2]
    running = rendered(Problem(504, "still_running", "no", state="STARTED"))[2]
    assert ended["x-should-retry"] == "false"
    assert "x-should-retry" not in running
