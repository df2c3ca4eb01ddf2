"""Validates the fields of a submission. Pure; every error says what is expected."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from producers.gateway.form import malformed
from producers.gateway.problems import Problem
from runtime import languages
from runtime.errors import Invalid
from runtime.models.catalogue import Model
from runtime.webhooks import address_problem, url_problem
from schemas.options import Task
from schemas.record import Lane

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")
KNOWN = ("file", "language", "model", "task", "words", "multilingual", "prompt", "track", "lane", "webhook_url")
URL_MAX = 2048
TRACK_DIGITS_MAX = 3


@dataclass(frozen=True, slots=True)
class SubmissionOptions:
    """None: not given."""

    language: str | None = None
    task: Task | None = None
    words: bool | None = None
    multilingual: bool | None = None
    prompt: str | None = None
    lane: Lane | None = None
    webhook_url: str | None = None
    track: int | None = None


def parse_submission(fields: Mapping[str, str], model: Model, *, allow_private: bool = False) -> SubmissionOptions:
    """`model`: the one that the job asks for; `allow_private`: webhooks may go to private addresses. Raises Problem 400."""
    check_names("field", fields, KNOWN)
    return SubmissionOptions(
        language=_language(fields.get("language", ""), model),
        task=_task(fields.get("task", "")),
        words=_flag(fields, "words"),
        multilingual=_flag(fields, "multilingual"),
        prompt=fields.get("prompt") or None,
        lane=_lane(fields.get("lane", "")),
        webhook_url=_url(fields.get("webhook_url", "").strip(), allow_private),
        track=_track(fields.get("track", "").strip()),
    )


def check_names(kind: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raises Problem 400 that names the unknown ones and the known ones: a misspelt name must not go unnoticed."""
    unknown = [name[:80] for name in given if name not in known]
    if unknown:
        which = ", ".join(map(repr, unknown))
        expected = f"known are {', '.join(known)}" if known else "none is known here"
        detail = f"Unknown {kind}{'s' if len(unknown) > 1 else ''} {which}; {expected}."
        raise Problem(400, f"unknown_{kind}", detail, known=list(known))


def _language(text: str, model: Model) -> str | None:
    try:
        code = languages.parse(text)
        languages.check(code, model.languages, model.ref.name)
    except Invalid as error:
        detail = str(error)
        raise Problem(400, error.reason, f"{detail[0].upper()}{detail[1:]}.", known=model.languages) from error
    return code


def _task(text: str) -> Task | None:
    match text.strip().lower():
        case "":
            return None
        case "transcribe" | "translate" as task:
            return task
    raise malformed(f"Unknown task {text[:20]!r}: use 'transcribe' or 'translate'.")


def _lane(text: str) -> Lane | None:
    match text.strip().lower():
        case "":
            return None
        case "interactive" | "bulk" as lane:
            return lane
    raise malformed(f"Unknown lane {text[:20]!r}: use 'interactive' or 'bulk', or leave it out.")


def _track(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= TRACK_DIGITS_MAX):
        raise malformed(f"The track {text[:20]!r} is not the number of an audio track, counted from 0.")
    return int(text)


def _flag(fields: Mapping[str, str], name: str) -> bool | None:
    if name not in fields:
        return None
    text = fields[name].strip().lower()
    if text not in TRUE + FALSE:
        raise malformed(f"The field {name!r} must be 'true' or 'false', not {text[:20]!r}.")
    return text in TRUE


def _url(text: str, allow_private: bool) -> str | None:
    if not text:
        return None
    problem = url_problem(text) or address_problem(text, allow_private)
    if problem is not None or len(text) > URL_MAX or re.search(r"[\s\x00-\x20\x7f\\]", text):
        reason = problem or "has blanks, control characters or backslashes, or is too long"
        raise malformed(
            f"The webhook_url must be an absolute http or https URL of at most {URL_MAX} characters; this one {reason}."
        )
    return text
