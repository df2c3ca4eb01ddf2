"""The types of settings that are more than a number or a word: how each is read, and what it may be."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PlainSerializer

from runtime.requested_options import as_text, items

DAY_S = 86_400
HOUR_S = 3600.0
ORIGIN = re.compile(  # of web pages, browser extensions, and applications that show pages of their own, such as app://obsidian.md
    r"(?:https?|app|capacitor|tauri|chrome-extension|moz-extension)://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d{1,5})?"
)
WEBHOOK_DELAYS_S = (0.0, 5.0, 300.0, 1800.0, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 20 * HOUR_S, 24 * HOUR_S)


def listed(text: str) -> list[str]:
    """The items of a setting that is separated by commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _base_path(text: str) -> str:
    """Empty, or with a slash at its beginning and none at its end."""
    path = "/" + text.strip("/") if text.strip("/") else ""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path):
        raise ValueError("not a path of letters, digits and ._~- between slashes")
    return path


def _public_url(text: str | None) -> str | None:
    """Without a slash at its end."""
    if text is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError("not an http or https URL without a user, a query and a fragment")
    return text and text.rstrip("/")


def also(name: str, other: str | None = None) -> AliasChoices:
    """A setting that is also known by a name without the prefix, as other servers have it: the same one, or `other`."""
    return AliasChoices(f"MURMUR_{name}", other or name)


def _networks(text: str) -> str:
    for item in listed(text):
        ipaddress.ip_network(item, strict=False)
    return text


def _origins(text: str) -> str:
    for item in listed(text):
        if item != "*" and not ORIGIN.fullmatch(item):
            raise ValueError(f"{item!r} is not an origin such as https://app.example, in lower case and without a path")
    return text


def _ascending(delays_s: tuple[float, ...]) -> tuple[float, ...]:
    if list(delays_s) != sorted(delays_s):
        raise ValueError("a delay is shorter than the one before it")
    return delays_s


BasePath = Annotated[str, AfterValidator(_base_path)]
PublicUrl = Annotated[str | None, AfterValidator(_public_url)]
Networks = Annotated[str, AfterValidator(_networks)]
Origins = Annotated[str, AfterValidator(_origins)]
Delay = Annotated[float, Field(ge=0, le=2 * DAY_S)]
Delays = Annotated[
    tuple[Delay, ...],
    Field(min_length=1, max_length=len(WEBHOOK_DELAYS_S)),
    BeforeValidator(items, json_schema_input_type=str),
    AfterValidator(_ascending),
    PlainSerializer(as_text, when_used="json"),
]
