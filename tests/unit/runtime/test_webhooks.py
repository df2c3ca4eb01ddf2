"""Signatures, checked by the reference library, and URLs that cannot be a receiver's."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from runtime.errors import UsageError
from runtime.settings import Settings
from runtime.webhooks import Signer, address_problem, signer, url_problem

SECRET = "whsec_" + "bXVybXVy" * 4
BODY = '{"text": "Olá"}'.encode()


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-3))])
def test_the_reference_library_verifies_what_is_signed(zone: timezone) -> None:
    headers = Signer(SECRET).headers("msg_1", BODY, datetime.now(zone))
    assert Webhook(SECRET).verify(BODY, headers) == {"text": "Olá"}


@pytest.mark.parametrize("changed", ["id", "body", "timestamp", "secret"])
def test_a_change_to_anything_that_is_signed_is_detected(changed: str) -> None:
    headers = Signer(SECRET).headers("msg_1", BODY, datetime.now(UTC))
    if changed == "id":
        headers["webhook-id"] = "msg_2"
    if changed == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    other = Webhook("whsec_" + "MURMURMU" * 4 if changed == "secret" else SECRET)
    with pytest.raises(WebhookVerificationError):
        other.verify(BODY + b" " if changed == "body" else BODY, headers)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "bXVybXVy" * 4, "whsec_short", "whsec_" + "bXVybXVy" * 22, "whsec_not base64, not at all!!!!", "whsec_é" * 9],
)  # fmt: skip
def test_a_secret_that_cannot_sign_is_refused_with_how_to_make_one_and_is_not_shown(secret: str) -> None:
    with pytest.raises(UsageError, match="openssl rand") as error:
        Signer(secret)
    assert len(secret) < 8 or secret not in str(error.value)


def test_a_secret_may_lack_its_padding() -> None:
    padded = "whsec_" + "A" * 43 + "="
    assert Webhook(padded).verify(BODY, Signer(padded.rstrip("=")).headers("msg_1", BODY, datetime.now(UTC)))


def test_without_a_secret_there_is_no_signer() -> None:
    assert signer(Settings()) is None
    assert signer(Settings(webhook_secret=SecretStr(SECRET))) is not None


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y#z", "http://10.0.0.1:9999/", "https://[2a00::1]:8443/", "HTTPS://A.EXAMPLE"]
)
def test_a_possible_receiver_is_not_a_problem(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    ["", "a.example", "ftp://a.example/", "https://", "https://u:p@a.example/", "https://a.example@10.0.0.1/",
     "https://a.example:0/", "https://a.example:99999/", "https://[::1/"],
)  # fmt: skip
def test_what_cannot_be_a_receiver_is_a_problem(url: str) -> None:
    assert url_problem(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "https://10.0.0.1/", "http://[::1]/", "http://localhost/", "http://0x7f.1/"]
)
def test_a_private_address_is_a_problem_unless_a_setting_allows_it(url: str) -> None:
    assert address_problem(url, allow_private=False)
    assert address_problem(url, allow_private=True) is None


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://2852039166/"]
)
def test_a_metadata_service_is_always_a_problem(url: str) -> None:
    assert address_problem(url, allow_private=True)


@pytest.mark.parametrize("url", ["https://a.example/", "https://8.8.8.8/", "https://[2a00:1450:4001:801::200e]:8443/"])
def test_a_name_or_a_public_address_is_none(url: str) -> None:
    assert address_problem(url, allow_private=False) is None
