"""Keys of a dropped object's result files. Pure: intake, coordinator and store sink derive the same keys."""

import hashlib
from typing import Literal

from runtime.objects.store import KEY_BYTES_MAX, SEGMENT_BYTES_MAX

RESULT_FORMATS = ("json", "txt", "srt", "vtt")
ErrorForm = Literal["error.txt", "error.json"]


def result_keys(key: str) -> tuple[str, ...]:
    """The keys in the results bucket, one for each format; the format is what follows the last dot."""
    return tuple(result_key(key, name) for name in RESULT_FORMATS)


def result_key(key: str, name: str) -> str:
    """`<key>.<format>`. Where that is too long: as much of the key as there is room for, `~`, 8 digits of its SHA-256."""
    whole = f"{key}.{name}"
    if len(whole.encode()) <= KEY_BYTES_MAX and len(whole.rpartition("/")[2].encode()) <= SEGMENT_BYTES_MAX:
        return whole
    tail = f"~{hashlib.sha256(key.encode()).hexdigest()[:8]}.{name}"
    folder, slash, last = _cut(key, KEY_BYTES_MAX - len(tail)).rpartition("/")
    return folder + slash + _cut(last, SEGMENT_BYTES_MAX - len(tail)) + tail


def _cut(text: str, size_bytes: int) -> str:
    """At most so many bytes of UTF-8, never a part of a character."""
    return text.encode()[:size_bytes].decode(errors="ignore")
