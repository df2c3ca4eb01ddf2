"""Registered webhook endpoints and the delivery log over HTTP. The webhook sink is played: it answers from a topic to another."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pydantic import SecretStr

from producers.gateway.documents.webhooks import DeliveryLog, Endpoint, EndpointWithSecret
from runtime.kafka.follower import Follower
from runtime.sealing import SEALED, Sealer
from runtime.signing import Signer, new_secret
from schemas.jobs import JobRequested
from schemas.record import Failure
from schemas.topics import WEBHOOK_ATTEMPTS, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS, Topic
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint
from tests.contract.gateway.keyed import NONE, Keyed, keyed
from tests.contract.gateway.running_gateway import Answer, RunningGateway, publish_state, running, status, submitted
from tests.waiting import wait_until
from tests.webhooks import attempted, endpoint_state

WEBHOOKS = "/api/webhooks"
LOG = "/api/webhook-deliveries"
URL = "https://receiver.example/hook?token=hidden"
JSON = {"Content-Type": "application/json"}
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OPTIONS: dict[str, Any] = {"webhook_secret": new_secret(), "webhook_encryption_key": KEY, "webhook_timeout_s": 0.01}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with keyed(tmp_path_factory.mktemp("webhooks"), NONE, **OPTIONS) as gateway:
        yield gateway


@pytest.fixture
def alice(gateway: Keyed) -> RunningGateway:
    return gateway.of("alice")


def call(caller: RunningGateway, method: str, path: str = "", **document: Any) -> Answer:
    """Again where the gateway asks for that: on a busy machine its view may be a second behind."""
    body = orjson.dumps(document) if document else None
    where = path if path.startswith("/api/") else WEBHOOKS + path

    def answered() -> Answer | None:
        answer = caller.request(method, where, body if body or method == "GET" else b"", JSON)
        return answer if answer.status != 503 else None

    answer = wait_until(answered, "an answer other than 503")
    assert answer is not None
    return answer


def created(caller: RunningGateway, **document: Any) -> dict[str, Any]:
    answer = call(caller, "POST", **({"url": URL} | document))
    assert answer.status == 201, answer.body
    EndpointWithSecret.model_validate(answer.json)
    assert answer.headers["Location"] == f"{WEBHOOKS}/{answer.json['endpoint_id']}"
    return dict(answer.json)


def shown(caller: RunningGateway, endpoint_id: str) -> dict[str, Any]:
    answer = call(caller, "GET", f"/{endpoint_id}")
    assert answer.status == 200
    Endpoint.model_validate(answer.json)
    return dict(answer.json)


def records(gateway: RunningGateway, topic: Topic) -> list[Any]:
    with closing(Follower(gateway.kafka, (topic,))) as follower:
        ends, found = follower.end_offsets(), []
        while not follower.reached(ends):
            found += [record.event for record in follower.poll(0.1) if record.event is not None]
    return found


def recorded(gateway: RunningGateway, endpoint_id: str) -> WebhookEndpoint:
    of_it: list[WebhookEndpoint] = [each for each in records(gateway, WEBHOOK_ENDPOINTS) if each.endpoint_id == endpoint_id]
    return of_it[-1]


def deliveries(gateway: RunningGateway, recipient: str) -> list[WebhookDelivery]:
    return [each for each in records(gateway, WEBHOOK_DELIVERIES) if each.recipient == recipient]


def keys_of(endpoint: WebhookEndpoint) -> list[str]:
    sealer = Sealer(SecretStr(KEY))
    assert all(secret.secret.startswith(SEALED) for secret in endpoint.secrets)
    return [sealer.open(secret) for secret in endpoint.secrets_at(datetime.now(UTC))]


def test_an_endpoint_has_a_new_secret_that_is_shown_once(alice: RunningGateway) -> None:
    first, second = created(alice, description="CRM"), created(alice)
    assert first["secret"] != second["secret"]
    Signer(first["secret"])
    assert (first["owner"], first["url"], first["description"], first["enabled"]) == ("alice", URL, "CRM", True)
    assert first["events"] == ["transcription.completed", "transcription.failed", "transcription.revoked"]
    endpoint = shown(alice, first["endpoint_id"])
    assert endpoint == {name: value for name, value in first.items() if name != "secret"}
    listed = call(alice, "GET").json
    assert {first["endpoint_id"], second["endpoint_id"]} <= {each["endpoint_id"] for each in listed["endpoints"]}
    assert first["secret"].removeprefix("whsec_") not in orjson.dumps([listed, endpoint]).decode()


def test_a_secret_is_encrypted_on_the_topic(alice: RunningGateway) -> None:
    endpoint = created(alice)
    record = recorded(alice, endpoint["endpoint_id"])
    assert record.secrets[0].secret.startswith(SEALED)
    assert keys_of(record) == [endpoint["secret"]]


def test_an_own_secret_is_accepted(alice: RunningGateway) -> None:
    secret = new_secret()
    assert created(alice, secret=secret)["secret"] == secret


def test_of_ed25519_only_the_public_key_is_shown(alice: RunningGateway) -> None:
    endpoint = created(alice, signature="ed25519")
    assert endpoint["secret"] is None
    assert endpoint["signature"] == "ed25519"
    assert endpoint["keys"][0]["public_key"].startswith("whpk_")
    rotated = call(alice, "POST", f"/{endpoint['endpoint_id']}/rotate").json
    assert [key["valid_until"] is None for key in rotated["keys"]] == [True, False]
    assert rotated["keys"][1]["public_key"] == endpoint["keys"][0]["public_key"] != rotated["keys"][0]["public_key"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "url"),
        ({"url": "ftp://a.example/"}, "http"),
        ({"url": "https://me:secret@a.example/"}, "password"),
        ({"url": "https://169.254.169.254/latest"}, "address"),
        ({"url": "https://10.0.0.1/"}, "private"),
        ({"url": URL, "events": ["transcription.done"]}, "events"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "secret": "whsec_short"}, "openssl"),
        ({"url": URL, "secret": "whsk_" + "A" * 43 + "="}, "private key"),
        ({"url": URL, "secret": new_secret(), "signature": "ed25519"}, "hmac"),
        ({"url": URL, "secrets": 1}, "secrets"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_with_what_is_expected(
    alice: RunningGateway, document: dict[str, object], says: str
) -> None:
    answer = alice.request("POST", WEBHOOKS, orjson.dumps(document), JSON)
    assert answer.status == 400
    assert says in answer.json["detail"]
    assert "whsec_short" not in answer.json["detail"]


def test_the_present_secret_signs_beside_the_new_one_until_the_overlap_is_over(alice: RunningGateway) -> None:
    endpoint = created(alice)
    path = f"/{endpoint['endpoint_id']}/rotate"
    day = call(alice, "POST", path).json
    assert keys_of(recorded(alice, endpoint["endpoint_id"])) == [day["secret"], endpoint["secret"]]
    until = datetime.fromisoformat(day["keys"][1]["valid_until"])
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)
    at_once = call(alice, "POST", path, overlap_s=0, secret=(own := new_secret())).json
    assert at_once["secret"] == own
    assert keys_of(recorded(alice, endpoint["endpoint_id"])) == [own]
    assert len(at_once["keys"]) == 1


def test_keys_do_not_accumulate_without_end(alice: RunningGateway) -> None:
    path = f"/{created(alice)['endpoint_id']}/rotate"
    answers = [call(alice, "POST", path) for _ in range(10)]
    assert [answer.status for answer in answers] == [200] * 9 + [409]
    assert call(alice, "POST", path, overlap_s=0).status == 200


def test_url_description_and_events_are_changed_and_the_rest_stays(alice: RunningGateway) -> None:
    endpoint = created(alice, description="CRM")
    changed = call(alice, "PATCH", f"/{endpoint['endpoint_id']}", events=["transcription.failed", "transcription.started"]).json
    assert changed["events"] == ["transcription.failed", "transcription.started"]
    assert changed["changed_at"] > endpoint["changed_at"]
    expected = {name: value for name, value in endpoint.items() if name not in ("secret", "events", "changed_at")}
    assert {name: changed[name] for name in expected} == expected
    assert call(alice, "PATCH", f"/{endpoint['endpoint_id']}", url="https://10.0.0.1/").status == 400
    assert shown(alice, endpoint["endpoint_id"]) == changed


def test_an_endpoint_is_disabled_and_enabled(alice: RunningGateway) -> None:
    path = f"/{created(alice)['endpoint_id']}"
    off = call(alice, "POST", f"{path}/disable").json
    assert (off["enabled"], off["disabled_reason"]) == (False, "requested")
    assert datetime.fromisoformat(off["disabled_at"])
    on = call(alice, "POST", f"{path}/enable").json
    assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)


def test_one_that_the_sink_has_disabled_says_why_until_it_is_enabled(alice: RunningGateway) -> None:
    endpoint_id = created(alice)["endpoint_id"]
    state = endpoint_state(recorded(alice, endpoint_id), disabled_at=datetime.now(UTC), reason="gone")
    alice.publish(WEBHOOK_ENDPOINT_STATES, endpoint_id, state)
    wait_until(lambda: not shown(alice, endpoint_id)["enabled"], "the state")
    assert shown(alice, endpoint_id)["disabled_reason"] == "gone"
    assert call(alice, "POST", f"/{endpoint_id}/resend", since="2026-01-01").status == 409
    assert call(alice, "POST", f"/{endpoint_id}/enable").json["disabled_reason"] is None


def test_a_deleted_endpoint_is_gone(alice: RunningGateway) -> None:
    endpoint_id = created(alice)["endpoint_id"]
    assert call(alice, "DELETE", f"/{endpoint_id}").status == 200
    assert call(alice, "GET", f"/{endpoint_id}").status == 404
    assert call(alice, "DELETE", f"/{endpoint_id}").json["reason"] == "unknown_endpoint"


def test_an_owner_has_a_limited_number_of_endpoints_and_lists_them_in_pages(gateway: Keyed) -> None:
    carol = gateway.add("carol")
    made = [created(carol)["endpoint_id"] for _ in range(100)]
    assert call(carol, "POST", url=URL).json["reason"] == "too_many_endpoints"
    listed, cursor = [], ""
    for _ in range(3):
        page = call(carol, "GET", f"?limit=50{cursor}").json
        listed += [each["endpoint_id"] for each in page["endpoints"]]
        cursor = f"&cursor={page['next_cursor']}"
        if page["next_cursor"] is None:
            break
    assert listed == made
    of_carol = call(gateway.of("ops"), "GET", "?owner=carol&limit=1").json["endpoints"]
    assert [each["endpoint_id"] for each in of_carol] == made[:1]
    assert call(gateway.of("alice"), "GET", "?owner=carol").json["endpoints"] == []


def test_another_gateway_finds_an_endpoint_at_once_and_changes_it(gateway: Keyed, tmp_path: Path) -> None:
    keys = {"api_keys_file": gateway.file}
    with running(gateway.gateway.kafka, tmp_path, **keys, **OPTIONS) as plain:
        other = plain.with_headers(X_API_Key=gateway.keys["alice"])
        wait_until(lambda: other.stage.not_ready() is None, "the other gateway")
        endpoint_id = created(gateway.of("alice"))["endpoint_id"]
        assert shown(other, endpoint_id)["enabled"] is True
        assert call(other, "POST", f"/{endpoint_id}/disable").status == 200
        changed = call(gateway.of("alice"), "PATCH", f"/{endpoint_id}", description="CRM").json
        assert (changed["enabled"], changed["description"]) == (False, "CRM")


@contextmanager
def playing_sink(gateway: RunningGateway, **row: Any) -> Iterator[None]:
    """Answers each delivery with a row of the log."""
    stopping = threading.Event()

    def follow() -> None:
        with closing(Follower(gateway.kafka, (WEBHOOK_DELIVERIES,), "end")) as follower:
            follower.open()
            started.set()
            while not stopping.is_set():
                for record in follower.poll(0.05):
                    delivery = record.event
                    assert isinstance(delivery, WebhookDelivery)
                    gateway.publish(WEBHOOK_ATTEMPTS, delivery.webhook_id, answered(delivery, **row))

    started = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    wait_until(started.is_set, "the sink")
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def answered(test: WebhookDelivery, **row: Any) -> WebhookAttempted:
    now = datetime.now(UTC)
    facts = {"webhook_id": test.webhook_id, "type": test.type, "owner": test.owner, "endpoint_id": test.endpoint_id}
    return attempted(**(facts | {"attempted_at": now, "requested_at": test.requested_at} | row))


@pytest.mark.parametrize("state", ["delivered", "given_up"])
def test_a_test_shows_what_the_receiver_answered(alice: RunningGateway, state: str) -> None:
    endpoint_id = created(alice)["endpoint_id"]
    call(alice, "POST", f"/{endpoint_id}/disable")
    with playing_sink(alice, state=state, status_code=418, response="I'm a teapot"):
        answer = call(alice, "POST", f"/{endpoint_id}/test")
    assert answer.status == 200
    assert answer.json["delivered"] is (state == "delivered")
    assert (answer.json["attempt"]["status_code"], answer.json["attempt"]["response"]) == (418, "I'm a teapot")
    (delivery,) = deliveries(alice, endpoint_id)
    assert (delivery.type, delivery.job) == ("webhook.test", None)


def ended(caller: RunningGateway, **fields: Any) -> JobRequested:
    job = submitted(caller, **fields)
    publish_state(caller, job, "FAILURE", error=Failure(reason="corrupt", message="no"))
    return job


def webhook_id(job: JobRequested) -> str:
    return f"msg_{job.job.job_id}_failure"


def test_the_status_of_a_job_shows_its_deliveries_without_the_url(alice: RunningGateway) -> None:
    endpoint_id, job = created(alice)["endpoint_id"], submitted(alice, webhook_url=URL)

    def to(recipient: str | None) -> list[dict[str, Any]]:
        return [webhook for webhook in status(alice, job)["webhooks"] if webhook["endpoint_id"] == recipient]

    (pending,) = to(None)
    assert (pending["state"], pending["attempts"], pending["webhook_id"]) == ("pending", 0, None)
    assert (pending["host"], to(endpoint_id)) == ("receiver.example:443", [])
    publish_state(alice, job, "FAILURE", error=Failure(reason="corrupt", message="no"))
    wait_until(lambda: [webhook["attempts"] for webhook in to(endpoint_id)] == [0], "the endpoint")
    assert call(alice, "POST", f"/{endpoint_id}/disable").status == 200
    wait_until(lambda: to(endpoint_id) == [], "no endpoint")
    facts: dict[str, Any] = {"webhook_id": webhook_id(job), "owner": "alice", "next_attempt_at": datetime.now(UTC)}
    first = attempted(job.job.job_id, 0, "pending", **facts)
    alice.publish(WEBHOOK_ATTEMPTS, first.webhook_id, first)
    wait_until(lambda: to(None)[0]["attempts"] == 1, "the attempt")
    (failed,) = to(None)
    assert (failed["state"], failed["status_code"], failed["webhook_id"]) == ("pending", 500, webhook_id(job))
    assert failed["next_attempt_at"] is not None
    second = attempted(job.job.job_id, 1, attempt=2, **facts)
    alice.publish(WEBHOOK_ATTEMPTS, second.webhook_id, second)
    wait_until(lambda: to(None)[0]["state"] == "delivered", "the second attempt")
    assert "hidden" not in alice.get(f"/api/transcribe/async/status/{job.job.job_id}").body.decode()


def test_the_log_is_filtered_paged_and_of_the_owner(gateway: Keyed) -> None:
    alice, job_id = gateway.of("alice"), str(uuid4())
    rows = [attempted(job_id, minute, "pending", attempt=minute + 1, owner="alice") for minute in range(3)]
    for row in rows:
        alice.publish(WEBHOOK_ATTEMPTS, row.webhook_id, row)

    def log(caller: RunningGateway, query: str = "") -> dict[str, Any]:
        answer = call(caller, "GET", f"{LOG}?task_id={job_id}{query}")
        assert answer.status == 200
        DeliveryLog.model_validate(answer.json)
        return dict(answer.json)

    wait_until(lambda: len(log(alice)["attempts"]) == 3, "the rows")
    page = log(alice, "&limit=2&endpoint_id=job&state=pending&type=transcription.completed")
    assert [row["attempt"] for row in page["attempts"]] == [3, 2]
    assert [row["attempt"] for row in log(alice, f"&limit=2&cursor={page['next_cursor']}")["attempts"]] == [1]
    assert log(alice, "&state=delivered")["attempts"] == log(gateway.of("bob"))["attempts"] == []
    assert log(gateway.of("bob"), "&owner=alice")["attempts"] == []
    assert len(log(gateway.of("ops"), "&owner=alice")["attempts"]) == 3
    assert call(alice, "GET", f"{LOG}?state=lost").status == 400


def test_the_end_of_a_job_is_sent_again_with_the_same_id(alice: RunningGateway) -> None:
    job, endpoint_id = ended(alice, webhook_url=URL), created(alice)["endpoint_id"]
    path = f"{LOG}/{webhook_id(job)}/resend"
    assert call(alice, "POST", path).status == 202
    assert call(alice, "POST", path, endpoint_id=endpoint_id).json["count"] == 1
    (to_url,), (to_endpoint,) = deliveries(alice, webhook_id(job)), deliveries(alice, endpoint_id)
    assert (to_url.url, to_url.endpoint_id, to_url.attempt) == (URL, None, 1)
    assert (to_endpoint.url, to_endpoint.webhook_id, to_endpoint.type) == (None, webhook_id(job), "transcription.failed")
    assert to_url.job is not None
    assert to_url.job.job == job.job
    assert to_url.requested_at is not None


def test_what_did_not_happen_cannot_be_sent_again(gateway: Keyed) -> None:
    alice, job = gateway.of("alice"), ended(gateway.of("alice"))
    running_job, bobs = submitted(alice), created(gateway.of("bob"))["endpoint_id"]
    success = webhook_id(job).replace("failure", "success")
    for message in (f"msg_{running_job.job.job_id}_started", success, f"msg_{uuid4()}_failure", "msg_x", webhook_id(job)):
        answer = call(alice, "POST", f"{LOG}/{message}/resend")  # the last one: the job has no URL of its own
        assert (answer.status, answer.json["reason"]) == (404, "unknown_delivery")
    for caller in (alice, gateway.of("ops")):
        answer = call(caller, "POST", f"{LOG}/{webhook_id(job)}/resend", endpoint_id=bobs)
        assert (answer.status, answer.json["reason"]) == (404, "unknown_endpoint")
    assert deliveries(alice, bobs) == []


def test_what_an_endpoint_has_not_received_since_a_time_is_sent_again(gateway: Keyed) -> None:
    dora = gateway.add("dora")
    endpoint_id = created(dora)["endpoint_id"]
    began_at = datetime.now(UTC).isoformat()
    reached, missed = ended(dora), ended(dora)
    row = attempted(reached.job.job_id, owner="dora", endpoint_id=endpoint_id, type="transcription.failed")
    dora.publish(WEBHOOK_ATTEMPTS, row.webhook_id, row)
    wait_until(lambda: call(dora, "GET", f"{LOG}").json["attempts"], "the row")
    path = f"/{endpoint_id}/resend"
    assert call(dora, "POST", path, since=began_at).json == {
        "success": True,
        "count": 1,
        "next_since": None,
        "message": "1 requested",
    }
    assert [delivery.webhook_id for delivery in deliveries(dora, endpoint_id)] == [webhook_id(missed)]
    assert call(dora, "POST", path, since=began_at, delivered=True).json["count"] == 2
    assert call(dora, "POST", path, since=began_at, until=began_at).status == 400
    assert call(dora, "POST", path, since="2999-01-01").status == 400
    assert call(dora, "POST", path, since="1969-01-01", until="1970-01-01").json["count"] == 0
    assert call(dora, "POST", path).status == 400
