"""`murmur keys new`: an API key, and the line that an installation keeps of it."""

import re
from typing import Annotated

import typer

from runtime.errors import UsageError

keys = typer.Typer(no_args_is_help=True, help="Make API keys.", rich_markup_mode=None)
Limit = int | None


@keys.callback()
def _keys() -> None:
    """Keeps `new` a command of its own, though it is the only one."""


def _limit(what: str) -> object:
    return typer.Option(min=0, help=f"{what}; 0: no limit [default: the gateway's setting]")


@keys.command("new", epilog="Example: murmur keys new --owner alice")
def new(
    owner: Annotated[str, typer.Option(help="whose jobs these are: letters, digits and . _ @ -")],
    admin: Annotated[bool, typer.Option("--admin", help="may see the jobs of all owners, and clear the cache")] = False,
    requests: Annotated[Limit, _limit("requests per minute")] = None,
    submissions: Annotated[Limit, _limit("submissions per minute")] = None,
    unfinished: Annotated[Limit, _limit("jobs that have not ended")] = None,
    waiting: Annotated[Limit, _limit("requests that wait for jobs at the same time")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Make an API key and print it, once, with its line for MURMUR_API_KEYS_FILE.

    The line has a hash, from which the key cannot be found again. Append it to the file; gateways read it again within seconds.
    Several keys may have the same owner. To revoke a key, remove its line.
    """
    from runtime import api_keys
    from runtime.settings import OWNER_PATTERN

    if re.fullmatch(OWNER_PATTERN, owner) is None:
        raise UsageError(f"--owner {owner!r}: give 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit")
    key = api_keys.new_key()
    limits = {"requests": requests, "submissions": submissions, "unfinished": unfinished, "waiting": waiting}
    line = api_keys.line(owner, key, limits, is_admin=admin)
    if json:
        import orjson

        typer.echo(orjson.dumps({"key": key, "line": line}))
        return
    typer.echo(f"key   {key}")
    typer.echo(f"line  {line}")
