"""The gateway's list of jobs as lines for a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from murmur.cli.progress import printable

HEADINGS = ("TASK ID", "SUBMITTED", "AUDIO", "STATE", "FILE")


def lines(jobs: Sequence[Mapping[str, Any]], zone: tzinfo | None = None) -> Iterator[str]:
    """Columns; the file's name is the last, as only its length has no limit. `zone`: None is the local one."""
    rows = [HEADINGS, *(_cells(job, zone) for job in jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(job: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, ...]:
    submitted = datetime.fromisoformat(job["submitted_at"]).astimezone(zone)
    state = f"{job['state']} {job['share']:.0%}" if job["state"] == "STARTED" else job["state"]
    name = printable(job["filename"])
    return str(job["task_id"]), f"{submitted:%Y-%m-%d %H:%M:%S}", _clock(job.get("duration")), state, name


def _clock(duration_s: float | None) -> str:
    """Hours, minutes and seconds; nothing while the duration is unknown."""
    if duration_s is None:
        return ""
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
