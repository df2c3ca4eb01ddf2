"""How a command tells what it does: bars on a terminal, plain lines everywhere else. Fed by `murmur transcribe` and `dev`.

Names of written files go to standard output, for the next program in a pipe; all else goes to the given stream.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MB = 1_000_000


class Reporter(Protocol):
    """All of it from one thread, but `download`, which may come from several."""

    def download(self, name: str, here_bytes: int, total_bytes: int) -> None: ...

    def note(self, text: str) -> None:
        """Something that takes a while begins, or a person should know it."""

    def share(self, what: Path | str, share: float) -> None:
        """So much of the file, or of another task, is done, of 1."""

    def written(self, result: Path) -> None: ...

    def failed(self, path: Path, why: str) -> None: ...


@contextmanager
def reporting(stream: TextIO) -> Iterator[Reporter]:
    """Bars where the stream is a terminal."""
    if not stream.isatty():
        yield Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    # A pipe on standard output must get the names of files and nothing else.
    with Progress(*columns, console=Console(file=stream), redirect_stdout=sys.stdout.isatty()) as progress:
        yield Bars(progress)


class Lines:
    """A line for every tenth that is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenths: dict[str, int] = {}

    def download(self, name: str, here_bytes: int, total_bytes: int) -> None:
        if total_bytes:
            self._at(f"downloading the model {name}", here_bytes / total_bytes, f", {_megabytes(here_bytes, total_bytes)}")

    def note(self, text: str) -> None:
        self._say(text)

    def share(self, what: Path | str, share: float) -> None:
        self._at(str(what), share)

    def written(self, result: Path) -> None:
        print(result, flush=True)

    def failed(self, path: Path, why: str) -> None:
        self._say(f"{path}: {why}")

    def _at(self, what: str, share: float, more: str = "") -> None:
        tenth = int(share * 10)
        if tenth > self._tenths.get(what, -1):
            self._tenths[what] = tenth
            self._say(f"{what}: {tenth * 10} %{more}")

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Bars:
    """One bar for each file, and one for the download."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def download(self, name: str, here_bytes: int, total_bytes: int) -> None:
        if total_bytes:
            self._at(f"downloading {name}", here_bytes / total_bytes, f": {_megabytes(here_bytes, total_bytes)}")

    def note(self, text: str) -> None:
        self._print(text)

    def share(self, what: Path | str, share: float) -> None:
        self._at(str(what), share)

    def written(self, result: Path) -> None:
        print(result, flush=True)

    def failed(self, path: Path, why: str) -> None:
        if (bar := self._bars.pop(str(path), None)) is not None:
            self._progress.remove_task(bar)
        self._print(f"{path}: {why}")

    def _at(self, what: str, share: float, more: str = "") -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=1.0)
        self._progress.update(self._bars[what], completed=share, description=what + more)

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _megabytes(here_bytes: int, total_bytes: int) -> str:
    return f"{here_bytes / MB:.0f} of {total_bytes / MB:.0f} MB"
