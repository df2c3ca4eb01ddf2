"""Requests made from the description (schemathesis) against a running gateway: no 5xx, and nothing that is not described.

For a longer run: `schemathesis run http://127.0.0.1:8511/openapi.json --exclude-checks negative_data_rejection,…`; see docs/http.md.
"""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from producers.gateway.app import Api
from producers.gateway.openapi import describe
from runtime.kafka.embedded import EmbeddedBroker
from runtime.settings import Settings
from tests.contract.gateway.running_gateway import RunningGateway, running
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with EmbeddedBroker() as broker, running(broker.kafka(), tmp_path_factory.mktemp("gateway")) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


def description() -> dict[str, Any]:
    """Of all routes, without a gateway: tests are collected by it. `test_description.py` reads it from a running one."""
    parts = MagicMock()
    parts.resources.settings = Settings.model_validate({"model": "demo"})
    return json.loads(json.dumps(describe(Api(parts).routes)))


schema = schemathesis.openapi.from_dict(description())


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(gateway: RunningGateway, case: Case) -> None:
    case.call_and_validate(f"http://{gateway.netloc}", excluded_checks=[negative_data_rejection, positive_data_acceptance])
