"""Secrets of webhooks, encrypted where there is a key."""

import base64

import pytest
from pydantic import SecretStr

from runtime.errors import UsageError
from runtime.sealing import CannotOpen, Sealer
from runtime.settings import Settings

FIRST = base64.b64encode(bytes(range(32))).decode()
SECOND = base64.b64encode(b"\xfb\xff" * 16).decode()  # with + and /, which the other alphabet does not have


def sealer(*keys: str) -> Sealer:
    return Sealer.of(Settings(webhook_encryption_key=SecretStr(" ".join(keys)) if keys else None))


def test_a_sealed_secret_does_not_show_it_and_is_opened_with_the_key() -> None:
    sealed = sealer(FIRST).seal("whsec_abc")
    assert "whsec" not in sealed
    assert sealer(FIRST).open(sealed) == "whsec_abc"
    assert sealer(FIRST).seal("whsec_abc") != sealed


def test_without_a_key_a_secret_stays_as_it_is_and_is_read_after_a_key_was_set() -> None:
    assert sealer().seal("whsec_abc") == "whsec_abc"
    assert sealer(FIRST).open("whsec_abc") == "whsec_abc"


def test_of_several_keys_the_first_seals_and_all_open() -> None:
    old = sealer(FIRST).seal("whsec_abc")
    both = sealer(SECOND, FIRST)
    assert both.open(old) == "whsec_abc"
    assert sealer(SECOND).open(both.seal("whsec_def")) == "whsec_def"


@pytest.mark.parametrize("keys", [(), (SECOND,)])
def test_a_secret_of_an_unknown_key_is_not_opened(keys: tuple[str, ...]) -> None:
    with pytest.raises(CannotOpen, match="MURMUR_WEBHOOK_ENCRYPTION_KEY"):
        sealer(*keys).open(sealer(FIRST).seal("whsec_abc"))


def test_both_alphabets_of_base64_are_accepted() -> None:
    urlsafe = SECOND.replace("+", "-").replace("/", "_")
    assert sealer(urlsafe).open(sealer(SECOND).seal("whsec_abc")) == "whsec_abc"


@pytest.mark.parametrize("key", ["short", "not base64!", base64.b64encode(b"x" * 31).decode()])
def test_a_key_that_cannot_encrypt_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UsageError, match="openssl rand") as error:
        sealer(key)
    assert key not in str(error.value)
