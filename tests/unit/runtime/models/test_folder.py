"""The folder of `MURMUR_MODELS_DIR`: what is in it is used, and what is wrong with it is reported before the hub is used."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.models import hub
from runtime.models.catalogue import DEMO_DIR, fetch, resolve
from schemas.options import ModelRef


def nothing(done: int, total: int) -> None: ...


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """With `base`, complete."""
    shutil.copytree(DEMO_DIR, tmp_path / "models" / "base")
    return tmp_path / "models"


def only_links(model: Path) -> None:
    """As copied out of the hub's cache without the files that it links to."""
    for file in list(model.iterdir()):
        file.unlink()
        file.symlink_to(model.parent / "blobs" / file.name)


def of_transformers(model: Path) -> None:
    for name in ("model.bin", "vocabulary.txt"):
        (model / name).unlink()
    (model / "model.safetensors").write_bytes(b"weights")


def linked_to_nothing(model: Path) -> None:
    shutil.rmtree(model)
    model.symlink_to(model.parent / "elsewhere")


def without(*names: str) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        for name in names:
            (model / name).unlink()

    return damage


DAMAGES = [
    (without("config.json"), "it has no config.json"),
    (without("model.bin"), "it has no model.bin"),
    (without("tokenizer.json"), "it has no tokenizer.json"),
    (without("vocabulary.txt"), "it has no vocabulary.json or vocabulary.txt"),
    (without("config.json", "tokenizer.json"), "it has no config.json, no tokenizer.json"),
    (only_links, "no model.bin (a broken symbolic link: copy the file itself, as cp -rL does)"),
    (only_links, "no vocabulary.txt (a broken symbolic link"),
    (of_transformers, "no model.bin, no vocabulary.json or vocabulary.txt; it has weights for Transformers"),
    (linked_to_nothing, "it is a broken symbolic link"),
]


def test_a_folder_of_models_comes_before_the_hub(tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "large-v3-turbo")
    model = resolve("large-v3-turbo", tmp_path)
    assert model.ref == ModelRef(name="large-v3-turbo", revision=resolve("demo").ref.revision)
    assert fetch(model, nothing) == tmp_path / "large-v3-turbo"
    assert resolve("turbo", tmp_path) == model
    assert resolve("tiny", tmp_path) == resolve("tiny"), "what is not in it is the hub's"


def test_a_name_never_leads_out_of_the_folder_of_models(models_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(DEMO_DIR, tmp_path / "outside")
    with pytest.raises(UsageError, match=r"unknown model '\.\./outside'"):
        resolve("../outside", models_dir)


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_an_incomplete_model_is_an_error_that_names_the_folder_and_what_it_lacks(
    damage: Callable[[Path], None], message: str, models_dir: Path
) -> None:
    damage(models_dir / "base")
    for name, folder_of_models in (("base", models_dir), (str(models_dir / "base"), None)):
        with pytest.raises(UsageError, match=re.escape(message)) as error:
            resolve(name, folder_of_models)
        assert str(models_dir / "base") in str(error.value)


def test_an_incomplete_model_does_not_block_another(models_dir: Path) -> None:
    (models_dir / "tiny").mkdir()
    assert resolve("base", models_dir).path == models_dir / "base"
    assert resolve("demo", models_dir).path == DEMO_DIR


@pytest.mark.parametrize("name", ["base", "demo", "gigantic"])
def test_a_models_own_folder_is_not_a_folder_of_models(name: str, models_dir: Path) -> None:
    with pytest.raises(UsageError, match=rf"itself a model's folder: use its parent, {re.escape(str(models_dir))}$"):
        resolve(name, models_dir / "base")
    only_links(models_dir / "base")
    with pytest.raises(UsageError, match="itself a model's folder"):
        resolve(name, models_dir / "base")


@pytest.mark.parametrize("name", ["small", "somebody/whisper-ct2"])
def test_a_failed_download_lists_the_models_in_the_folder(name: str, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> int:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "cached", lambda repository, revision: None)
    monkeypatch.setattr(hub, "_size_bytes", away)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", away)
    shutil.copytree(DEMO_DIR, models_dir / "tiny.en")
    (models_dir / "unfinished").mkdir()
    with pytest.raises(UsageError, match="no route to host") as error:
        fetch(resolve(name, models_dir), nothing)
    assert f"MURMUR_MODELS_DIR is {models_dir}, which contains base, tiny.en." in str(error.value)
    shutil.rmtree(models_dir)
    models_dir.mkdir()
    with pytest.raises(UsageError, match="which contains no model"):
        fetch(resolve(name, models_dir), nothing)


def test_an_unknown_name_is_answered_with_what_the_folder_holds(models_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown model 'gigantic'.* which contains base"):
        resolve("gigantic", models_dir)
