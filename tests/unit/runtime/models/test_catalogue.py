"""Names of models become pinned revisions, without loading or downloading anything."""

import json
import shutil
from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.models import catalogue, hub
from runtime.models.catalogue import DEMO_DIR, PINNED, Model, fetch, resolve
from runtime.settings import Settings
from schemas.options import ModelRef

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def nothing(done: int, total: int) -> None: ...


def test_the_demo_model_is_here_and_reads_chunks_of_ten_seconds() -> None:
    model = resolve("demo")
    assert model.path == DEMO_DIR
    assert model.max_chunk_s == 10
    assert fetch(model, nothing) == DEMO_DIR


@pytest.mark.parametrize(
    ("model", "models", "default", "others"),
    [
        (None, "", "base", []),
        ("demo", "", "demo", []),
        (None, "tiny.en, turbo", "tiny.en", ["large-v3-turbo"]),
        ("demo", "tiny.en,demo,turbo", "demo", ["tiny.en", "large-v3-turbo"]),
        ("demo", "demo", "demo", []),
    ],
)
def test_the_models_that_jobs_may_ask_for(model: str | None, models: str, default: str, others: list[str]) -> None:
    settings = Settings(_env_file=None, model=model, models=models)
    assert catalogue.of(settings).ref.name == default
    assert [other.ref.name for other in catalogue.others(settings)] == others


def test_two_different_models_of_one_name_cannot_be_served(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "demo")
    (tmp_path / "demo" / "model.bin").write_bytes(b"other weights")
    with pytest.raises(UsageError, match="two different models 'demo'"):
        catalogue.others(Settings(_env_file=None, model="demo", models=str(tmp_path / "demo")))


def test_the_repositories_are_the_ones_that_the_library_uses() -> None:
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
    shutil.copytree(DEMO_DIR, tmp_path / "other")
    (tmp_path / "other" / "model.bin").write_bytes(b"other weights")
    assert resolve(str(tmp_path / "other")).ref.revision != mine.ref.revision


@pytest.mark.parametrize("name", [None, "", "gigantic", "no/such/folder", "../x", "owner/name@main"])
def test_an_unknown_model_is_answered_with_the_list(name: str | None) -> None:
    with pytest.raises(UsageError, match=r"one of: demo, tiny, .*large-v3-turbo.*folder.*repository"):
        resolve(name)


def test_the_device_chooses_the_default() -> None:
    assert catalogue.default_for("cuda") == "large-v3-turbo"
    assert catalogue.default_for("cpu") == "base"
    assert resolve(catalogue.default_for("auto"))


@pytest.mark.parametrize(
    ("name", "count"),
    [("demo", 2), ("tiny.en", 1), ("distil-medium.en", 1), ("base", 99), ("large-v2", 99), ("large-v3", 100), ("turbo", 100)],
)
def test_a_name_determines_the_languages_of_the_model(name: str, count: int) -> None:
    assert len(resolve(name).languages) == count


def test_the_languages_of_a_folder_come_from_its_tokenizer(tmp_path: Path) -> None:
    def folder(name: str, *tokens: tuple[str, int]) -> Path:
        shutil.copytree(DEMO_DIR, tmp_path / name)
        added = [{"id": number, "content": token} for token, number in tokens]
        (tmp_path / name / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
        return tmp_path / name

    english = folder("english", ("<|endoftext|>", 50256), ("<|en|>", 50258), ("<|pt|>", 50266))
    several = folder("several", ("<|endoftext|>", 50257), ("<|en|>", 50259), ("<|pt|>", 50267), ("<|notimestamps|>", 50363))
    assert resolve(str(english)).languages == ("en",)
    assert resolve(str(several)).languages == ("en", "pt")
    unknown = folder("unknown")
    (unknown / "tokenizer.json").write_text("no JSON")
    assert len(resolve(str(unknown)).languages) == 100


def test_only_the_demo_models_texts_carry_its_warning(tmp_path: Path) -> None:
    assert [warning.code for warning in catalogue.warnings_of(resolve("demo").ref)] == ["demo_model"]
    shutil.copytree(DEMO_DIR, tmp_path / "renamed")
    assert catalogue.warnings_of(resolve(str(tmp_path / "renamed")).ref), "its weights are what counts"
    assert catalogue.warnings_of(resolve("base").ref) == ()


def test_progress_counts_bytes_and_not_files() -> None:
    reported: list[tuple[int, int]] = []
    bar = hub._bar(lambda done, total: reported.append((done, total)), 0)
    of_bytes, of_files = bar(unit="B", total=0), bar(total=3)
    of_bytes.total += 100
    of_bytes.update(40)
    of_files.update(1)
    of_bytes.update(60)
    assert reported == [(40, 100), (100, 100)]


def test_the_size_that_the_hub_gives_is_the_measure_from_the_first_byte() -> None:
    reported: list[tuple[int, int]] = []
    bar = hub._bar(lambda done, total: reported.append((done, total)), 1000)(unit="B", total=0)
    bar.total += 20  # the client counts only the files that it has begun
    bar.update(20)
    bar.update(2000)
    assert reported == [(20, 1000), (1000, 1000)]
