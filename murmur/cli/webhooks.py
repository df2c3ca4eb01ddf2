"""`murmur webhooks`: registered endpoints of a running gateway, what was delivered to them, and what is sent again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from murmur.cli.gateway import ApiKey, AsJson, gateway_of, print_json
from runtime.errors import UsageError

if TYPE_CHECKING:
    from murmur.webhook_client import WebhookClient

app = typer.Typer(
    no_args_is_help=True,
    help="Registered webhooks: URLs that receive signed events about all jobs of an owner.",
    rich_markup_mode=None,
)
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="as `murmur webhooks list` prints it")]
Events = Annotated[
    str | None,
    typer.Option(
        metavar="TYPES",
        help="types of events, separated by commas: transcription.completed, .failed, .revoked, .started, .progress, "
        "endpoint.disabled [default: the three ends of a job]",
    ),
]
Secret = Annotated[
    str | None,
    typer.Option(metavar="WHSEC", help="an own secret, which other users of this machine may see here [default: a new one]"),
]
Description = Annotated[str | None, typer.Option(help="for people")]
NOT_DELIVERED = 1
ID = "ep_0b0c7d3e5a0e4f3c9a540d1d2c3b4a59"


@app.command("list", epilog="Example: murmur webhooks list")
def list_endpoints(json: AsJson = False, api_key: ApiKey = None) -> None:
    """List the endpoints, oldest first: id, state, URL."""
    with _webhooks(api_key, json) as webhooks:
        answer = webhooks.all()
    if json:
        print_json(answer)
        return
    for endpoint in answer["endpoints"]:
        typer.echo(f"{endpoint['endpoint_id']}  {_state(endpoint):8}  {endpoint['url']}")


@app.command("show", epilog=f"Example: murmur webhooks show {ID}")
def show(endpoint_id: EndpointId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Print an endpoint: its events, its keys and its state."""
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.one(endpoint_id), json)


@app.command("create", epilog="Example: murmur webhooks create https://crm.example/hooks/speech")
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="receives signed POSTs")],
    events: Events = None,
    description: Description = None,
    signature: Annotated[
        str, typer.Option(help="hmac: a secret that both sides have; ed25519: the receiver needs only a public key")
    ] = "hmac",
    secret: Secret = None,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """Register a URL and print its id and its secret, which is shown only now.

    It receives an event when a job of the same owner has ended, whoever submitted it. `murmur webhooks test` tries it.
    """
    given = {"url": url, "events": _types(events), "description": description, "signature": signature, "secret": secret}
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.create({name: value for name, value in given.items() if value is not None}), json)


@app.command("update", epilog=f"Example: murmur webhooks update {ID} --events transcription.failed")
def update(
    endpoint_id: EndpointId,
    url: Annotated[str | None, typer.Option(help="the new URL")] = None,
    events: Events = None,
    description: Description = None,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """Change an endpoint; what is not given stays as it is."""
    given = {"url": url, "events": _types(events), "description": description}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change: give --url, --events or --description")
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.update(endpoint_id, changes), json)


@app.command("rotate", epilog=f"Example: murmur webhooks rotate {ID} --overlap 7d")
def rotate(
    endpoint_id: EndpointId,
    overlap: Annotated[
        str, typer.Option(help="how long the present key signs, too: a number with h, d or w; 0h: no longer")
    ] = "24h",
    secret: Secret = None,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """Replace an endpoint's key and print the new one, which is shown only now.

    Until the overlap is over both keys sign every event: change the receiver within that time.
    """
    from murmur.cli.reconcile import duration

    document: dict[str, Any] = {"overlap_s": int(duration(overlap, "--overlap").total_seconds())}
    if secret is not None:
        document["secret"] = secret
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.act(endpoint_id, "rotate", document), json)


