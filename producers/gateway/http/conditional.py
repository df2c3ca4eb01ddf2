"""Conditional and partial requests (RFC 9110, sections 13 and 14): what a client has already, and which bytes it wants.

Pure. Used for bodies in memory by `finishing.py`, for audio by `audio.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from producers.gateway.http.problems import Problem

TAG = re.compile(r'(W/)?("[^"]*")')
RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Validators:
    """What identifies the content. `etag`: as in the header, with quotes. `modified_at`: None where it is not known."""

    etag: str
    modified_at: datetime | None = None

    def headers(self) -> dict[str, str]:
        if self.modified_at is None:
            return {"ETag": self.etag}
        return {"ETag": self.etag, "Last-Modified": format_datetime(self.modified_at.astimezone(UTC), usegmt=True)}

    @property
    def _is_weak(self) -> bool:
        return self.etag.startswith("W/")

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the client has this content already: 304. Raises Problem 412 where it wants only another content."""
        self._check_match(headers)
        if (tags := headers.get("If-None-Match")) is not None:
            return tags.strip() == "*" or any(tag == self.etag.removeprefix("W/") for _, tag in TAG.findall(tags))
        since = _date(headers.get("If-Modified-Since"))
        return since is not None and self.modified_at is not None and self.modified_at.replace(microsecond=0) <= since

    def wanted(self, headers: Mapping[str, str], size_bytes: int) -> range | None:
        """The bytes of a Range; None: all of them, also where the header cannot be understood, asks for several ranges, or is of
        another content (If-Range). Raises Problem 416."""
        found = RANGE.fullmatch(headers.get("Range", "").strip())
        if found is None or found.group(1, 2) == ("", "") or not self._is_same(headers.get("If-Range")):
            return None
        first, last = found.groups()
        if not first:
            start, end = max(0, size_bytes - int(last)), size_bytes
        else:
            start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
            if last and int(last) < start:
                return None
        if start >= end:
            allowed = {"Content-Range": f"bytes */{size_bytes}"}
            raise Problem(416, "bad_range", f"There are {size_bytes} bytes.", headers=allowed, size_bytes=size_bytes)
        return range(start, end)

    def _check_match(self, headers: Mapping[str, str]) -> None:
        tags = headers.get("If-Match")
        if tags is None or tags.strip() == "*":
            return
        if self._is_weak or all(weak or tag != self.etag for weak, tag in TAG.findall(tags)):
            raise Problem(412, "precondition_failed", "The content has another ETag than If-Match names.")

    def _is_same(self, condition: str | None) -> bool:
        """Of If-Range: a strong comparison."""
        if condition is None:
            return True
        if TAG.fullmatch(condition.strip()):
            return not self._is_weak and condition.strip() == self.etag
        at = _date(condition)
        return at is not None and self.modified_at is not None and self.modified_at.replace(microsecond=0) == at


def content_range(wanted: range, size_bytes: int) -> str:
    return f"bytes {wanted.start}-{wanted.stop - 1}/{size_bytes}"


def _date(text: str | None) -> datetime | None:
    """None for what is no date of HTTP."""
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
