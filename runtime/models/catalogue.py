"""Names of models, and the pinned revision that each stands for. Gateway and intake name the model; the transcriber loads it.

A repository's revision is a commit of its hub; a local folder's is a digest of its `model.bin`; so two stages with the same
`ModelRef` have the same weights.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from runtime import languages
from runtime.errors import UsageError
from runtime.models import by_name, folder, hub
from runtime.models.hub import Progress
from runtime.setting_types import listed
from runtime.settings import Settings
from schemas.options import EncoderWindow, ModelRef
from schemas.warning import TranscriptWarning

DEMO_DIR = Path(__file__).parent / "demo"
DEMO = "demo"
DEMO_WARNING = TranscriptWarning(
    code="demo_model",
    message="The demo model has a vocabulary of a few hundred English and Portuguese words, and writes these for all speech. "
    "It is for trying out murmur: choose another model with --model or MURMUR_MODEL.",
)
RUN_DEFAULT = "base"  # of `murmur run`, whose stages must agree on one model on different machines
# Weights with which a fitted encoder window was measured to cost no word: docs/decisions/0007-fitted-windows.md has the table.
FITTED = ("tiny.en", "base")
FITTED_MARGIN_S, FITTED_BUCKET_S = 5.0, 2.5
_REPOSITORY = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<commit>[0-9a-f]{40}))?")


@dataclass(frozen=True, slots=True)
class Pinned:
    """A CTranslate2 conversion on the hub, at one commit."""

    repository: str
    commit: str


# The repositories are faster-whisper's for these names (a test compares).
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
    """A resolved model. `path` is its CTranslate2 folder, None until `fetch` has downloaded it from `repository`.

    The rest is what it is best used with, unless the settings say otherwise: `max_chunk_s` is the chunk length that it reads
    best, `compute_type` what it has to be computed in, None: what suits the device. A repository that is not in the catalogue
    may know fewer `languages`. `models_dir` is the folder of models that was looked into and has no model of that name.
    """

    ref: ModelRef
    path: Path | None
    repository: str | None = None
    languages: tuple[str, ...] = languages.ALL
    max_chunk_s: float = 30.0
    compute_type: str | None = None
    encoder_window: EncoderWindow = "full"
    encoder_margin_s: float = 0.5
    encoder_bucket_s: float = 2.5
    models_dir: Path | None = field(default=None, compare=False)


def chosen(settings: Settings) -> str | None:
    """The default model's name in the settings: MURMUR_MODEL, else the first of MURMUR_MODELS."""
    return settings.model or next(iter(listed(settings.models)), None)


def of(settings: Settings) -> Model:
    """The default model in the settings, `RUN_DEFAULT` if none is set. Raises UsageError."""
    return resolve(chosen(settings) or RUN_DEFAULT, settings.models_dir)


def others(settings: Settings) -> tuple[Model, ...]:
    """The models besides the default one that a job may ask for. Raises UsageError, also for two of one name."""
    default = of(settings)
    resolved = [resolve(name, settings.models_dir) for name in listed(settings.models)]
    different = tuple(dict.fromkeys(model for model in resolved if model != default))
    names = [model.ref.name for model in (default, *different)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"MURMUR_MODEL and MURMUR_MODELS name two different models {twice!r}: rename the folder of one")
    return different


def named(name: str, models: Sequence[Model]) -> Model | None:
    """The one of these models that has this name or alias."""
    return next((model for model in models if model.ref.name == ALIASES.get(name, name)), None)


