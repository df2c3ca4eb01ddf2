"""What the doctor finds without a broker or a store, and how it reports whether `murmur dev` and `murmur run` work."""

import shutil
from pathlib import Path

import pytest

from murmur.cli.doctor import Check, confinement, examine, examine_cluster, examine_dev, has_cluster, summary
from runtime import api_keys
from runtime.models.catalogue import DEMO_DIR
from runtime.settings import Settings
from tests.ended import SECRET


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


def test_a_cluster_is_wanted_once_a_setting_of_its_own_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMUR_MODEL", "demo")
    monkeypatch.setenv("MURMUR_INBOX", "in")
    assert not has_cluster(Settings())
    for name in ("MURMUR_KAFKA_BOOTSTRAP", "MURMUR_S3_ENDPOINT", "MURMUR_STORE_DIR"):
        with monkeypatch.context() as own:
            own.setenv(name, "set")
            assert has_cluster(Settings())


def test_the_last_line_of_a_section_states_whether_the_command_works() -> None:
    fine, better = Check("disk", "74 GiB"), Check("model", "base", advice="the first use downloads it")
    assert summary([fine], is_required=True) == "`murmur dev` works."
    assert summary([fine, better], is_required=True) == "`murmur dev` works; see the notes."
    assert summary([fine, Check("port", "in use", "stop it")], is_required=True) == "`murmur dev` needs fixes: port."
    broker = Check("broker", "none", "start it", needed_by="run")
    assert summary([broker], is_required=False) == "`murmur run` lacks broker. `murmur dev` needs none of it."


def test_a_sandbox_that_is_not_fully_enforced_names_what_is_missing() -> None:
    every_limit = ["NOFILE", "NPROC", "FSIZE", "CORE", "CPU", "AS"]
    full = confinement([*every_limit, "seccomp"], "linux")
    assert (full.fix, full.advice) == (None, None)
    without = confinement(every_limit, "linux")
    assert without.found.endswith("not by seccomp")
    assert "libseccomp" in (without.advice or "")
    elsewhere = confinement(every_limit[:-1], "darwin")
    assert elsewhere.found.endswith("not by AS, seccomp")
    assert "libseccomp" not in (elsewhere.advice or "")


def access(**options: object) -> Check:
    return next(check for check in examine(Settings.model_validate({"model": "demo", **options})) if check.name == "access")


def test_who_may_use_the_gateway_is_reported(tmp_path: Path) -> None:
    assert "this machine alone" in access(data_dir=tmp_path).found
    reachable = access(data_dir=tmp_path, gateway_host="0.0.0.0")
    assert reachable.fix is not None
    assert "keys new" in reachable.fix
    opened = access(data_dir=tmp_path, gateway_host="0.0.0.0", no_auth=True)
    assert (opened.fix, opened.advice) == (None, "everybody there may use it")
    line = api_keys.line("alice", api_keys.new_key())
    assert access(data_dir=tmp_path, gateway_host="0.0.0.0", api_keys=line).found == "1 API key, of alice"


def test_the_rules_of_corrected_text_are_checked_where_there_are_any(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"

    def correction(**more: object) -> list[tuple[str, str | None]]:
        settings = Settings.model_validate({"data_dir": tmp_path, "model": "demo", **more})
        return [(check.found, check.fix) for check in examine_dev(settings) if check.name == "corrected text"]

    assert correction() == []
    file.write_text("rules: [{casing: upper}]")
    assert correction(correction_rules_file=file) == [("1 rule, no model", None)]
    assert correction(corrector_url="http://127.0.0.1:1/v1", corrector_model="good") == [("0 rules, good model", None)]
    ((_, fix),) = correction(corrector_url="http://127.0.0.1:1/v1")
    assert "MURMUR_CORRECTOR_MODEL" in str(fix)
    file.write_text("rules: [{casing: loud}]")
    ((_, fix),) = correction(correction_rules_file=file)
    assert "line 1, rule 1" in str(fix)


@pytest.mark.parametrize(("url", "advice"), [(None, "MURMUR_PUBLIC_URL"), ("https://speech.example", "")])
def test_links_in_webhooks_that_nobody_could_follow_are_reported(tmp_path: Path, url: str | None, advice: str) -> None:
    values = {"data_dir": tmp_path, "webhook_secret": SECRET, "public_url": url, "kafka_bootstrap": "127.0.0.1:1"}
    (links,) = (check for check in examine_cluster(Settings.model_validate(values)) if check.name == "links")
    assert links.fix is None
    assert advice in (links.advice or "")
