"""The page's cookie: valid at every gateway, for an hour, as long as its key is."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from producers.gateway.access.keyring import Keyring
from producers.gateway.access.sessions import CHECKING_AGE_S, LIFETIME_S, SIGNING_AGE_S, Sessions
from runtime import api_keys
from runtime.api_keys import ApiKey
from runtime.objects.directory import DirectoryStore
from runtime.objects.keys import SESSION_SECRET
from runtime.settings import Settings

T = TypeVar("T")
KEYS = {owner: api_keys.new_key() for owner in ("alice", "bob")}


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("\n".join(api_keys.line(owner, key) for owner, key in KEYS.items()))
    return path


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore({"work": tmp_path / "work"})
    store.create()
    return store


@pytest.fixture
def keyring(file: Path) -> Keyring:
    keyring = Keyring(Settings(api_keys_file=file))
    keyring.load()
    return keyring


@pytest.fixture
def sessions(store: DirectoryStore, keyring: Keyring, clock: Clock) -> Sessions:
    return Sessions(store, "work", keyring, clock)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def key(keyring: Keyring, owner: str = "alice") -> ApiKey:
    found = keyring.find(KEYS[owner])
    assert found is not None
    return found


def test_a_session_is_that_of_its_key_and_does_not_contain_it(sessions: Sessions, keyring: Keyring) -> None:
    value = run(sessions.issue(key(keyring)))
    assert run(sessions.key_of(value)) == key(keyring)
    assert KEYS["alice"] not in value
    assert key(keyring).digest.hex() not in value


def test_another_gateway_accepts_it(sessions: Sessions, store: DirectoryStore, keyring: Keyring, clock: Clock) -> None:
    value = run(sessions.issue(key(keyring)))
    assert run(Sessions(store, "work", keyring, clock).key_of(value)) == key(keyring)


def test_it_ends_after_an_hour(sessions: Sessions, keyring: Keyring, clock: Clock) -> None:
    value = run(sessions.issue(key(keyring)))
    clock.now_s += LIFETIME_S - 1
    assert run(sessions.key_of(value)) is not None
    clock.now_s += 1
    assert run(sessions.key_of(value)) is None


def test_it_ends_with_its_key(sessions: Sessions, keyring: Keyring, file: Path) -> None:
    value = run(sessions.issue(key(keyring)))
    file.write_text(api_keys.line("bob", KEYS["bob"]))
    keyring.reload()
    assert run(sessions.key_of(value)) is None


def test_whoever_knows_the_hashes_cannot_make_one(sessions: Sessions, keyring: Keyring) -> None:
    """A later end, another key, another signature, or anything else."""
    own = run(sessions.issue(key(keyring)))
    name, expires, signature = own.split(".")
    forged = [
        f"{name}.{int(expires) + 1}.{signature}",
        f"{key(keyring, 'bob').id}.{expires}.{signature}",
        f"{name}.{expires}.{signature[:-1]}",
        f"{name}.{expires}.",
        f"{name}.{expires}",
        f"{name}.-1.{signature}",
        f"{name}.{'9' * 5000}.{signature}",
        f"{name}.²³.{signature}",
        f"{own}.a",
        "",
        "...",
        "é.1.é",
    ]
    assert [value for value in forged if run(sessions.key_of(value)) is not None] == []


def test_two_gateways_that_make_the_secret_at_the_same_time_agree_in_the_end(
    sessions: Sessions, store: DirectoryStore, keyring: Keyring, clock: Clock
) -> None:
    old = run(sessions.issue(key(keyring)))
    store.delete("work", SESSION_SECRET)
    other = Sessions(store, "work", keyring, clock)
    new = run(other.issue(key(keyring)))
    assert run(sessions.key_of(old)) is not None, "its own, while it has not read the new secret"
    clock.now_s += CHECKING_AGE_S + 1
    assert run(sessions.key_of(new)) is not None
    clock.now_s += SIGNING_AGE_S + 1
    assert run(other.key_of(run(sessions.issue(key(keyring))))) is not None


def test_a_secret_that_is_none_is_replaced(store: DirectoryStore, keyring: Keyring, clock: Clock) -> None:
    store.put("work", SESSION_SECRET, b"")
    run(Sessions(store, "work", keyring, clock).issue(key(keyring)))
    assert len(store.get("work", SESSION_SECRET)) == 32
