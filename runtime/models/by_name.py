"""The folder of `MURMUR_MODELS_DIR`: models by name, searched before the hub. Called by the catalogue and the hub only."""

from collections.abc import Sequence
from pathlib import Path

from runtime.errors import UsageError
from runtime.models import folder


def check(models_dir: Path) -> Path:
    """Its absolute path. Raises UsageError if it does not exist, or is a model itself."""
    path = models_dir.expanduser().absolute()
    if not path.is_dir():
        raise UsageError(f"no such folder: {models_dir}. Set MURMUR_MODELS_DIR to a folder of models, or unset it")
    if any((path / name).is_file() or (path / name).is_symlink() for name in folder.NEEDED):
        raise UsageError(f"MURMUR_MODELS_DIR is {path}, which is itself a model's folder: use its parent, {path.parent}")
    return path


def find(models_dir: Path, names: Sequence[str]) -> Path | None:
    """The folder of the first of these names that exists. Only names are accepted, never paths that lead out of it.

    Raises UsageError where there is such a folder, but it is not a complete model: the hub may have other weights by that name.
    """
    inside = [name for name in names if (parts := Path(name).parts) and ".." not in parts and not Path(name).is_absolute()]
    there = [path for name in inside if (path := models_dir / name).exists() or path.is_symlink()]
    for path in there[:1]:
        folder.check(path)
    return there[0] if there else None


def describe(models_dir: Path) -> str:
    """The folder and the models in it, in a few words."""
    try:
        names = sorted(path.name for path in models_dir.iterdir() if not folder.missing(path))
    except OSError as error:
        return f"MURMUR_MODELS_DIR is {models_dir}, which cannot be read ({error.strerror})"
    return f"MURMUR_MODELS_DIR is {models_dir}, which contains {', '.join(names) or 'no model'}"
