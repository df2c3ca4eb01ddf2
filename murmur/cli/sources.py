"""What `murmur transcribe` reads: named files, the files of named folders, standard input. Each with the name of its results."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from murmur.cli.options import STDIN
from runtime.formats import BY_ENDING

STDIN_RESULTS = "stdin"
Failed = Callable[[Path | str, str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """`label`: its name in messages. `results`: path of the result files without their formats; None: standard output. `found`:
    in a folder, not named."""

    label: Path | str
    path: Path
    results: Path | None
    found: bool = False

    @property
    def size_bytes(self) -> int:
        """0 if it has disappeared."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


class Sources:
    """`stdin`: where standard input will be. `failed` receives each path that cannot be read, with the reason."""

    def __init__(self, out: Path | None, recursive: bool, stdin: Path, failed: Failed) -> None:
        self._out = out
        self._recursive = recursive
        self._stdin = stdin
        self._failed = failed

    def find(self, names: Sequence[Path]) -> list[Source]:
        """Readable files, each once, although several names may lead to it. Standard input is not read yet."""
        found: dict[tuple[Path, Path | None], Source] = {}
        for name in names:
            for source in self._of(name):
                found.setdefault((source.path.resolve(), source.results), source)
        return list(found.values())

    def _of(self, name: Path) -> Iterator[Source]:
        if name == STDIN:
            yield Source("standard input", self._stdin, self._out and self._out / STDIN_RESULTS)
            return
        try:
            if stat.S_ISDIR(name.stat().st_mode):
                yield from self._in_folder(name)
                return
        except OSError as error:
            self._failed(name, _reason(error))
            return
        if self._is_readable(name):
            yield Source(name, name, (self._out or name.parent) / name.stem)

    def _in_folder(self, folder: Path) -> Iterator[Source]:
        """Neither hidden files nor links nor results; those are never read."""
        empty = True
        for path in self._files(folder):
            empty = False
            if self._is_readable(path):
                parent = self._out / path.parent.relative_to(folder) if self._out else path.parent
                yield Source(path, path, parent / path.stem, found=True)
        if empty:
            hint = "" if self._recursive else "; --recursive includes subfolders"
            self._failed(folder, f"the folder has no files to transcribe{hint}")

    def _files(self, folder: Path) -> Iterator[Path]:
        for at, folders, names in os.walk(folder, onerror=self._on_folder_error):
            folders[:] = sorted(name for name in folders if not name.startswith(".")) if self._recursive else []
            yield from (path for name in sorted(names) if _is_candidate(path := Path(at, name)))

    def _on_folder_error(self, error: OSError) -> None:
        self._failed(Path(error.filename), _reason(error))

    def _is_readable(self, path: Path) -> bool:
        try:
            if not path.is_file():
                self._failed(path, f"not a regular file; a pipe can be read with `{STDIN}`")
                return False
            with path.open("rb"):
                return True
        except OSError as error:
            self._failed(path, _reason(error))
            return False


def _is_candidate(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix.removeprefix(".") in BY_ENDING:
        return False
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # reported when it is opened


def _reason(error: OSError) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
