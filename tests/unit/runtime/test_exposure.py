"""When a gateway needs API keys, and when its settings contradict each other."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime import api_keys, exposure
from runtime.errors import UsageError
from runtime.settings import Settings

LINE = SecretStr(api_keys.line("alice", api_keys.new_key()))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    assert exposure.check(Settings(gateway_host=host)) == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "10.0.0.1", "speech.example", "::ffff:10.0.0.1", "0"])
def test_an_address_that_others_can_reach_needs_keys_unless_it_is_open_on_purpose(host: str) -> None:
    with pytest.raises(UsageError, match=r"keys new.*--no-auth"):
        exposure.check(Settings(gateway_host=host))
    assert exposure.check(Settings(gateway_host=host, no_auth=True)) == ()
    (key,) = exposure.check(Settings(gateway_host=host, api_keys=LINE))
    assert key.owner == "alice"


def test_keys_and_no_auth_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        exposure.check(Settings(api_keys=LINE, no_auth=True))


def test_a_file_without_keys_does_not_open_the_gateway(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# nobody\n")
    with pytest.raises(UsageError, match="there is none"):
        exposure.check(Settings(api_keys_file=file))


def test_invalid_lines_are_all_named(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alice\n{LINE.get_secret_value()}\nbob:1\n")
    with pytest.raises(UsageError, match=r"line 1: .*line 3: "):
        exposure.check(Settings(api_keys_file=file))


def test_all_origins_are_allowed_only_with_keys() -> None:
    with pytest.raises(UsageError, match="CORS"):
        exposure.check(Settings(cors_origins="*"))
    exposure.check(Settings(cors_origins="https://app.example, app://obsidian.md, tauri://localhost"))
    exposure.check(Settings(cors_origins="*", api_keys=LINE))
