"""Names of models, and the pinned revision that each stands for. Gateway and intake name the model; the transcriber loads it.

A repository's revision is a commit of its hub; a local folder's is a digest of its `model.bin`; so two stages that agree on
a `ModelRef` hold the same weights.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from murmur.errors import UsageError
from murmur.settings import Settings
from schemas.options import ModelRef

DEMO_DIR = Path(__file__).parent / "demo"
Progress = Callable[[int, int], None]  # bytes that are here, bytes in all
FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
NEEDED = ("config.json", "model.bin", "tokenizer.json")
_REPOSITORY = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<commit>[0-9a-f]{40}))?")


@dataclass(frozen=True, slots=True)
class Pinned:
    """A CTranslate2 conversion on the hub, at one commit."""

    repository: str
    commit: str


# The repositories are those that faster-whisper knows by these names (a test compares).
PINNED: dict[str, Pinned] = {
    "tiny": Pinned("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
    "tiny.en": Pinned("Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba"),
    "base": Pinned("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
    "base.en": Pinned("Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c"),
    "small": Pinned("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
    "small.en": Pinned("Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f"),
    "medium": Pinned("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
    "medium.en": Pinned("Systran/faster-whisper-medium.en", "a29b04bd15381511a9af671baec01072039215e3"),
    "large-v1": Pinned("Systran/faster-whisper-large-v1", "b07c8d4be0be90092aa01a29c975077acb8d15c9"),
    "large-v2": Pinned("Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e"),
    "large-v3": Pinned("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
    "large-v3-turbo": Pinned("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
    "distil-small.en": Pinned("Systran/faster-distil-whisper-small.en", "ef77d90526ccd62cde3808ee70626a01e5cf83e4"),
    "distil-medium.en": Pinned("Systran/faster-distil-whisper-medium.en", "80ddfce281f77766d8943d63109199fc8145dfa5"),
    "distil-large-v2": Pinned("Systran/faster-distil-whisper-large-v2", "fe9b404fc56de3f7c38606ef9ba6fd83526d05e4"),
    "distil-large-v3": Pinned("Systran/faster-distil-whisper-large-v3", "c3058b475261292e64a0412df1d2681c06260fab"),
    "distil-large-v3.5": Pinned("distil-whisper/distil-large-v3.5-ct2", "9793ccc07920e0f830e1dba0343efcdf0ef8c903"),
}
ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is known. `path` is its CTranslate2 folder, None until `fetch` has brought it from `repository`;
    `max_chunk_s` is the chunk length it reads best, `compute_type` what it is computed in unless the settings say otherwise."""

    ref: ModelRef
    path: Path | None
    max_chunk_s: float = 30.0
    repository: str | None = None
    compute_type: str = "default"


def of(settings: Settings) -> Model:
    """The model that the settings name. Raises UsageError."""
    return resolve(settings.model, settings.models_dir)


def resolve(name: str | None, models_dir: Path | None = None) -> Model:
    """The model of that name, folder, or repository (`owner/name`, `owner/name@commit`). Loads and downloads nothing; only
    a repository that is neither in the catalogue, pinned, nor cached is looked up on the hub. Raises UsageError.

    `models_dir`: a folder of models by name, which comes before the catalogue. The weights in it need not be those that the
    catalogue pins, so their revision is a digest, as any folder's: a second of reading for each 1 to 2 GB, once per process.
    """
    if name == "demo":
        # int8 sums saturate on CPUs without VNNI, and so small a model then loses sentences (two minutes of English: 10 of 208
        # words wrong, 4 in float32), so it is computed in float32: the same text everywhere, for 1.5 times the CPU.
        return Model(ModelRef(name="demo", revision=_digest(DEMO_DIR)), DEMO_DIR, max_chunk_s=10.0, compute_type="float32")
    if name and models_dir and (path := _in(models_dir, name)):
        return Model(ModelRef(name=ALIASES.get(name, name), revision=_digest(path)), path)
    if name and (pinned := PINNED.get(ALIASES.get(name, name))):
        return Model(ModelRef(name=ALIASES.get(name, name), revision=pinned.commit), None, repository=pinned.repository)
    if name and (Path(name) / "model.bin").is_file():
        path = Path(name).resolve()
        return Model(ModelRef(name=path.name, revision=_digest(path)), path)
    if name and not Path(name).exists() and (match := _REPOSITORY.fullmatch(name)):
        return _of_repository(match["repository"], match["commit"])
    wrong = f"there is no model {name!r}" if name else "no model is set"
    raise UsageError(f"{wrong}. Set MURMUR_MODEL (or --model) to one of: {describe()}")


