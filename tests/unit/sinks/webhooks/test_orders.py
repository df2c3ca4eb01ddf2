"""What is sent, where to, and signed by whom."""

from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from runtime.sealing import Sealer
from runtime.setting_types import WEBHOOK_DELAYS_S
from runtime.signing import Signer
from schemas.webhooks import WebhookEndpoint, WebhookEndpointState
from sinks.webhooks.attempt import Answer, Order
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.orders import Orders
from sinks.webhooks.schedule import QUICK_POSTPONEMENTS, Schedule
from tests.ended import SECRET
from tests.unit.sinks.webhooks.scene import NOW, SIGNER, URL, after, delivery, registered

DAY_S = 86_400.0


def order(
    *endpoints: WebhookEndpoint,
    state: WebhookEndpointState | None = None,
    signer: Signer | None = SIGNER,
    sealer: Sealer | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> Order | Answer:
    book = Endpoints()
    for endpoint in endpoints:
        book.put(endpoint)
    if state is not None:
        book.put_state(state)
    orders = Orders(book, Schedule(WEBHOOK_DELAYS_S), signer, sealer or Sealer(None))
    return orders.order(delivery(**fields), now)


def outcome(order: Order | Answer) -> str:
    assert isinstance(order, Answer)
    return order.outcome


def sent(order: Order | Answer) -> Order:
    assert isinstance(order, Order)
    return order


def to_endpoint(*endpoints: WebhookEndpoint, **options: object) -> Order | Answer:
    return order(*endpoints, url=None, endpoint_id="ep_1", **options)  # type: ignore[arg-type]


def test_the_url_of_a_job_is_signed_with_the_key_of_the_installation() -> None:
    assert (sent(order()).url, sent(order()).signer) == (URL, SIGNER)
    assert outcome(order(signer=None)) == "not_signed"


def test_an_endpoint_is_signed_with_its_own_keys_that_are_valid_now() -> None:
    old = {"secret": SECRET, "created_at": after(-9), "valid_until": after(60)}
    new = {"secret": "whsec_" + "b" * 32, "created_at": NOW}
    rotated = registered(secrets=[old, new])
    headers = [sent(to_endpoint(rotated, now=now)).signer.headers("msg_1", b"{}", NOW) for now in (NOW, after(61))]
    assert [len(each["webhook-signature"].split()) for each in headers] == [2, 1]


def test_a_key_that_is_encrypted_is_opened_and_without_the_means_nothing_is_sent() -> None:
    key = SecretStr(Fernet.generate_key().decode())
    endpoint = registered(secrets=[{"secret": Sealer(key).seal(SECRET), "created_at": NOW}])
    opened = sent(to_endpoint(endpoint, sealer=Sealer(key))).signer
    assert opened.headers("msg_1", b"{}", NOW) == SIGNER.headers("msg_1", b"{}", NOW)
    assert outcome(to_endpoint(endpoint)) == "not_signed"


def test_an_endpoint_that_was_deleted_or_disabled_meanwhile_gets_nothing() -> None:
    endpoint = registered()
    disabled = WebhookEndpointState(
        endpoint_id="ep_1", enabled_at=endpoint.enabled_at, disabled_at=NOW, reason="failing", changed_at=NOW
    )
    assert outcome(to_endpoint()) == "endpoint_deleted"
    assert outcome(to_endpoint(registered(enabled=False))) == "endpoint_disabled"
    assert outcome(to_endpoint(endpoint, state=disabled)) == "endpoint_disabled"
    assert sent(to_endpoint(endpoint, state=disabled, type="webhook.test")).is_last  # the owner asked for it


def test_hosts_are_kept_apart_by_owner_endpoint_and_origin() -> None:
    orders = [
        order(),
        order(owner="somebody-else"),
        order(url="https://receiver.example:8443/hook"),
        order(url="http://receiver.example/hook"),
        to_endpoint(registered(url=URL)),
        to_endpoint(registered(url="https://moved.example/")),
    ]
    assert len({sent(each).host for each in orders}) == len(orders)
    assert sent(order(url="https://receiver.example/another")).host == sent(order()).host


def test_the_last_attempt_is_made_whatever_is_known_of_the_receiver() -> None:
    assert [sent(order(attempt=attempt)).is_last for attempt in (1, 9, 10)] == [False, False, True]


def test_nothing_is_postponed_for_ever() -> None:
    assert sent(order(now=after(3 * DAY_S))).may_wait
    assert not sent(order(now=after(8 * DAY_S))).may_wait
    assert sent(order(now=after(8 * DAY_S), requested_at=after(8 * DAY_S))).may_wait


def test_an_open_circuit_postpones_only_some_times_in_a_row() -> None:
    waits = [sent(order(postponed=times)).may_wait_for_probe for times in (0, QUICK_POSTPONEMENTS - 1, QUICK_POSTPONEMENTS)]
    assert waits == [True, True, False]
    assert sent(order(postponed=QUICK_POSTPONEMENTS)).may_wait


def test_progress_waits_for_its_receiver_and_is_no_reason_to_try_one_that_keeps_failing() -> None:
    found = sent(to_endpoint(registered(), type="transcription.progress", attempt=len(WEBHOOK_DELAYS_S)))
    assert (found.may_wait, found.is_last) == (True, False)
