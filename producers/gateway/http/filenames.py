"""Names of files: as clients send them, and as browsers save a download, in the Content-Disposition header (RFC 6266). Pure."""

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

NOT_PLAIN = re.compile(r"[^ !#$&+\-.0-9A-Za-z^_`(){}\[\]@,;=~]")  # what old clients read in different ways
ENDING = re.compile(r"(?<=[^.])\.[A-Za-z0-9]{1,5}$")
FILENAME_MAX = 255  # characters
ATTR_CHARS = "!#$&+-.^_`|~"  # of RFC 5987, beside letters and digits


def content_disposition(kind: Literal["inline", "attachment"], filename: str) -> str:
    """The last part of the name: in ASCII for old clients, whole for others. No name ends the header, or its own quotes."""
    name = display_name(filename)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = NOT_PLAIN.sub("_", plain).strip()
    if not plain or (plain.startswith(".") and not name.startswith(".")):  # nothing but the ending is ASCII
        plain = f"download{plain}"
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=ATTR_CHARS)}"


def with_ending(filename: str, ending: str) -> str:
    """`talk.wav` becomes `talk.srt`."""
    return f"{ENDING.sub('', display_name(filename))}.{ending}"


def display_name(filename: str | None) -> str:
    """The last part of the name the client gave, fit to be shown: no control characters, 255 at most. Never a path."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"))
    shown = shown.translate(dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])).strip()  # no turning of directions
    return shown[:FILENAME_MAX] or "audio"