@app.command("disable", epilog=f"Example: murmur webhooks disable {ID}")
def disable(endpoint_id: EndpointId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Send nothing to an endpoint until it is enabled. What waits for another attempt is given up."""
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.act(endpoint_id, "disable"), json)


@app.command("enable", epilog=f"Example: murmur webhooks enable {ID}")
def enable(endpoint_id: EndpointId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Send to an endpoint again, also after it was disabled because of its failures. `resend` sends what it has missed."""
    with _webhooks(api_key, json) as webhooks:
        _print_endpoint(webhooks.act(endpoint_id, "enable"), json)


@app.command("delete", epilog=f"Example: murmur webhooks delete {ID}")
def delete(endpoint_id: EndpointId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Delete an endpoint, with what waits to be sent to it."""
    with _webhooks(api_key, json) as webhooks:
        answer = webhooks.delete(endpoint_id)
    print_json(answer) if json else typer.echo(answer["message"])


@app.command("test", epilog=f"Example: murmur webhooks test {ID}")
def send_test(endpoint_id: EndpointId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Send a signed `webhook.test` to an endpoint and print the answer. Exits with 1 when it was not delivered."""
    with _webhooks(api_key, json) as webhooks:
        answer = webhooks.act(endpoint_id, "test")
    attempt = answer["attempt"]
    if json:
        print_json(answer)
    else:
        typer.echo(_attempt(attempt))
        if attempt["response"]:
            typer.echo(_printable(attempt["response"]))
    if not answer["delivered"]:
        raise typer.Exit(NOT_DELIVERED)


@app.command("log", epilog=f"Example: murmur webhooks log {ID} --state failed")
def log(
    endpoint_id: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT_ID", help="only this endpoint; job: only the jobs' webhook_url")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="how many of the newest attempts")] = 20,
    state: Annotated[str | None, typer.Option(help="only deliveries that are pending, delivered or failed")] = None,
    task: Annotated[str | None, typer.Option(metavar="TASK_ID", help="only events of this job")] = None,
    since: Annotated[str | None, typer.Option(help="only attempts since then: a time, or a number with h, d or w")] = None,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """List attempts to deliver, newest first: time, webhook id, recipient, number, state, outcome. They are kept for 30 days."""
    given = {"endpoint_id": endpoint_id, "state": state, "task_id": task, "since": _time(since)}
    with _webhooks(api_key, json) as webhooks:
        answer = webhooks.log({name: value for name, value in given.items() if value is not None}, last)
    if json:
        print_json(answer)
        return
    for attempt in answer["attempts"]:
        typer.echo(_attempt(attempt))


@app.command("resend", epilog=f"Example: murmur webhooks resend --endpoint {ID} --since 2d")
def resend(
    webhook_id: Annotated[str | None, typer.Argument(metavar="WEBHOOK_ID", help="as `murmur webhooks log` prints it")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ENDPOINT_ID", help="the recipient [default: the job's URL]")] = None,
    since: Annotated[
        str | None, typer.Option(help="with --endpoint: of all jobs that ended since then: a time, or a number with h, d or w")
    ] = None,
    until: Annotated[str | None, typer.Option(help="with --since: and before then")] = None,
    delivered: Annotated[bool, typer.Option("--delivered", help="with --since: also what was delivered")] = False,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """Send the end of a job again, or all that an endpoint has not received since a time, whether it was attempted or not."""
    if (webhook_id is None) == (since is None) or (since is not None and endpoint is None):
        raise UsageError("give a WEBHOOK_ID, or --endpoint and --since")
    with _webhooks(api_key, json) as webhooks:
        if webhook_id is not None:
            answers = iter([webhooks.resend(webhook_id, endpoint)])
        else:
            given = {"since": _time(since), "until": _time(until), "delivered": delivered}
            document = {name: value for name, value in given.items() if value is not None}
            answers = webhooks.resend_since(endpoint or "", document)
        for answer in answers:
            print_json(answer) if json else typer.echo(answer["message"])


@contextmanager
def _webhooks(api_key: str | None, json: bool) -> "Iterator[WebhookClient]":
    from murmur.webhook_client import WebhookClient

    with gateway_of(api_key, json) as gateway:
        yield WebhookClient(gateway)


def _print_endpoint(endpoint: dict[str, Any], json: bool) -> None:
    """With the secret, if the response has one."""
    if json:
        print_json(endpoint)
        return
    lines = {name: endpoint[name] for name in ("endpoint_id", "url", "description", "owner") if endpoint[name]}
    lines |= {"events": ", ".join(endpoint["events"]), "state": _state(endpoint)}
    if endpoint["failing_since"]:
        lines["failing_since"] = endpoint["failing_since"]
    for key in endpoint["keys"]:
        until = f", until {key['valid_until']}" if key["valid_until"] else ""
        lines[f"key of {key['created_at'][:19]}"] = f"{key['public_key'] or 'a shared secret'}{until}"
    if endpoint.get("secret"):
        lines["secret"] = endpoint["secret"]
    width = max(map(len, lines))
    for name, value in lines.items():
        typer.echo(f"{name.ljust(width)}  {value}")


def _state(endpoint: dict[str, Any]) -> str:
    if endpoint["enabled"]:
        return "enabled"
    return "disabled" if endpoint["disabled_reason"] == "requested" else str(endpoint["disabled_reason"])


def _attempt(attempt: dict[str, Any]) -> str:
    at = datetime.fromisoformat(attempt["attempted_at"]).astimezone()
    status = f" {attempt['status_code']}" if attempt["status_code"] is not None else ""
    following = f", next at {attempt['next_attempt_at'][:19]}Z" if attempt["next_attempt_at"] else ""
    return (
        f"{at:%Y-%m-%d %H:%M:%S}  {attempt['webhook_id']}  {attempt['endpoint_id'] or attempt['host']}  "
        f"#{attempt['attempt']}  {attempt['state']}: {attempt['outcome']}{status}{following}"
    )


def _types(text: str | None) -> list[str] | None:
    """A name that begins with a dot is one of a transcription's."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [f"transcription{name}" if name.startswith(".") else name for name in names]


def _time(text: str | None) -> str | None:
    """A time as it is, or how long ago."""
    from murmur.cli.reconcile import duration

    if text is None or not text.strip()[-1:].isalpha() or text.strip()[-1:] in "Zz":
        return text
    return (datetime.now(UTC) - duration(text)).isoformat()


def _printable(text: str) -> str:
    from murmur.cli.progress import printable

    return printable(text)
