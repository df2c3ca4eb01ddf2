"""File names of any bytes as object keys, which are Unicode text, and back.

Used by `directory.py` and the watcher. UTF-8 names stay as they are. A byte 0x80-0xFF that is not part of UTF-8 becomes one of
the private characters U+F780-U+F7FF; these themselves are written as their three bytes, so the mapping is one to one.
"""

import os

_PRIVATE = range(0xF780, 0xF800)
_ESCAPED = range(0xDC80, 0xDD00)  # as Python shows such bytes
_SHIFT = 0xF700


def to_key(path: str) -> str:
    """Of a relative path as `os` returns it."""
    return path if path.isascii() else "".join(map(_character, path))


def to_path(key: str) -> str:
    """The inverse. The same path for a key that `to_key` never makes: compare, where that matters."""
    if not any(ord(character) in _PRIVATE for character in key):
        return key
    return os.fsdecode(b"".join(bytes([ord(one) - _SHIFT]) if ord(one) in _PRIVATE else one.encode() for one in key))


def readable(key: str) -> str:
    """For people: what is not text is U+FFFD."""
    return "".join("\ufffd" if ord(character) in _PRIVATE else character for character in key)


def _character(character: str) -> str:
    code = ord(character)
    if code in _ESCAPED:
        return chr(code - 0xDC00 + _SHIFT)
    return "".join(chr(_SHIFT + byte) for byte in character.encode()) if code in _PRIVATE else character
