"""What one `murmur transcribe` does, decided before a model is loaded: which sources it reads, and why not the others."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from murmur.cli.progress import printable
from murmur.cli.results import FileId, Results
from murmur.cli.sources import Source
from runtime.errors import MurmurError, UsageError

Ask = Callable[[Sequence[Path]], bool]


class Plan:
    """`ask`: whether these files may be overwritten; None: there is no terminal to ask on."""

    def __init__(self, results: Results, ask: Ask | None) -> None:
        self._results = results
        self._ask = ask
        self.sources: list[Source] = []
        self.problems: list[tuple[Path | str, str]] = []

    def refuse(self, path: Path | str, reason: str) -> None:
        self.problems.append((path, reason))

    def add(self, found: Sequence[Source]) -> None:
        """Once. Raises UsageError if standard output would get more than one transcript, MurmurError if no file remains."""
        if any(source.results is None for source in found) and (len(found) > 1 or len(self._results.formats) > 1):
            raise UsageError("standard output takes one transcript in one format: give --out, or one --formats and no other file")
        inputs = {(at.st_dev, at.st_ino) for at in map(_stat, found) if at is not None}
        names = Counter(source.results.resolve() for source in found if source.results is not None)
        for source in found:
            reason = None if source.results is None else self._obstacle(source.results, names, inputs)
            if reason is None:
                self.sources.append(source)
            else:
                self.refuse(source.label, reason)
        if not self.sources:
            raise MurmurError("; ".join(f"{printable(path)}: {reason}" for path, reason in self.problems))

    def _obstacle(self, base: Path, names: Counter[Path], inputs: set[FileId]) -> str | None:
        if names[base.resolve()] > 1:
            return f"another file's results would have the same names, {base.name}.…: transcribe each with its own --out"
        reason = self._results.obstacle(base, inputs)
        if reason is not None:
            return reason
        foreign = self._results.foreign(base)
        if not foreign:
            return None
        if self._ask is not None and self._ask(foreign):
            self._results.allow(foreign)
            return None
        return f"{_listed(foreign)} exists already and is not an earlier result: use --force to overwrite it, or --out"


def _stat(source: Source) -> os.stat_result | None:
    try:
        return source.path.stat()
    except OSError:  # standard input, or it has disappeared
        return None


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(printable, paths))
