"""API keys as an installation keeps them: a line for each, with the owner, the key's hash and what it may do.

`murmur keys new` makes a key and its line; the gateway reads the lines from a file, from the environment, or from both. A key is
256 random bits, so that its SHA-256 cannot be reversed by guessing. A slow hash is for passwords, which are no keys here.
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import UsageError
from runtime.settings import OWNER_PATTERN, Settings

PREFIX = "mur_"
RANDOM_BYTES = 32
KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
LINE = re.compile(rf"(?P<owner>{OWNER_PATTERN}):sha256:(?P<digest>[0-9a-f]{{64}})(?P<words>(?:\s+\S+)*)")
LIMIT = re.compile(r"(requests|submissions|unfinished|waiting)=(\d{1,9})")
FILE_BYTES_MAX = 1 << 20
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Limits:
    """0: no limit."""

    requests_per_minute: int = 0
    submissions_per_minute: int = 0
    unfinished_jobs: int = 0
    waiting_requests: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`digest`: SHA-256 of the key. `is_admin`: sees the jobs of all owners."""

    owner: str
    digest: bytes
    limits: Limits
    is_admin: bool = False

    @property
    def id(self) -> str:
        """Names the key where the key itself must not be shown."""
        return self.digest.hex()[:16]


@dataclass(frozen=True, slots=True)
class Lines:
    """What was read: the keys, and what is wrong with the other lines. Problems never quote a line: it may contain a key."""

    keys: tuple[ApiKey, ...]
    problems: tuple[str, ...]


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def line(owner: str, key: str, limits: Mapping[str, int | None] | None = None, *, is_admin: bool = False) -> str:
    """What an installation keeps of a key. `limits`: requests, submissions, unfinished, waiting; None: the settings'."""
    own = [f"{name}={value}" for name, value in (limits or {}).items() if value is not None]
    words = [*(["admin"] if is_admin else []), *own]
    return " ".join([f"{owner}:sha256:{digest(key).hex()}", *words])


def are_configured(settings: Settings) -> bool:
    """Whether requests need a key, even if none is valid."""
    return settings.api_keys_file is not None or bool(_inline(settings))


def default_limits(settings: Settings) -> Limits:
    return Limits(
        settings.key_requests_per_minute,
        settings.key_submissions_per_minute,
        settings.owner_unfinished_jobs,
        settings.key_waiting_requests,
    )


def read(settings: Settings) -> Lines:
    """Of the file and of the environment. Blocks; raises UsageError when the file cannot be used at all."""
    texts = []
    if settings.api_keys_file is not None:
        texts.append((str(settings.api_keys_file), _content(settings.api_keys_file).splitlines()))
    if inline := _inline(settings):
        texts.append(("MURMUR_API_KEYS", re.split(r"[,\n]", inline)))
    return parse(texts, default_limits(settings))


def parse(texts: list[tuple[str, list[str]]], defaults: Limits) -> Lines:
    """`texts`: a name for messages, and the lines. Empty lines and those that begin with # are skipped. Pure."""
    keys: dict[bytes, ApiKey] = {}
    problems = []
    for name, lines in texts:
        for number, text in _numbered(lines):
            parsed = _parsed(text, defaults)
            if isinstance(parsed, str):
                problems.append(f"{name}, line {number}: {parsed}")
            elif parsed.digest in keys:
                problems.append(f"{name}, line {number}: the same key as that of another line")
            else:
                keys[parsed.digest] = parsed
    return Lines(tuple(keys.values()), tuple(problems))


def _inline(settings: Settings) -> str:
    return settings.api_keys.get_secret_value().strip() if settings.api_keys is not None else ""


def _numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(lines, 1):
        if (bare := text.strip()) and not bare.startswith("#"):
            yield number, bare


def _parsed(text: str, defaults: Limits) -> ApiKey | str:
    """A key, or what is wrong."""
    if KEY.search(text):
        return "it has a key instead of the key's hash: replace the key, which is exposed, with a new one (`murmur keys new`)"
    match = LINE.fullmatch(text)
    if match is None:
        return "not OWNER:sha256:HASH as `murmur keys new` prints it"
    is_admin, limits = False, defaults
    for word in match["words"].split():
        limit = LIMIT.fullmatch(word)
        if word == "admin":
            is_admin = True
        elif limit is not None:
            limits = replace(limits, **{_field(limit[1]): int(limit[2])})
        else:
            return "after the hash only admin, requests=N, submissions=N, unfinished=N and waiting=N are allowed"
    return ApiKey(match["owner"], bytes.fromhex(match["digest"]), limits, is_admin)


def _field(name: str) -> str:
    return {"unfinished": "unfinished_jobs", "waiting": "waiting_requests"}.get(name, f"{name}_per_minute")


def _content(path: Path) -> str:
    """Raises UsageError. A file that others can write is refused: they could add a key of their own."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_BYTES_MAX:
                raise UsageError(f"the API keys cannot be read from {path}: it is no text file of at most {FILE_BYTES_MAX} bytes")
            if status.st_mode & WRITABLE_BY_OTHERS:
                raise UsageError(f"the file of API keys {path} can be changed by other users: run chmod go-w {path}")
            return file.read().decode()
    except OSError as error:
        raise UsageError(f"the API keys cannot be read from {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the API keys cannot be read from {path}: it is not UTF-8") from error
