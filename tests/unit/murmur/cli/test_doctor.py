"""What the doctor finds without a broker or a store."""

import shutil
from pathlib import Path

import pytest

from murmur.cli.doctor import examine
from runtime.models.catalogue import DEMO_DIR
from runtime.settings import Settings


def names(tmp_path: Path) -> tuple[str, str | None]:
    found = next(check for check in examine(Settings(data_dir=tmp_path)) if check.name == "settings")
    return found.found, found.fix


def test_a_misspelt_setting_is_reported_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MURMUR_KAFKA_BOOSTRAP", "secret:9092")
    monkeypatch.setenv("MURMUR_MODEL", "demo")
    found, fix = names(tmp_path)
    assert "MURMUR_KAFKA_BOOSTRAP (did you mean MURMUR_KAFKA_BOOTSTRAP?)" in found
    assert "MURMUR_MODEL" not in found
    assert "secret" not in found
    assert fix


def test_a_misspelt_setting_in_the_env_file_is_reported_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MURMUR_MODLE=demo\nOTHER=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    assert names(tmp_path)[0] == "unknown: MURMUR_MODLE (did you mean MURMUR_MODEL?)"


def test_known_names_are_fine_in_any_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("murmur_model", "demo")
    assert names(tmp_path)[1] is None


def model(settings: Settings) -> tuple[str, str | None]:
    found = next(check for check in examine(settings) if check.name == "model")
    return found.found, found.fix


def test_the_model_is_reported_with_its_path(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "models" / "base")
    found, fix = model(Settings(data_dir=tmp_path, device="cpu", models_dir=tmp_path / "models"))
    assert found.startswith("base, revision ")
    assert f"at {tmp_path / 'models' / 'base'}" in found
    assert fix is None


def test_a_missing_folder_of_models_comes_with_the_setting_to_fix(tmp_path: Path) -> None:
    _, fix = model(Settings(data_dir=tmp_path, model="base", models_dir=tmp_path / "nowhere"))
    assert fix is not None
    assert "MURMUR_MODELS_DIR" in fix
