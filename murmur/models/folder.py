"""What a folder with a CTranslate2 model says about itself: which weights, and which languages. No ML library is loaded."""

import hashlib
from functools import lru_cache
from pathlib import Path

import orjson

from murmur import languages

END_OF_ENGLISH_TEXT = 50256  # the end token of models that know English only; multilingual ones have one token more before it


def is_model(path: Path) -> bool:
    return (path / "model.bin").is_file()


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
