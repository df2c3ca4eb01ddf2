"""The lines that an installation keeps of its API keys, and the file that they are in."""

import hashlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime import api_keys
from runtime.api_keys import ApiKey, Limits
from runtime.errors import UsageError
from runtime.masking import masked
from runtime.settings import Settings

DEFAULTS = Limits(3000, 600, 1000)


def parsed(*lines: str) -> api_keys.Lines:
    return api_keys.parse([("keys", list(lines))], DEFAULTS)


def settings(file: Path | None = None, inline: str | None = None) -> Settings:
    return Settings(api_keys_file=file, api_keys=SecretStr(inline) if inline is not None else None)


def test_a_line_has_the_hash_of_a_key_and_not_the_key() -> None:
    key = api_keys.new_key()
    line = api_keys.line("alice", key)
    assert api_keys.KEY.fullmatch(key)
    assert key not in line
    assert line == f"alice:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    assert parsed(line).keys == (ApiKey("alice", hashlib.sha256(key.encode()).digest(), DEFAULTS),)


def test_every_key_is_another() -> None:
    assert len({api_keys.new_key() for _ in range(100)}) == 100


def test_a_line_may_have_limits_of_its_own_and_make_an_administrator() -> None:
    limits = {"requests": 5, "submissions": 0, "unfinished": None, "waiting": 3}
    line = api_keys.line("ops", api_keys.new_key(), limits, is_admin=True)
    ((key,), problems) = (parsed(line).keys, parsed(line).problems)
    assert (key.is_admin, key.limits, problems) == (True, Limits(5, 0, 1000, 3), ())


def test_comments_and_empty_lines_are_skipped_and_an_owner_may_have_several_keys() -> None:
    lines = [api_keys.line("alice", api_keys.new_key()) for _ in range(2)]
    found = parsed("# of the team", "", f"  {lines[0]}  ", lines[1])
    assert [key.owner for key in found.keys] == ["alice", "alice"]
    assert found.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "alice",
        "alice:sha256:abc",
        f"alice:md5:{'a' * 64}",
        f":sha256:{'a' * 64}",
        f"a/b:sha256:{'a' * 64}",
        f"{'a' * 65}:sha256:{'a' * 64}",
        f"alice:sha256:{'a' * 64} root",
        f"alice:sha256:{'a' * 64} requests=many",
        f"alice:sha256:{'a' * 64} requests=-1",
        f"alice:sha256:{'A' * 64}",
    ],
)
def test_a_line_that_is_none_grants_nothing_and_is_named_by_its_number(line: str) -> None:
    good = api_keys.line("bob", api_keys.new_key())
    found = parsed("# first", line, good)
    assert [key.owner for key in found.keys] == ["bob"]
    (problem,) = found.problems
    assert problem.startswith("keys, line 2: ")


def test_a_key_in_place_of_its_hash_is_refused_without_repeating_it() -> None:
    key = api_keys.new_key()
    found = parsed(f"alice:{key}")
    assert found.keys == ()
    assert "replace the key" in found.problems[0]
    assert key not in found.problems[0]


def test_the_same_key_twice_is_a_mistake() -> None:
    key = api_keys.new_key()
    found = parsed(api_keys.line("alice", key), api_keys.line("bob", key))
    assert [each.owner for each in found.keys] == ["alice"]
    assert "line 2" in found.problems[0]


def test_keys_come_from_a_file_from_the_environment_and_from_both(tmp_path: Path) -> None:
    lines = [api_keys.line(owner, api_keys.new_key()) for owner in ("alice", "bob", "carol")]
    file = tmp_path / "keys"
    file.write_text(lines[0] + "\n")
    assert [key.owner for key in api_keys.read(settings(file)).keys] == ["alice"]
    assert [key.owner for key in api_keys.read(settings(None, f"{lines[1]}, {lines[2]}")).keys] == ["bob", "carol"]
    assert [key.owner for key in api_keys.read(settings(file, lines[1])).keys] == ["alice", "bob"]


def test_keys_are_required_once_a_file_is_named_even_if_it_is_empty(tmp_path: Path) -> None:
    assert not api_keys.are_configured(settings())
    assert not api_keys.are_configured(settings(inline=" "))
    assert api_keys.are_configured(settings(tmp_path / "missing"))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keys"
    file.write_text(api_keys.line("alice", api_keys.new_key()))
    file.chmod(mode)
    with pytest.raises(UsageError, match="chmod go-w"):
        api_keys.read(settings(file))
    file.chmod(0o644)
    assert len(api_keys.read(settings(file)).keys) == 1


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"#" * (api_keys.FILE_BYTES_MAX + 1))
    for name in ("missing", "binary", "large", "."):
        with pytest.raises(UsageError, match="cannot be read"):
            api_keys.read(settings(tmp_path / name))


def test_a_key_is_masked_in_logs() -> None:
    key = api_keys.new_key()
    assert masked(f"Bearer {key} was sent") == "Bearer mur_*** was sent"
