"""Where built services are kept: a folder outside the checkout, shared by all checkouts, filled under a lock and by rename.

Fed by `build.py`; read by everything that starts a service.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAY_EVERY_S = 20.0
ENVIRONMENT = dict(os.environ)  # as it was at the start: tests take the `MURMUR_…` of the developer's shell away


class ServiceError(Exception):
    """A service could not be had, or does not answer. The message ends with its last log lines where there are any."""


class MissingToolchain(ServiceError):
    """This machine has not got what builds or runs a service."""


def say(line: str) -> None:
    print(f"services: {line}", flush=True)


def folder(environment: Mapping[str, str] = ENVIRONMENT) -> Path:
    """`MURMUR_SERVICES_CACHE`, else `murmur` in the user's cache folder."""
    own = environment.get("MURMUR_SERVICES_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "murmur"


def version(name: str, pinned: str, environment: Mapping[str, str] = ENVIRONMENT) -> str:
    """The pinned version, or that of `MURMUR_SERVICES_<NAME>_VERSION`."""
    return environment.get(f"MURMUR_SERVICES_{name.upper()}_VERSION") or pinned


def tool(name: str, what_for: str) -> str:
    """The path of a program. Raises MissingToolchain."""
    found = shutil.which(name)
    if not found:
        raise MissingToolchain(f"`{name}` is not installed; {what_for} needs it")
    return found


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something to build once. `build(scratch)` returns what to keep; the scratch folder is deleted afterwards."""

    name: str
    version: str
    build: Callable[[Path], Path]

    @property
    def path(self) -> Path:
        return folder() / "bin" / f"{self.name}-{self.version}"


def ensure(artifact: Artifact) -> Path:
    """Builds it unless it is there; waits for another process that does. Safe to kill at any moment."""
    if artifact.path.exists():
        return artifact.path
    with _lock(folder()):
        if artifact.path.exists():
            return artifact.path
        for left in folder().glob("scratch-*"):  # by a build that was killed: the lock excludes another build
            shutil.rmtree(left, ignore_errors=True)
        scratch = folder() / f"scratch-{os.getpid()}"
        scratch.mkdir()
        artifact.path.parent.mkdir(exist_ok=True)
        began = time.monotonic()
        try:
            artifact.build(scratch).rename(artifact.path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        took = time.monotonic() - began
        say(f"{artifact.path.name}: built in {took:.0f} s, {size_bytes(artifact.path) / 1e6:.0f} MB, kept in {folder()}")
    return artifact.path


def size_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def run(argv: Sequence[str | Path], what: str, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Runs a program to its end, printing its progress periodically. Raises ServiceError with the end of its log."""
    command = [str(part) for part in argv]
    began = time.monotonic()
    with (
        log.open("ab") as output,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env) as process,
    ):
        try:
            while process.poll() is None:
                try:
                    process.wait(SAY_EVERY_S)
                except subprocess.TimeoutExpired:
                    say(f"{what}: {time.monotonic() - began:.0f} s so far")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ServiceError(f"{what} failed with exit code {process.returncode}\n{tail(log)}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented; a note if there are none."""
    text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join(f"    | {line}" for line in text) or "    | (its log is empty)"


@contextmanager
def _lock(where: Path) -> Iterator[None]:
    where.mkdir(parents=True, exist_ok=True)
    with (where / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process builds; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
