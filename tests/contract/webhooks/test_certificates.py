"""Receivers with TLS: which certificates are accepted, and that the others are tried again."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from aiohttp import connector
from pydantic import SecretStr

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from schemas import codec
from schemas.topics import JOBS, WEBHOOK_ATTEMPTS
from schemas.webhooks import WebhookAttempted
from sinks.webhooks import build
from tests.contract.brokers import running, whole, write
from tests.contract.webhooks.receiver import Receiver
from tests.contract.webhooks.sending import attempt
from tests.ended import SECRET, ended

HOST = "127.0.0.1"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
Issue = Callable[[trustme.CA], trustme.LeafCert]


def valid(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(HOST)


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(HOST, not_before=YESTERDAY - timedelta(days=90), not_after=YESTERDAY)


def of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("receiver.example")


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Trusted by every client of this process, as those of the system are."""
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(connector, "_SSL_CONTEXT_VERIFIED", trusting)
    return authority


@contextmanager
def receiving(*certificates: trustme.LeafCert) -> Iterator[tuple[Receiver, str]]:
    """With another certificate for each connection, and the last one from then on; and the URL of what is accepted."""
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in certificates]
    for context, certificate in zip(contexts, certificates, strict=True):
        certificate.configure_cert(context)
    following = iter([*contexts, *[contexts[-1]] * 100])

    def choose(connection: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        connection.context = next(following)

    contexts[0].sni_callback = choose
    receiver = Receiver()
    receiver.socket = contexts[0].wrap_socket(receiver.socket, server_side=True)
    with receiver:
        yield receiver, receiver.url("/ok").replace("http:", "https:")


@pytest.mark.parametrize(
    ("issue", "outcome", "detail"),
    [
        (valid, "delivered", "status 200"),
        (expired, "unreachable", "has expired"),
        (of_another_host, "unreachable", f"not valid for '{HOST}'"),
        (lambda _authority: valid(trustme.CA()), "unreachable", "issuer"),
    ],
    ids=["valid", "expired", "other-host", "unknown-authority"],
)
def test_a_message_is_sent_only_to_the_host_that_a_trusted_certificate_of_today_names(
    authority: trustme.CA, objects: DirectoryStore, issue: Issue, outcome: str, detail: str
) -> None:
    with receiving(issue(authority)) as (receiver, url):
        answer = attempt(objects, url)
    assert answer.outcome == outcome
    assert detail in answer.detail
    assert len(receiver.got) == (outcome == "delivered")


def test_what_was_refused_because_of_its_certificate_is_delivered_once_that_is_valid(
    authority: trustme.CA, kafka: Kafka, objects: DirectoryStore
) -> None:
    settings = Settings(webhook_secret=SecretStr(SECRET), webhook_allow_private=True, webhook_delays_s=(0.0, 0.05, 0.05))
    stage = build(Resources(settings, kafka, objects, catalogue.resolve("demo")))
    with receiving(*(issue(authority) for issue in (expired, of_another_host, valid))) as (receiver, url):
        job = ended(url)
        write(kafka, JOBS, [(str(job.job.job_id).encode(), codec.encode(job))])
        with running(stage):
            (got,) = receiver.wait("/ok", 1)
            rows = attempts(kafka, 3)
    assert [(row.state, row.outcome) for row in rows] == [
        ("pending", "unreachable"),
        ("pending", "unreachable"),
        ("delivered", "delivered"),
    ]
    assert {row.webhook_id for row in rows} == {got.webhook_id}


def attempts(kafka: Kafka, count: int) -> Sequence[WebhookAttempted]:
    found = [codec.decode(WebhookAttempted, message.value()) for message in whole(kafka, WEBHOOK_ATTEMPTS, count)]
    return sorted(found, key=lambda row: row.attempt)
