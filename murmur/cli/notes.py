"""A result's warnings as lines for a terminal, from the gateway's status document. Pure."""

from typing import Any


def lines(status: dict[str, Any]) -> list[str]:
    """One for each warning, with its time in the file if it has one. Empty while there is no result."""
    result = status.get("result") or {}
    return [_line(warning) for warning in result.get("warnings", [])]


def _line(warning: dict[str, Any]) -> str:
    start, end = warning["start"], warning["end"]
    if start is None:
        return str(warning["message"])
    span = f"{start:.2f} s" if end is None else f"{start:.2f} - {end:.2f} s"
    return f"{span}: {warning['message']}"
