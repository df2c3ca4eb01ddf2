"""Where a setting comes from, and what must never be seen of it."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_environment_wins_over_the_default_and_the_argument_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMUR_GATEWAY_PORT", "9000")
    assert Settings().gateway_port == 9000
    assert Settings(gateway_port=9001).gateway_port == 9001


def test_an_env_file_is_read_and_the_environment_wins_over_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("MURMUR_MODEL=demo\nMURMUR_BEAM_SIZE=3\n")
    monkeypatch.setenv("MURMUR_BEAM_SIZE", "4")
    settings = Settings(_env_file=file)
    assert (settings.model, settings.beam_size) == ("demo", 4)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMUR_GATEWAY_PORT", "")
    monkeypatch.setenv("MURMUR_MODEL", "")
    assert (Settings().gateway_port, Settings().model) == (8511, None)


@pytest.mark.parametrize("name", ["MODEL_CACHE_SIZE", "MODEL_CACHE_TIMEOUT_MINUTES", "GPU_MEMORY_THRESHOLD"])
def test_some_settings_are_also_known_without_the_prefix_which_wins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert getattr(Settings(), name.lower()) == 1
    given = 0.5 if name == "GPU_MEMORY_THRESHOLD" else 2
    monkeypatch.setenv(f"MURMUR_{name}", str(given))
    assert getattr(Settings(), name.lower()) == given


@pytest.mark.parametrize(
    ("name", "value", "setting", "expected"),
    [
        ("ENABLE_CACHE", "false", "cache_enabled", False),
        ("CACHE_SIZE", "12", "cache_entries", 12),
        ("CACHE_TTL_SECONDS", "3600", "cache_ttl_s", 3600),
    ],
)
def test_settings_of_the_cache_are_also_known_by_their_usual_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, setting: str, expected: object
) -> None:
    assert getattr(Settings(), setting) != expected
    (file := tmp_path / ".env").write_text(f"{name}={value}\n")
    assert getattr(Settings(_env_file=file), setting) == expected
    monkeypatch.setenv(name, value)
    assert getattr(Settings(), setting) == expected
    monkeypatch.setenv(f"MURMUR_{setting.upper()}", "1")
    assert getattr(Settings(), setting) == 1, "the name with the prefix wins"


@pytest.mark.parametrize(
    ("name", "value"), [("GATEWAY_PORT", "eighty"), ("GATEWAY_PORT", "70000"), ("STORE", "tape"), ("BEAM_SIZE", "0")]
)
def test_a_wrong_value_is_refused_with_the_name_of_the_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MURMUR_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_secrets_are_masked_wherever_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in Settings.model_fields if name.endswith(("_secret", "_secret_key", "_password"))]
    assert len(names) >= 3
    for name in names:
        monkeypatch.setenv(f"MURMUR_{name.upper()}", "open sesame")
    settings = Settings()
    assert "open sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert all(getattr(settings, name).get_secret_value() == "open sesame" for name in names)


def test_settings_do_not_change_once_built() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().beam_size = 1  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_file_without_its_comment_signs_has_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^# (?=MURMUR_\w+=)", "", (ROOT / ".env.example").read_text()))
    assert file.read_text().count("\nMURMUR_") == len(Settings.model_fields)
    assert Settings(_env_file=file) == Settings()


@pytest.mark.parametrize(
    "url", ["speech.example", "ftp://a.example", "https://me@a.example", "https://a.example/?a=b", "https://"]
)
def test_a_public_url_that_cannot_begin_a_link_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"public_url": url})
