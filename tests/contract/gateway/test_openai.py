"""Paths below `/v1`, as clients of OpenAI's API use them, on a gateway without other stages."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.contract.gateway.keyed import keyed
from tests.contract.gateway.running_gateway import MULTIPART, Answer, RunningGateway, embedded, multipart

MODELS = "/v1/models"
TRANSCRIPTIONS = "/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway"), max_upload_bytes=2 * 1024 * 1024) as gateway:
        yield gateway


def is_error(answer: Answer, status: int, code: str, kind: str = "invalid_request_error") -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["x-request-id"]
    error = answer.json["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["type"] == kind


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


def test_bodies_that_cannot_be_read_are_errors_of_openais_form(gateway: RunningGateway) -> None:
    is_error(gateway.request("POST", TRANSCRIPTIONS, b"{}", {"Content-Type": "application/json"}), 415, "not_multipart")
    too_large = multipart([("model", "whisper-1")], bytes(3 * 1024 * 1024))
    is_error(gateway.request("POST", TRANSCRIPTIONS, too_large, MULTIPART), 413, "too_large")
    without_file = multipart([("model", "whisper-1")], b"some audio").replace(b'name="file"', b'name="audio"')
    is_error(gateway.request("POST", TRANSCRIPTIONS, without_file, MULTIPART), 400, "bad_request")
    assert gateway.files() == []


def test_a_page_of_another_origin_may_not_use_it(gateway: RunningGateway) -> None:
    body = multipart([("model", "whisper-1")], b"some audio")
    answer = gateway.request("POST", TRANSCRIPTIONS, body, {**MULTIPART, "Origin": "https://elsewhere.example"})
    is_error(answer, 403, "cross_origin", "permission_error")
    is_error(gateway.request("GET", MODELS, headers={"Host": "rebound.example"}), 421, "unknown_host")


def test_keys_and_limits_are_those_of_the_whole_gateway(tmp_path: Path) -> None:
    with keyed(tmp_path, {"carol": {"requests": 1}}) as gateway:
        address = f"http://{gateway.gateway.netloc}/v1"
        with OpenAI(base_url=address, api_key="wrong", max_retries=0) as nobody, pytest.raises(openai.AuthenticationError) as who:
            nobody.models.list()
        assert who.value.code == "invalid_api_key"
        assert who.value.response.headers["www-authenticate"].startswith("Bearer")
        with OpenAI(base_url=address, api_key=gateway.keys["carol"], max_retries=0) as carol:
            assert [model.id for model in carol.models.list()] == ["whisper-1", "demo"]
            with pytest.raises(openai.RateLimitError) as limited:
                carol.models.list()
        assert limited.value.code == "rate_limit_exceeded"
        assert int(limited.value.response.headers["retry-after"]) >= 1


def test_a_list_of_fields_is_not_part_of_murmurs_own_form(gateway: RunningGateway) -> None:
    body = multipart([("language[]", "pt"), ("language[]", "en")], b"some audio")
    answer = gateway.request("POST", "/api/transcribe/async", body, MULTIPART)
    assert (answer.status, answer.json["reason"]) == (400, "unknown_field")
