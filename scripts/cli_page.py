"""The page of commands, `docs/cli.md`, generated from the command line's own help. Used by `scripts/generate.py`."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from murmur.cli import app
from murmur.cli.app import EXIT_CODES
from murmur.cli.panels import OPTIONS, panels

HEAD = """# Commands

Generated from `murmur/cli` by `make generate`; the same text as `--help`. `murmur --install-completion` installs shell
completion. All settings in [settings.md](settings.md) apply to every command.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, such as `topics apply`, in the order of the help."""
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {inner}", one) for inner, one in below.items())


def page() -> str:
    return "\n".join([HEAD, _one_line(EXIT_CODES), *(_section(name, command) for name, command in commands())])


def _section(name: str, command: Any) -> str:
    example = command.epilog.removeprefix("Example: ")
    lines = ["", f"## murmur {name}", "", _safe("\n\n".join(_one_line(part) for part in command.help.split("\n\n")))]
    lines += ["", "```sh", example, "```", ""]
    for panel, parameters in panels(command.params).items():
        if rows := [_row(parameter) for parameter in parameters if parameter.name != "help"]:
            lines += [*([] if panel == OPTIONS else [f"{panel}:", ""]), "| | |", "|---|---|", *rows, ""]
    return "\n".join(lines[:-1])


def _row(parameter: Any) -> str:
    """An argument by its name, an option by its spellings, a value and a default where it has them."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name
        return f"| `{name}` | {_safe(parameter.help or '')} |"
    value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
    default = (
        f" [default: {parameter.default}]" if isinstance(parameter.default, str | int | float) and not parameter.is_flag else ""
    )
    return f"| `{', '.join(parameter.opts + parameter.secondary_opts)}{value}` | {_safe(parameter.help or '')}{_safe(default)} |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _safe(text: str) -> str:
    """Escapes for Markdown: `<data>` would be parsed as a tag."""
    return re.sub(r"<(\w+)>", r"&lt;\1&gt;", text)
