"""Requests made from the description (schemathesis) against a running gateway: no 5xx, and nothing that is not described.

A longer run, against `murmur dev`: `schemathesis run http://127.0.0.1:8511/openapi.json`. See docs/http-description.md.
"""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckFunction
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from producers.gateway.app import Api
from producers.gateway.description.openapi import describe
from producers.gateway.http.routes import Route
from runtime.settings import Settings
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests.contract.gateway.keyed import NONE, Keyed, keyed
from tests.contract.gateway.running_gateway import finish, submitted

# The gateway's threads are in this process: a connection that aiohttp or boto opens while an example is drawn moves the state of
# `random`, which Hypothesis blames on the strategy, once.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")
EXAMPLES = 5  # of each operation; every one is a request or two
# Where what is valid to a schema may be refused, beside submissions: URLs that may be reached, fields of which one is needed.
BEYOND_A_SCHEMA = ("/api/webhooks", "/api/webhooks/{endpoint_id}", "/api/dead-letters/replay", "/api/dead-letters/drop")
OF_A_SERVER = ("cursor",)  # parameters whose valid values only a response has
UNLIMITED: dict[str, object] = {"key_requests_per_minute": 0, "key_submissions_per_minute": 0, "owner_unfinished_jobs": 0}
SHORT_WAITS: dict[str, object] = {"sync_wait_max_s": 0.05, "response_wait_s": 0.05, "fetch_timeout_s": 0.2}
OF_OTHERS = (502, 504)  # a URL that cannot be fetched, and a job that takes too long for a response: here always


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """With keys, so that requests without one are part of it. No job ends here: responses that wait for one do not wait long."""
    with keyed(tmp_path_factory.mktemp("gateway"), NONE, **SHORT_WAITS, **UNLIMITED) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def finished(gateway: Keyed) -> JobRequested:
    submission = submitted(gateway.of("ops"))
    finish(gateway.of("ops"), submission, Segment(start=0, end=1, text="Good morning."))
    return submission


def routes() -> list[Route]:
    """Without a gateway: the tests are collected by them. `test_description.py` has those of a running one."""
    parts = MagicMock()
    parts.resources.settings = Settings.model_validate({"model": "demo"})
    return Api(parts).routes


schema = schemathesis.openapi.from_dict(json.loads(json.dumps(describe(routes()))))
BEYOND = {*BEYOND_A_SCHEMA, *(route.path for route in routes() if route.submits)}


def excluded(case: Case[Any]) -> list[CheckFunction]:
    """Server errors have a list of their own. A header that cannot be parsed is ignored, as RFC 9110 says."""
    checks: list[CheckFunction] = [not_a_server_error]
    assert case.meta is not None
    if case.path in BEYOND:
        checks.append(positive_data_acceptance)
    if any(part.value in ("header", "cookie") and found.mode.is_negative for part, found in case.meta.components.items()):
        checks.append(negative_data_rejection)
    return checks


def make_valid(case: Case[Any], finished: JobRequested) -> None:
    """What the schema cannot know of the running gateway."""
    assert case.meta is not None
    if "task_id" in case.path_parameters and case.method == "GET":
        case.path_parameters["task_id"] = str(finished.job.job_id)
    if case.meta.generation.mode.is_positive:
        for name in OF_A_SERVER:
            case.query.pop(name, None)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(gateway: Keyed, finished: JobRequested, case: Case[Any]) -> None:
    make_valid(case, finished)
    key = {"Authorization": f"Bearer {gateway.keys['ops']}"}
    response = case.call_and_validate(f"http://{gateway.gateway.netloc}", headers=key, excluded_checks=excluded(case), timeout=60)
    assert response.status_code < 500 or response.status_code in OF_OTHERS, response.text
