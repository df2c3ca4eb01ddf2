"""Paths below `/v1`, as clients of OpenAI's API use them, on a gateway without other stages."""

from collections.abc import Iterator

import pytest

from runtime.kafka.embedded import EmbeddedBroker
from tests.contract.gateway.running_gateway import MULTIPART, Answer, RunningGateway, multipart, running
from tests.waiting import wait_until

MODELS = "/v1/models"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with EmbeddedBroker() as broker, running(broker.kafka(), tmp_path_factory.mktemp("gateway")) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


def is_error(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["x-request-id"]
    error = answer.json["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["type"] == "invalid_request_error"


def test_the_default_model_has_the_name_that_openais_clients_use(gateway: RunningGateway) -> None:
    models = gateway.get(MODELS).json
    assert models["object"] == "list"
    assert [model["id"] for model in models["data"]] == ["whisper-1", "demo"]
    assert gateway.get(f"{MODELS}/whisper-1").json == models["data"][0]
    assert models["data"][0] == {"id": "whisper-1", "object": "model", "created": 0, "owned_by": "murmur"}


def test_an_unknown_model_is_not_found(gateway: RunningGateway) -> None:
    is_error(gateway.get(f"{MODELS}/gpt-5"), 404, "model_not_found")


def test_errors_before_a_handler_have_openais_form_too(gateway: RunningGateway) -> None:
    is_error(gateway.get("/v1/nothing"), 404, "not_found")
    is_error(gateway.request("DELETE", MODELS), 405, "method_not_allowed")
    is_error(gateway.get(f"{MODELS}?all=1"), 400, "unknown_parameter")


def test_a_list_of_fields_is_not_part_of_murmurs_own_form(gateway: RunningGateway) -> None:
    body = multipart([("language[]", "pt"), ("language[]", "en")], b"some audio")
    answer = gateway.request("POST", "/api/transcribe/async", body, MULTIPART)
    assert (answer.status, answer.json["reason"]) == (400, "unknown_field")