def _in(models_dir: Path, name: str) -> Path | None:
    """Its folder there. Only names are looked for, never paths that lead out of it."""
    if name.startswith("/") or ".." in Path(name).parts:
        return None
    candidates = [models_dir.expanduser().absolute() / each for each in (name, ALIASES.get(name, name))]
    return next((path for path in candidates if (path / "model.bin").is_file()), None)


def describe() -> str:
    """What can be named, in one line."""
    names = ", ".join(["demo", *PINNED])
    return f"{names}; a folder with a CTranslate2 model.bin; or a repository on the hub, owner/name or owner/name@commit"


def default_for(device: Literal["auto", "cpu", "cuda"]) -> str:
    """The name that `dev` and `transcribe` choose when none is set. On a CPU it is the one that needs no download."""
    if device == "auto":
        import ctranslate2

        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    return "large-v3-turbo" if device == "cuda" else "demo"


def fetch(model: Model, progress: Progress) -> Path:
    """The model's folder, downloaded at first use into the usual cache. Blocks. Raises UsageError with the ways out."""
    path = model.path or cached(model)
    if path is not None:
        return path
    import huggingface_hub

    assert model.repository is not None  # a model without a path has one
    try:
        folder = huggingface_hub.snapshot_download(
            model.repository, revision=model.ref.revision, allow_patterns=list(FILES), tqdm_class=_bar(progress)
        )
    except Exception as error:  # the hub's client raises many kinds; each means that the model is not here
        raise _unreachable(model.repository, model.ref.name, error) from error
    if lacking := [name for name in NEEDED if not (Path(folder) / name).is_file()]:
        raise UsageError(f"{model.repository} has no {' and no '.join(lacking)}: it is not a CTranslate2 Whisper model")
    return Path(folder)


def cached(model: Model) -> Path | None:
    """The folder of a model that is here already and whole, else None. No network."""
    if model.path is not None:
        return model.path
    import huggingface_hub

    found = [_in_cache(huggingface_hub, model, name) for name in NEEDED]
    return Path(found[0]).parent if found[0] and all(found) else None


def _in_cache(hub: object, model: Model, file: str) -> str | None:
    found = hub.try_to_load_from_cache(model.repository, file, revision=model.ref.revision)  # type: ignore[attr-defined]
    return found if isinstance(found, str) else None


def _of_repository(repository: str, commit: str | None) -> Model:
    for name, pinned in PINNED.items():
        if pinned.repository == repository and commit in (None, pinned.commit):
            return resolve(name)
    revision = commit or _newest_commit(repository)
    return Model(ModelRef(name=repository, revision=revision), None, repository=repository)


def _newest_commit(repository: str) -> str:
    """What `main` is in the cache (the newest that was downloaded here), else on the hub."""
    import huggingface_hub

    try:
        config = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision="main")
        if isinstance(config, str):
            return Path(config).parent.name  # the cache names its folders by commit
        commit = huggingface_hub.HfApi().model_info(repository, timeout=10).sha
    except Exception as error:  # see fetch
        raise _unreachable(repository, repository, error) from error
    if commit is None:
        raise UsageError(f"the hub does not say which commit {repository} is at; name one: {repository}@<commit>")
    return commit


def _unreachable(repository: str, name: str, error: Exception) -> UsageError:
    first_line = next(iter(str(error).strip().splitlines()), "no details")
    return UsageError(
        f"the model {name} is not on this machine, and {repository} could not be downloaded "
        f"({type(error).__name__}: {first_line}). Three ways out: "
        "connect to the internet and run this again; copy the model from a machine that has it and point HF_HOME (a whole cache) "
        "or MURMUR_MODEL (the model's folder) at it; or use the model that comes with murmur: MURMUR_MODEL=demo"
    )


def _bar(progress: Progress) -> type:
    """The hub's client reports by a tqdm class of ours. It draws nothing; it only tells `progress`."""
    from tqdm.std import tqdm  # type: ignore[import-untyped, unused-ignore]

    class Bar(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        done = 0

        def __init__(self, *args: object, **kwargs: object) -> None:
            self.counts_bytes = kwargs.get("unit") == "B"  # the other bar counts files
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            if self.counts_bytes:
                progress(self.done, int(self.total or 0))

    return Bar


@lru_cache
def _digest(path: Path) -> str:
    with (path / "model.bin").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
