"""Keys of a dropped object's result files. Pure: intake, coordinator and store sink derive the same keys."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from runtime.formats import FORMATS
from runtime.objects.store import KEY_BYTES_MAX, SEGMENT_BYTES_MAX

USUAL_FORMATS = ("json", "txt", "srt", "vtt")
ErrorForm = Literal["error.txt", "error.json"]


def result_keys(key: str, formats: Sequence[str] = USUAL_FORMATS) -> tuple[str, ...]:
    """The keys in the results bucket, one for each format."""
    return tuple(result_key(key, FORMATS[name].ending) for name in formats)


def format_of(result: str, key: str | None) -> str | None:
    """Which format the result file has, of the object with this key; None: one that this version does not write. By its ending
    alone, `a.words.json` could also be the json of `a.words`."""
    own = (name for name, each in FORMATS.items() if key is not None and result_key(key, each.ending) == result)
    by_ending = (name for name, each in reversed(FORMATS.items()) if result.endswith(f".{each.ending}"))
    return next(own, None) or next(by_ending, None)


def result_key(key: str, ending: str) -> str:
    """`<key>.<ending>`. Where that is too long: as much of the key as there is room for, `~`, 8 digits of its SHA-256."""
    whole = f"{key}.{ending}"
    if len(whole.encode()) <= KEY_BYTES_MAX and len(whole.rpartition("/")[2].encode()) <= SEGMENT_BYTES_MAX:
        return whole
    tail = f"~{hashlib.sha256(key.encode()).hexdigest()[:8]}.{ending}"
    folder, slash, last = _cut(key, KEY_BYTES_MAX - len(tail)).rpartition("/")
    return folder + slash + _cut(last, SEGMENT_BYTES_MAX - len(tail)) + tail


def _cut(text: str, size_bytes: int) -> str:
    """At most so many bytes of UTF-8, never a part of a character."""
    return text.encode()[:size_bytes].decode(errors="ignore")
