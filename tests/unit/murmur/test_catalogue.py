"""Names of models become pinned revisions, without loading or downloading anything."""

import shutil
from pathlib import Path

import pytest

from murmur.errors import UsageError
from murmur.models import catalogue
from murmur.models.catalogue import DEMO_DIR, PINNED, Model, fetch, resolve
from schemas.options import ModelRef

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def nothing(done: int, total: int) -> None: ...


def test_the_demo_model_is_here_and_reads_chunks_of_ten_seconds() -> None:
    model = resolve("demo")
    assert model.path == DEMO_DIR
    assert model.max_chunk_s == 10
    assert fetch(model, nothing) == DEMO_DIR


def test_the_repositories_are_the_ones_that_the_library_knows() -> None:
    from faster_whisper.utils import _MODELS

    known = {name: PINNED[catalogue.ALIASES.get(name, name)].repository for name in _MODELS}
    assert known == _MODELS


@pytest.mark.parametrize("name", PINNED)
def test_a_name_stands_for_one_commit(name: str) -> None:
    model = resolve(name)
    assert model.ref == ModelRef(name=name, revision=PINNED[name].commit)
    assert len(model.ref.revision) == 40
    assert model.path is None


def test_an_alias_and_the_repository_itself_are_the_same_model() -> None:
    turbo = resolve("large-v3-turbo")
    assert resolve("turbo") == turbo
    assert resolve(PINNED["large-v3-turbo"].repository) == turbo
    assert resolve(f"{turbo.repository}@{turbo.ref.revision}") == turbo


def test_a_repository_with_a_commit_needs_no_hub() -> None:
    model = resolve(f"somebody/whisper-ct2@{COMMIT}")
    assert model == Model(ModelRef(name="somebody/whisper-ct2", revision=COMMIT), None, repository="somebody/whisper-ct2")


def test_a_folder_is_named_by_its_contents(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "mine")
    mine = resolve(str(tmp_path / "mine"))
    assert mine.ref == ModelRef(name="mine", revision=resolve("demo").ref.revision)
    assert mine.path == tmp_path / "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.bin").write_bytes(b"other weights")
    assert resolve(str(tmp_path / "other")).ref.revision != mine.ref.revision


@pytest.mark.parametrize("name", [None, "", "gigantic", "no/such/folder", "../x", "owner/name@main"])
def test_what_is_no_model_is_answered_with_the_list(name: str | None) -> None:
    with pytest.raises(UsageError, match=r"one of: demo, tiny, .*large-v3-turbo.*folder.*repository"):
        resolve(name)


def test_the_device_chooses_the_default() -> None:
    assert catalogue.default_for("cuda") == "large-v3-turbo"
    assert catalogue.default_for("cpu") == "demo"
    assert resolve(catalogue.default_for("auto"))


def test_progress_counts_bytes_and_not_files() -> None:
    told: list[tuple[int, int]] = []
    bar = catalogue._bar(lambda done, total: told.append((done, total)))
    of_bytes, of_files = bar(unit="B", total=0), bar(total=3)
    of_bytes.total += 100
    of_bytes.update(40)
    of_files.update(1)
    of_bytes.update(60)
    assert told == [(40, 100), (100, 100)]


def test_a_folder_of_models_comes_before_the_hub(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "large-v3-turbo")
    model = resolve("large-v3-turbo", tmp_path)
    assert model.ref == ModelRef(name="large-v3-turbo", revision=resolve("demo").ref.revision)
    assert fetch(model, nothing) == tmp_path / "large-v3-turbo"
    assert resolve("turbo", tmp_path) == model
    assert resolve("tiny", tmp_path) == resolve("tiny"), "what is not in it is the hub's"


def test_a_name_never_leads_out_of_the_folder_of_models(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "outside")
    (tmp_path / "models").mkdir()
    with pytest.raises(UsageError):
        resolve("../outside", tmp_path / "models")
