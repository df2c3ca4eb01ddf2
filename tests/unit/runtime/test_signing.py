"""Signatures, checked by independent libraries, and the keys that make them."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from examples.webhook_receiver import PublicKeyWebhook
from runtime.errors import UsageError
from runtime.masking import masked
from runtime.settings import Settings
from runtime.signing import BadKey, Signer, new_private_key, new_secret, public_key, signer

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


def verified_with(public: str, headers: dict[str, str]) -> bool:
    """As a receiver does it: with the public key alone."""
    key = VerifyKey(base64.b64decode(public.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + BODY
    for part in headers["webhook-signature"].split():
        version, _, signature = part.partition(",")
        try:
            if version == "v1a" and key.verify(content, base64.b64decode(signature)):
                return True
        except BadSignatureError:
            continue
    return False


def test_an_ed25519_signature_is_verified_with_the_public_key() -> None:
    key, other = new_private_key(), public_key(new_private_key())
    headers = Signer(key).headers("msg_1", BODY, datetime.now(UTC))
    public = public_key(key)
    assert public is not None
    assert other is not None
    assert verified_with(public, headers)
    assert not verified_with(other, headers)
    assert not verified_with(public, headers | {"webhook-id": "msg_2"})


def test_the_receiver_of_the_examples_verifies_with_the_public_key() -> None:
    key, other = new_private_key(), new_private_key()
    public = public_key(key)
    assert public is not None
    receiver = PublicKeyWebhook(public)
    now = datetime.now(UTC)
    receiver.verify(BODY, Signer(other, SECRET, key).headers("msg_1", BODY, now))
    for headers in (
        Signer(other, SECRET).headers("msg_1", BODY, now),
        Signer(key).headers("msg_1", BODY, now - timedelta(minutes=10)),
        Signer(key).headers("msg_1", BODY + b" ", now),
        {},
    ):
        with pytest.raises(WebhookVerificationError):
            receiver.verify(BODY, headers)


def test_an_ed25519_signature_is_that_of_other_senders() -> None:
    key = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    body, at = b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC)
    headers = Signer(key).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, at)
    expected = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    assert headers["webhook-signature"] == expected
    assert public_key(key) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    seed_alone = "whsk_" + base64.b64encode(base64.b64decode(key.removeprefix("whsk_"))[:32]).decode()
    assert Signer(seed_alone).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, at) == headers


def test_while_keys_are_rotated_each_of_them_signs() -> None:
    old, new, private = SECRET, new_secret(), new_private_key()
    headers = Signer(new, old, private).headers("msg_1", BODY, datetime.now(UTC))
    public = public_key(private)
    assert public is not None
    assert Webhook(old).verify(BODY, headers)
    assert Webhook(new).verify(BODY, headers)
    assert verified_with(public, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_new_keys_differ_and_a_secret_has_no_public_key() -> None:
    assert new_secret() != new_secret()
    assert new_private_key() != new_private_key()
    assert public_key(SECRET) is None


@pytest.mark.parametrize("key", ["whsk_", "whsk_" + "A" * 44, "whsk_not base64", "whpk_" + "A" * 43 + "="])
def test_a_private_key_that_cannot_sign_is_refused(key: str) -> None:
    with pytest.raises(BadKey):
        Signer(key)


def test_keys_are_masked_where_texts_are_logged() -> None:
    secret, private = new_secret(), new_private_key()
    assert masked(f"{secret} {private} whpk_x") == "whsec_*** whsk_*** whpk_x"


def test_several_secrets_of_the_setting_sign() -> None:
    new = new_secret()
    signs = signer(Settings(webhook_secret=SecretStr(f"{new} {SECRET}")))
    assert signs is not None
    headers = signs.headers("msg_1", BODY, datetime.now(UTC))
    assert Webhook(SECRET).verify(BODY, headers) == Webhook(new).verify(BODY, headers)


@pytest.mark.parametrize("text", ["bXVybXVy", f"{SECRET} whsec_short", " ".join([SECRET] * 11)])
def test_a_setting_with_a_secret_that_cannot_sign_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="MURMUR_WEBHOOK_SECRET"):
        signer(Settings(webhook_secret=SecretStr(text)))


def test_without_a_secret_there_is_no_signer() -> None:
    assert signer(Settings()) is None
    assert signer(Settings(webhook_secret=SecretStr(SECRET))) is not None
