"""Why a drop has no transcript, as the content of a file next to where that would be. Used by `store`."""

from collections.abc import Mapping

import orjson

from runtime.objects.filenames import readable
from runtime.objects.names import ErrorForm
from schemas.jobs import JobChanged

CONTENT_TYPES: Mapping[ErrorForm, str] = {"error.txt": "text/plain; charset=utf-8", "error.json": "application/json"}


def content(event: JobChanged, form: ErrorForm) -> bytes:
    """Of a job that ended FAILURE. Safe to show: control characters of names are escaped in both forms."""
    assert event.error is not None
    fields = {
        "file": readable(event.job.filename),
        "reason": event.error.reason,
        "message": event.error.message,
        "failed_at": event.changed_at.isoformat(timespec="seconds"),
        "job_id": str(event.job.job_id),
    }
    if form == "error.json":
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    lines = [f"{name + ':':<11}{_one_line(value)}" for name, value in fields.items()]
    return "\n".join(["This file was not transcribed.", "", *lines, ""]).encode()


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
