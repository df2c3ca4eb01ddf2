"""Names of files: as clients send them, and as browsers save a download, in the Content-Disposition header (RFC 6266). Pure."""

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

from producers.gateway.http.media_types import BY_ENDING

NOT_PLAIN = re.compile(r"[^ !#$&+\-.0-9A-Za-z^_`(){}\[\]@,;=~]")  # what old clients read in different ways
ENDING = re.compile(r"(?<=[^.])\.[A-Za-z0-9]{1,5}$")
MEDIA_ENDING = re.compile(rf"(?<=[^.])\.(?:{'|'.join(BY_ENDING)})$", re.IGNORECASE)
FILENAME_MAX = 255  # characters
FILENAME_MAX_BYTES = 255  # of most file systems
NO_PATH = str.maketrans("/\\", "--")
NO_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])  # of directions
ATTR_CHARS = "!#$&+-.^_`|~"  # of RFC 5987, beside letters and digits


def content_disposition(kind: Literal["inline", "attachment"], filename: str) -> str:
    """The last part of the name: in ASCII for old clients, whole for others. No name ends the header, or its own quotes."""
    whole = display_name(filename)
    ending = found[0] if (found := ENDING.search(whole)) else ""
    name = _fitting(whole.removesuffix(ending), ending)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = NOT_PLAIN.sub("_", plain).strip()
    if not plain or (plain.startswith(".") and not name.startswith(".")):  # nothing but the ending is ASCII
        plain = f"download{plain}"
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=ATTR_CHARS)}"


def with_ending(filename: str, ending: str) -> str:
    """`talk.wav` becomes `talk.srt`."""
    return _fitting(ENDING.sub("", display_name(filename)), f".{ending}")


def title_with_ending(title: str, ending: str) -> str:
    """Of a name that a reader has given, no path: `AC/DC live` becomes `AC-DC live.srt`, and `Call 26.11` keeps its date."""
    return _fitting(MEDIA_ENDING.sub("", display_name(title.translate(NO_PATH))), f".{ending}")


def display_name(filename: str | None) -> str:
    """The last part of the name the client gave, fit to be shown: no control characters, 255 at most. Never a path."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"))
    return shown.translate(NO_TURNING).strip()[:FILENAME_MAX] or "audio"


def _fitting(stem: str, ending: str) -> str:
    """Cut so that a file system accepts it and the ending stays."""
    most_bytes = FILENAME_MAX_BYTES - len(ending.encode())
    if len(stem.encode()) > most_bytes:
        stem = stem.encode()[:most_bytes].decode(errors="ignore").rstrip("\N{ZERO WIDTH JOINER} ")
    return stem + ending