def resolve(name: str | None, models_dir: Path | None = None) -> Model:
    """The model of that name, folder, or repository (`owner/name`, `owner/name@commit`). Loads and downloads nothing; only
    a repository that is neither in the catalogue, pinned, nor cached is looked up on the hub. Raises UsageError.

    `models_dir`: a folder of models by name, which comes before the catalogue. The weights in it need not be those that the
    catalogue pins, so their revision is a digest, as any folder's. A folder that lacks a part of the model is an error.
    """
    models_dir = by_name.check(models_dir) if models_dir else None
    if name == DEMO:
        return _demo()
    if name and models_dir and (path := by_name.find(models_dir, (name, ALIASES.get(name, name)))):
        return _fitted(_of_folder(ALIASES.get(name, name), path))
    if name and (pinned := PINNED.get(ALIASES.get(name, name))):
        return replace(_fitted(_of_catalogue(ALIASES.get(name, name), pinned)), models_dir=models_dir)
    if name and (Path(name).is_dir() or Path(name).is_symlink()):
        folder.check(Path(name))
        return _of_folder(Path(name).resolve().name, Path(name).resolve())
    if name and not Path(name).exists() and (match := _REPOSITORY.fullmatch(name)):
        return replace(_of_repository(match["repository"], match["commit"], models_dir), models_dir=models_dir)
    wrong = f"unknown model {name!r}" if name else "no model is set"
    held = f" {by_name.describe(models_dir)}." if models_dir else ""
    raise UsageError(f"{wrong}.{held} Set MURMUR_MODEL (or --model) to one of: {describe()}")


def describe() -> str:
    """The accepted names, in one line."""
    names = ", ".join([DEMO, *PINNED])
    return (
        f"{names}; the name of a folder in MURMUR_MODELS_DIR; a folder with a CTranslate2 model.bin; "
        "or a repository on the hub, owner/name or owner/name@commit"
    )


def default_for(device: Literal["auto", "cpu", "cuda"]) -> str:
    """The name that `dev` and `transcribe` choose when none is set."""
    if device == "auto":
        import ctranslate2

        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    return "large-v3-turbo" if device == "cuda" else "base"


def warnings_of(ref: ModelRef) -> tuple[TranscriptWarning, ...]:
    """Warnings for every transcript of this model."""
    return (DEMO_WARNING,) if ref.revision == folder.digest(DEMO_DIR) else ()


def fetch(model: Model, progress: Progress) -> Path:
    """The model's folder, downloaded at first use into the usual cache. Blocks. Raises UsageError with the alternatives."""
    if (path := cached(model)) is not None:
        return path
    assert model.repository is not None  # a model without a path has one
    return hub.download(model.repository, model.ref.revision, model.ref.name, progress, model.models_dir)


def cached(model: Model) -> Path | None:
    """The folder of a model that is complete on this machine, else None. No network."""
    if model.path is not None or model.repository is None:
        return model.path
    return hub.cached(model.repository, model.ref.revision)


def _demo() -> Model:
    # int8 sums saturate on CPUs without VNNI, and so small a model then loses sentences (two minutes of English: 10 of 208
    # words wrong, 4 in float32), so it is computed in float32: the same text everywhere, for 1.5 times the CPU.
    return Model(
        ModelRef(name=DEMO, revision=folder.digest(DEMO_DIR)),
        DEMO_DIR,
        languages=("en", "pt"),
        max_chunk_s=10.0,
        compute_type="float32",
    )


def _of_folder(name: str, path: Path) -> Model:
    return Model(ModelRef(name=name, revision=folder.digest(path)), path, languages=folder.known_languages(path))


def _of_catalogue(name: str, pinned: Pinned) -> Model:
    known = languages.WITHOUT_CANTONESE
    if name.endswith(".en"):
        known = languages.ENGLISH
    elif "large-v3" in name:
        known = languages.ALL
    return Model(ModelRef(name=name, revision=pinned.commit), None, pinned.repository, known)


def _fitted(model: Model) -> Model:
    """With the encoder window measured for these weights."""
    if model.ref.name not in FITTED:
        return model
    return replace(model, encoder_window="fit", encoder_margin_s=FITTED_MARGIN_S, encoder_bucket_s=FITTED_BUCKET_S)


def _of_repository(repository: str, commit: str | None, models_dir: Path | None) -> Model:
    for name, pinned in PINNED.items():
        if pinned.repository == repository and commit in (None, pinned.commit):
            return resolve(name)
    model = Model(ModelRef(name=repository, revision=commit or hub.newest_commit(repository, models_dir)), None, repository)
    path = cached(model)
    return replace(model, languages=folder.known_languages(path)) if path else model
