"""Rows of a Markdown table: murmur's errors beside faster-whisper's, for each file, model and way of reading it. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from murmur.word_errors import Score

HEADER = (
    "file",
    "model",
    "chunks",
    "words",
    "missing: murmur",
    "faster-whisper",
    "word errors: murmur",
    "faster-whisper",
    "CPU s: murmur",
    "faster-whisper",
)


@dataclass(frozen=True, slots=True)
class Row:
    """`reference` is faster-whisper's score, None where it was not measured."""

    file: str
    model: str
    chunks: str
    murmur: Score
    murmur_cpu_s: float
    reference: Score | None = None
    reference_cpu_s: float = 0.0

    def cells(self) -> tuple[str, ...]:
        other = self.reference
        return (
            self.file,
            self.model,
            self.chunks,
            str(self.murmur.words),
            str(self.murmur.missing),
            str(other.missing) if other else "",
            f"{self.murmur.errors} ({self.murmur.error_rate:.1%})",
            f"{other.errors} ({other.error_rate:.1%})" if other else "",
            f"{self.murmur_cpu_s:.1f}",
            f"{self.reference_cpu_s:.1f}" if other else "",
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Row":
        row = json.loads(text)
        murmur, reference = (_score(row[key]) if row[key] else None for key in ("murmur", "reference"))
        return cls(**{**row, "murmur": murmur, "reference": reference})


def _score(values: dict[str, Any]) -> Score:
    """JSON has no tuples."""
    return Score(**{**values, "differences": tuple(values["differences"])})


def total(rows: Sequence[Row], file: str = "all") -> Row:
    """Of rows that differ in their file only."""
    references = [row.reference for row in rows if row.reference]
    return replace(
        rows[0],
        file=file,
        murmur=sum((row.murmur for row in rows), Score()),
        murmur_cpu_s=sum(row.murmur_cpu_s for row in rows),
        reference=sum(references, Score()) if len(references) == len(rows) else None,
        reference_cpu_s=sum(row.reference_cpu_s for row in rows),
    )


def totals(rows: Iterable[Row]) -> list[Row]:
    """One for each model and way of reading that has several rows."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.model, row.chunks), []).append(row)
    return [total(group) for group in groups.values() if len(group) > 1]


def table(rows: Iterable[Row]) -> list[str]:
    """Lines of Markdown."""
    return [heading(), *(line(row) for row in rows)]


def heading() -> str:
    return f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}"


def line(row: Row) -> str:
    return f"| {' | '.join(row.cells())} |"
