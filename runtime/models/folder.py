"""Facts about a folder with a CTranslate2 model: weights and languages. No ML library is loaded."""

import hashlib
from functools import lru_cache
from pathlib import Path

import orjson

from runtime import languages
from runtime.errors import UsageError

NEEDED = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")  # one of them
END_OF_ENGLISH_TEXT = 50256  # the end token of English-only models; multilingual ones have one token more before it


def missing(path: Path) -> list[str]:
    """The files of a model that this folder lacks, with the reason if known. Empty: the model is complete."""
    found = [_lacking(path, name) for name in NEEDED]
    if not any((path / name).is_file() for name in VOCABULARIES):
        linked = [_lacking(path, name) for name in VOCABULARIES if (path / name).is_symlink()]
        found.append(linked[0] if linked else " or ".join(VOCABULARIES))
    return [each for each in found if each is not None]


def check(path: Path) -> None:
    """Raises UsageError that names the folder and the missing files."""
    if not (lacking := missing(path)):
        return
    hint = ""
    if not path.exists():
        hint = ": it is a broken symbolic link"
    elif (path / "model.safetensors").exists() or (path / "pytorch_model.bin").exists():
        hint = "; it has weights for Transformers, murmur needs a CTranslate2 conversion"
    raise UsageError(f"the folder {path} is not a complete CTranslate2 model: it has no {', no '.join(lacking)}{hint}")


def _lacking(path: Path, name: str) -> str | None:
    file = path / name
    if file.is_file():
        return None
    return f"{name} (a broken symbolic link: copy the file itself, as cp -rL does)" if file.is_symlink() else name


@lru_cache
def digest(path: Path) -> str:
    """Of `model.bin`. Reads all of it, once per process: a second for each 1 to 2 GB."""
    with (path / "model.bin").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@lru_cache
def known_languages(path: Path) -> tuple[str, ...]:
    """Those that its tokenizer has a token for; all of Whisper's when it does not say."""
    try:
        tokens = {token["content"]: token["id"] for token in orjson.loads((path / "tokenizer.json").read_bytes())["added_tokens"]}
    except (OSError, ValueError, KeyError, TypeError):
        return languages.ALL
    if tokens.get("<|endoftext|>") == END_OF_ENGLISH_TEXT:
        return languages.ENGLISH
    return tuple(code for code in languages.ALL if f"<|{code}|>" in tokens) or languages.ALL
