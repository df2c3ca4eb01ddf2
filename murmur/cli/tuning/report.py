"""Figures and verdict as text and as JSON, for `murmur tune`. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from murmur.cli.tuning.figures import FULL, EncoderChoice, Figure, Measured
from murmur.cli.tuning.verdict import Defaults, Verdict, agrees, is_judged, share

DIFFERENCES_MAX = 8  # shown


@dataclass(frozen=True, slots=True)
class Report:
    """`now`: the measured settings that are set on this machine, by variable."""

    model: str
    files: int
    default: Defaults
    measured: Measured
    verdict: Verdict
    now: dict[str, str]

    @property
    def full(self) -> Figure:
        return self.measured.windows[FULL]

    @property
    def unset(self) -> list[str]:
        """Variables that are set now, but not recommended."""
        return [name for name in self.now if name not in self.verdict.settings]


def lines(report: Report) -> Iterator[str]:
    full = report.full
    machine = "a GPU" if report.default.replicas is None else f"{_many(report.default.replicas, 'CPU core')}"
    yield f"{report.model} on {machine}: {full.speech_s / 60:.1f} minutes of speech in {_many(report.files, 'file')}"
    yield ""
    yield from _windows(report)
    yield from _limits(report)
    yield from _replicas(report)
    yield from report.verdict.sentences
    yield from _differences(report)
    yield ""
    yield from _settings(report)


def _windows(report: Report) -> Iterator[str]:
    cost = report.default.cost
    head = [
        "encoder window",
        f"{cost} s per s",
        "of full",
        "speed",
        f"of {report.full.difference.words} words differ",
        "decoded again in full",
    ]
    rows = [
        [
            f"{choice}{' (default)' if choice == report.default.encoder else ''}",
            f"{figure.cost_per_s:.3f}",
            f"{figure.cost_s / report.full.cost_s:.2f}",
            f"{figure.speed:.1f} x",
            _differ(figure) if choice != FULL else "",
            str(figure.refitted) if choice != FULL else "",
        ]
        for choice, figure in report.measured.windows.items()
    ]
    yield from _table(head, rows)


def _limits(report: Report) -> Iterator[str]:
    limits = report.measured.chunk_limits
    if not limits:
        return
    cost, default_s = report.default.cost, report.default.max_chunk_s
    usual = limits[default_s]
    head = ["longest chunk", f"{cost} s per s", f"of {default_s:g} s", "chunks", f"of {usual.difference.words} words differ"]
    rows = [
        [
            f"{limit:g} s{' (default)' if limit == default_s else ''}",
            f"{figure.cost_per_s:.3f}",
            f"{figure.cost_s / usual.cost_s:.2f}",
            str(figure.chunks),
            _differ(figure) if limit != default_s else "",
        ]
        for limit, figure in limits.items()
    ]
    yield from _table(head, rows)


def _replicas(report: Report) -> Iterator[str]:
    replicas = report.measured.replicas
    rows = [
        [
            f"{count}{' (default)' if count == report.default.replicas else ''}",
            f"{figure.speed:.1f} x",
            f"{figure.speed / replicas[1].speed:.2f}",
            f"{figure.cores:.2f}",
        ]
        for count, figure in replicas.items()
    ]
    if rows:
        yield from _table(["replicas", "speed", "of one", "cores used"], rows)


def _differ(figure: Figure) -> str:
    return f"{figure.difference.errors} ({share(figure.difference)})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, figures to the right; an empty line after it."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
    yield ""


def _shown(report: Report) -> EncoderChoice:
    """The window whose differences are of interest: a rejected one, preferably the default; otherwise the chosen one."""
    chosen, default = report.verdict.encoder, report.default.encoder
    if chosen != FULL:
        return chosen if default == FULL else default
    fitted = [choice for choice in report.measured.windows if choice != FULL]
    return min(fitted, key=lambda choice: report.measured.windows[choice].difference.errors)


def _differences(report: Report) -> Iterator[str]:
    choice = _shown(report)
    found = report.measured.windows[choice].difference.differences
    if found:
        yield ""
        yield f"Differences, as full -> {choice} (both make mistakes: full is not a reference text):"
        yield from (f"  {text}" for text in found[:DIFFERENCES_MAX])
    if len(found) > DIFFERENCES_MAX:
        yield f"  and {len(found) - DIFFERENCES_MAX} more"


def _settings(report: Report) -> Iterator[str]:
    settings = report.verdict.settings
    if settings:
        yield "Settings to copy:"
        yield from (f"{name}={value}" for name, value in settings.items())
    elif not is_judged(report.full.difference.words):
        yield "No settings are recommended."
    else:
        yield f"No settings are needed: the defaults of {report.model} are the best here."
    for name in report.unset:
        yield f"Set now, but not recommended here: {name}={report.now[name]}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def as_json(report: Report) -> dict[str, object]:
    measured = report.measured
    return {
        "model": report.model,
        "files": report.files,
        "speech_s": round(report.full.speech_s, 2),
        "all_read": measured.is_all,
        "cost": report.default.cost,
        "windows": [
            {
                "window": choice.window,
                "margin_s": choice.margin_s if choice != FULL else None,
                "default": choice == report.default.encoder,
            }
            | _figure(figure, report.full)
            for choice, figure in measured.windows.items()
        ],
        "chunk_limits": [
            {"max_chunk_s": limit, "default": limit == report.default.max_chunk_s}
            | _figure(figure, measured.chunk_limits[report.default.max_chunk_s])
            for limit, figure in measured.chunk_limits.items()
        ],
        "replicas": [
            {
                "replicas": count,
                "default": count == report.default.replicas,
                "speed": round(figure.speed, 3),
                "cores": round(figure.cores, 3),
            }
            for count, figure in measured.replicas.items()
        ],
        "verdict": list(report.verdict.sentences),
        "settings": report.verdict.settings,
        "unset": report.unset,
    }


def _figure(figure: Figure, reference: Figure) -> dict[str, object]:
    return {
        "cost_per_s": round(figure.cost_per_s, 4),
        "cost_of_reference": round(figure.cost_s / reference.cost_s, 4),
        "speed": round(figure.speed, 3),
        "chunks": figure.chunks,
        "refitted": figure.refitted,
        "words": figure.difference.words,
        "different": figure.difference.errors,
        "agrees": agrees(figure.difference),
        "differences": list(figure.difference.differences),
    }
