"""What the commands for a running gateway share: its client, their options, and how a response is printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runtime.errors import UsageError

if TYPE_CHECKING:
    from murmur.gateway_client import GatewayClient

AsJson = Annotated[bool, typer.Option("--json", help="print the gateway's JSON response, also that of an error")]
ApiKey = Annotated[
    str | None,
    typer.Option(help="for a gateway that requires one; other users of this machine may see it here [default: MURMUR_API_KEY]"),
]


@contextmanager
def gateway_of(api_key: str | None, json: bool = False) -> "Iterator[GatewayClient]":
    """With `json` the document of an error response is printed, before the line on stderr."""
    from murmur.cli import load
    from murmur.gateway_client import GatewayClient, Refused

    settings = load.client_settings(api_key=api_key)
    key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    with GatewayClient(settings.gateway_url, key) as gateway:
        try:
            yield gateway
        except Refused as refusal:
            if json and refusal.document:
                print_json(refusal.document)
            if refusal.is_misuse:
                raise UsageError(str(refusal)) from refusal
            raise


def print_json(answer: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(answer))
