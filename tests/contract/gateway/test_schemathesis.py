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
from runtime.settings import Settings
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests.contract.gateway.keyed import NONE, Keyed, keyed
from tests.contract.gateway.running_gateway import finish, submitted

EXAMPLES = 5  # of each operation; every one is a request or two
# Server errors have a list of their own, below. What only a decoder, a model or another host can refuse looks valid to the
# schema, and some values are read more generously.
EXCLUDED: list[CheckFunction] = [negative_data_rejection, positive_data_acceptance, not_a_server_error]
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


def description() -> dict[str, Any]:
    """Of all routes, without a gateway: the tests are collected by it. `test_description.py` has that of a running one."""
    parts = MagicMock()
    parts.resources.settings = Settings.model_validate({"model": "demo"})
    document: dict[str, Any] = json.loads(json.dumps(describe(Api(parts).routes)))
    return document


schema = schemathesis.openapi.from_dict(description())


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(gateway: Keyed, finished: JobRequested, case: Case[Any]) -> None:
    if "task_id" in case.path_parameters and case.method == "GET":
        case.path_parameters["task_id"] = str(finished.job.job_id)
    key = {"Authorization": f"Bearer {gateway.keys['ops']}"}
    response = case.call_and_validate(f"http://{gateway.gateway.netloc}", headers=key, excluded_checks=EXCLUDED, timeout=60)
    assert response.status_code < 500 or response.status_code in OF_OTHERS, response.text
