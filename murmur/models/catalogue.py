"""Names of models, and the pinned revision that each stands for. Gateway and intake name the model; the transcriber loads it."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from murmur.errors import UsageError
from schemas.options import ModelRef

DEMO_DIR = Path(__file__).parent / "demo"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is known: `path` is a local CTranslate2 folder; `max_chunk_s` is the chunk length it reads best."""

    ref: ModelRef
    path: Path
    max_chunk_s: float = 30.0


def resolve(name: str | None) -> Model:
    """The model of that name or folder. Raises UsageError, which lists what there is."""
    if name == "demo":
        return Model(ModelRef(name="demo", revision=_revision(DEMO_DIR)), DEMO_DIR, max_chunk_s=10.0)
    if name and (Path(name) / "model.bin").is_file():
        path = Path(name).resolve()
        return Model(ModelRef(name=path.name, revision=_revision(path)), path)
    wrong = f"there is no model {name!r}" if name else "no model is set"
    raise UsageError(f"{wrong}. Set MURMUR_MODEL (or --model) to one of: demo, or a folder with a CTranslate2 model.bin")


@lru_cache
def _revision(path: Path) -> str:
    with (path / "model.bin").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
