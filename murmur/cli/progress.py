"""Progress of a command: bars on a terminal, plain lines everywhere else. Used by `transcribe`, `tune`, `dev` and `run`.

Names of written files go to standard output, for the next program in a pipe; everything else goes to the given stream.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MB = 1_000_000


class Reporter(Protocol):
    """To be called from one thread, except `download`, which may be called from several."""

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None: ...

    def note(self, text: str) -> None:
        """A message for the user, or the start of something that takes a while."""

    def progress(self, task: Path | str, share: float) -> None:
        """The share of the file, or of another task, that is done: 0 to 1."""

    def written(self, result: Path) -> None: ...

    def failed(self, path: Path | str, reason: str) -> None: ...


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
    # A pipe on standard output must receive the names of files and nothing else.
    with Progress(*columns, console=Console(file=stream), redirect_stdout=sys.stdout.isatty()) as progress:
        yield Bars(progress)


class _Reports(ABC):
    """What lines and bars have in common: the texts."""

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        if total_bytes:
            details = f", {done_bytes / MB:.0f} of {total_bytes / MB:.0f} MB"
            self._show(f"downloading the model {name}", done_bytes / total_bytes, details)

    def note(self, text: str) -> None:
        self._print(text)

    def progress(self, task: Path | str, share: float) -> None:
        self._show(printable(task), share)

    def written(self, result: Path) -> None:
        print(result, flush=True)

    def failed(self, path: Path | str, reason: str) -> None:
        self._print(f"{printable(path)}: {reason}")

    @abstractmethod
    def _show(self, task: str, share: float, details: str = "") -> None: ...

    @abstractmethod
    def _print(self, line: str) -> None: ...


class Lines(_Reports):
    """A line for every 10 % of progress."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenths: dict[str, int] = {}

    def _show(self, task: str, share: float, details: str = "") -> None:
        tenth = int(share * 10)
        if tenth > self._tenths.get(task, -1):
            self._tenths[task] = tenth
            self._print(f"{task}: {tenth * 10} %{details}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Bars(_Reports):
    """One bar for each file, and one for the download."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def failed(self, path: Path | str, reason: str) -> None:
        if (bar := self._bars.pop(printable(path), None)) is not None:
            self._progress.remove_task(bar)
        super().failed(path, reason)

    def _show(self, task: str, share: float, details: str = "") -> None:
        if task not in self._bars:
            self._bars[task] = self._progress.add_task(task, total=1.0)
        self._progress.update(self._bars[task], completed=share, description=task + details)

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def printable(name: Path | str) -> str:
    """On one line, and without what a terminal would take for a command. File names may have any bytes but 0 and /."""
    text = str(name)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
