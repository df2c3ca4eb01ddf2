"""What the doctor finds without a broker or a store."""

from pathlib import Path

import pytest

from murmur.cli.doctor import examine
from murmur.settings import Settings


def names(tmp_path: Path) -> tuple[str, str | None]:
    found = next(check for check in examine(Settings(data_dir=tmp_path)) if check.name == "settings")
    return found.found, found.mend


def test_a_misspelt_setting_is_named_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MURMUR_KAFKA_BOOSTRAP", "secret:9092")
    monkeypatch.setenv("MURMUR_MODEL", "demo")
    found, mend = names(tmp_path)
    assert "MURMUR_KAFKA_BOOSTRAP (meant: MURMUR_KAFKA_BOOTSTRAP?)" in found
    assert "MURMUR_MODEL" not in found
    assert "secret" not in found
    assert mend


def test_a_misspelt_setting_in_the_env_file_is_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MURMUR_MODLE=demo\nOTHER=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    assert names(tmp_path)[0] == "no setting: MURMUR_MODLE (meant: MURMUR_MODEL?)"


def test_known_names_are_fine_in_any_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("murmur_model", "demo")
    assert names(tmp_path)[1] is None
