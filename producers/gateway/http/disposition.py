"""The name under which a browser saves a download: the Content-Disposition header (RFC 6266). Pure."""

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

from producers.gateway.submission.form import display_name

NOT_PLAIN = re.compile(r"[^ !#$&+\-.0-9A-Za-z^_`(){}\[\]@,;=~]")  # what old clients read in different ways
ENDING = re.compile(r"(?<=[^.])\.[A-Za-z0-9]{1,5}$")
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
