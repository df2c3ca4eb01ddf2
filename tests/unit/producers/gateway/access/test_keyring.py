"""Keys that change while a gateway runs."""

from pathlib import Path

import pytest

from producers.gateway.access.keyring import Keyring
from runtime import api_keys
from runtime.errors import UsageError
from runtime.settings import Settings

ALICE, BOB = api_keys.new_key(), api_keys.new_key()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(api_keys.line("alice", ALICE) + "\n")
    return path


@pytest.fixture
def keyring(file: Path) -> Keyring:
    keyring = Keyring(Settings(api_keys_file=file))
    keyring.load()
    return keyring


def owner(keyring: Keyring, key: str) -> str | None:
    found = keyring.find(key)
    return found.owner if found is not None else None


def test_a_key_is_found_by_itself_alone(keyring: Keyring, file: Path) -> None:
    assert owner(keyring, ALICE) == "alice"
    for other in (BOB, "", ALICE[:-1], ALICE + "a", ALICE.upper(), file.read_text().split(":")[2].strip(), "mur_\udcff"):
        assert keyring.find(other) is None


def test_an_added_key_works_and_a_removed_one_does_not_after_the_next_look(keyring: Keyring, file: Path) -> None:
    removed = keyring.find(ALICE)
    assert removed is not None
    file.write_text(api_keys.line("bob", BOB) + "\n")
    assert keyring.reload() == {removed.id}
    assert (owner(keyring, ALICE), owner(keyring, BOB)) == (None, "bob")
    assert keyring.named(removed.id) is None
    assert keyring.reload() == frozenset()


def test_a_file_that_is_replaced_by_another_one_is_read_again(keyring: Keyring, file: Path) -> None:
    """As editors and Kubernetes do it."""
    fresh = file.with_name("fresh")
    fresh.write_text(api_keys.line("bobby", BOB) + "\n")
    fresh.rename(file)
    keyring.reload()
    assert (owner(keyring, ALICE), owner(keyring, BOB)) == (None, "bobby")


def test_an_invalid_line_takes_effect_for_nobody_and_the_others_do(keyring: Keyring, file: Path) -> None:
    file.write_text(f"alice:{ALICE}\n{api_keys.line('bob', BOB)}\n")
    keyring.reload()
    assert (owner(keyring, ALICE), owner(keyring, BOB)) == (None, "bob")


def test_an_emptied_file_admits_nobody_and_opens_nothing(keyring: Keyring, file: Path) -> None:
    file.write_text("")
    keyring.reload()
    assert keyring.is_required
    assert owner(keyring, ALICE) is None


def test_a_file_that_cannot_be_read_changes_nothing(keyring: Keyring, file: Path) -> None:
    file.chmod(0o666)
    assert keyring.reload() == frozenset()
    file.unlink()
    assert keyring.reload() == frozenset()
    assert owner(keyring, ALICE) == "alice"
    file.write_text(api_keys.line("bob", BOB))
    keyring.reload()
    assert owner(keyring, ALICE) is None


def test_a_start_with_an_invalid_file_fails(file: Path) -> None:
    file.write_text("alice:sha256:1")
    with pytest.raises(UsageError, match="line 1"):
        Keyring(Settings(api_keys_file=file)).load()
