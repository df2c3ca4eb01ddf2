"""Writes what is made from the code: JSON Schemas, `.env.example`, the pages of settings and commands, the topics table.

Fed by `schemas/topics.py` and `runtime/settings.py`. `make generate` writes; `--check` only says what differs (exit code 1).
"""

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import orjson
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from runtime.settings import Settings
from schemas.record import Record
from schemas.topics import DAY_MS, TOPICS, Topic
from schemas.transcript import Transcript
from scripts import cli_page

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = Path("schemas/json")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a reader sees it; `default` is written as it would be in the environment, empty for unset."""

    section: str
    variable: str
    default: str
    description: str
    choices: tuple[str, ...]
    secret: bool


def settings() -> Iterator[Setting]:
    """In the order of the source; a comment line of its own opens a section."""
    section = ""
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.match(r"    # (.+)$", line):
            section = heading[1]
        elif (name := re.match(r"    (\w+): ", line)) and name[1] in Settings.model_fields:
            field = Settings.model_fields[name[1]]
            yield Setting(
                section,
                f"MURMUR_{name[1].upper()}",
                _default(field),
                field.description or "",
                _choices(field.annotation),
                SecretStr in (field.annotation, *get_args(field.annotation)),
            )


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("true", "false")
    return tuple(get_args(annotation)) if get_origin(annotation) is Literal else ()


def env_example() -> str:
    lines = [
        "# Every setting with its default. Copy to .env and take the comment sign away where you want another value.",
        "# The command line wins over the environment, the environment over .env. Made by `make generate`.",
    ]
    section = ""
    for setting in settings():
        if setting.section != section:
            section = setting.section
            lines += ["", f"# ---- {section} ----"]
        choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
        lines += ["", f"# {setting.description}{choices}", f"# {setting.variable}={setting.default}"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Made from `runtime/settings.py` by `make generate`. The command line wins over the environment, the environment over a",
        "file `.env` in the working directory, that over the default. `murmur config` prints what holds, with secrets masked.",
        "Units are in the names. [`.env.example`](../.env.example) has the same list, ready to be copied.",
    ]
    section = ""
    for setting in settings():
        if setting.section != section:
            section = setting.section
            lines += ["", f"## {section}", "", "| variable | default | meaning |", "|---|---|---|"]
        notes = [_cell(setting.description)]
        if setting.choices:
            notes.append("one of " + ", ".join(f"`{choice}`" for choice in setting.choices))
        if setting.secret:
            notes.append("secret")
        default = f"`{setting.default}`" if setting.default else "unset"
        lines.append(f"| `{setting.variable}` | {default} | {'; '.join(notes)} |")
    return "\n".join(lines) + "\n"


def topics_table() -> str:
    lines = ["| topic | key | value | kept | written by | read by |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + [_topic_row(topic) for topic in TOPICS])


def _topic_row(topic: Topic) -> str:
    marks = ("=" if topic.co_partitioned else "") + ("†" if topic.transactional else "")
    name = f"`{topic.name}`{' ' + marks if marks else ''}"
    cells = [name, topic.key, _value(topic), _kept(topic), ", ".join(topic.writers), ", ".join(topic.readers) or "you"]
    return f"| {' | '.join(cells)} |"


def _value(topic: Topic) -> str:
    if topic.record is not None:
        return f"[`{_type(topic.record)}`](../{_schema_path(topic.record)})"
    return "an entry of the table" if topic.writers == topic.readers else "the store's event"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "newest of each key"
    days = topic.retention_ms / DAY_MS
    return f"{days:g} day{'' if days == 1 else 's'}"


def _cell(text: str) -> str:
    """Safe inside a Markdown table: `<data>` would be taken for a tag, a bar for the next cell."""
    return re.sub(r"<(\w+)>", r"&lt;\1&gt;", text).replace("|", "\\|")


def _type(kind: type[Record]) -> str:
    return f"{kind.TYPE}.v{kind.VERSION}"


def _schema_path(kind: type[Record]) -> Path:
    return SCHEMAS / f"{_type(kind)}.json"


def json_schema(kind: type[Record]) -> str:
    """What a reader may rely on: fields that a later version of murmur adds are allowed, as they are when decoding."""
    schema = kind.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{kind.cloud_event_type().replace('.', ':')}"}
    return orjson.dumps(head | schema, option=orjson.OPT_INDENT_2).decode() + "\n"


def records() -> tuple[type[Record], ...]:
    """Every record: the value of a topic, or, like the transcript, an object in the store."""
    return tuple(dict.fromkeys([topic.record for topic in TOPICS if topic.record] + [Transcript]))


def between_markers(path: Path, name: str, text: str) -> str:
    """The document with everything between its two markers replaced."""
    begin, end = f"<!-- {name}: made by `make generate` -->", f"<!-- /{name} -->"
    document = (ROOT / path).read_text()
    head, found, rest = document.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found or not found_end:
        raise SystemExit(f"{path} lacks the markers {begin} and {end}")
    return f"{head}{begin}\n{text}\n{end}{tail}"


def artifacts() -> dict[Path, str]:
    """Every generated file, relative to the root, with the text that it ought to have."""
    architecture = Path("docs/architecture.md")
    return {
        **{_schema_path(kind): json_schema(kind) for kind in records()},
        Path(".env.example"): env_example(),
        Path("docs/settings.md"): settings_page(),
        Path("docs/cli.md"): cli_page.page() + "\n",
        architecture: between_markers(architecture, "topics", topics_table()),
    }


def differences() -> list[str]:
    """One line for each file that is not what the code says, including schemas of records that are no more."""
    wanted = artifacts()
    old = [f"{path}: differs" for path, text in wanted.items() if not _same(path, text)]
    return old + [f"{path}: no record has this schema" for path in _leftovers(wanted)]


def _same(path: Path, text: str) -> bool:
    file = ROOT / path
    return file.is_file() and file.read_text() == text


def _leftovers(wanted: dict[Path, str]) -> list[Path]:
    present = [file.relative_to(ROOT) for file in (ROOT / SCHEMAS).glob("*.json")]
    return sorted(path for path in present if path not in wanted)


def write() -> list[Path]:
    """Writes what differs and removes leftovers; returns the paths touched."""
    wanted = artifacts()
    stale = [path for path, text in wanted.items() if not _same(path, text)]
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(wanted[path])
    leftovers = _leftovers(wanted)
    for path in leftovers:
        (ROOT / path).unlink()
    return stale + leftovers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what differs")
    if parser.parse_args().check:
        found = differences()
        print("\n".join([*found, "run `make generate`"]) if found else "generated files are up to date")
        return 1 if found else 0
    for path in write():
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
