"""`murmur webhooks` against a gateway that is played: what is requested, and what is printed."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from murmur.cli import main
from murmur.webhook_client import WebhookClient

ENDPOINT: dict[str, Any] = {
    "endpoint_id": "ep_1",
    "owner": "default",
    "url": "https://receiver.example/hook",
    "description": "",
    "events": ["transcription.completed"],
    "keys": [{"created_at": "2026-01-02T12:00:00Z", "valid_until": None, "public_key": None}],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
}
ATTEMPT: dict[str, Any] = {
    "webhook_id": "msg_1_success",
    "endpoint_id": "ep_1",
    "host": "receiver.example:443",
    "attempt": 2,
    "state": "pending",
    "outcome": "failed",
    "status_code": 500,
    "response": "\x1b[31mno",
    "attempted_at": "2026-01-02T12:00:00Z",
    "next_attempt_at": "2026-01-02T12:05:00.5Z",
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """What was requested: method, path and JSON or query."""
    made: list[tuple[str, str, dict[str, Any]]] = []

    def request(_client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        given = dict(more.get("json") or more.get("params") or {})
        made.append((method, path, given))
        return httpx.Response(200, content=orjson.dumps(answer(method, path, given)))

    monkeypatch.setattr(httpx.Client, "request", request)
    return made


def answer(method: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
    if path == "/api/webhook-deliveries":
        return {"attempts": [ATTEMPT] * min(int(given["limit"]), 3), "next_cursor": None if "cursor" in given else "c"}
    if path.endswith("/test"):
        return {"delivered": False, "attempt": ATTEMPT}
    if path.endswith("/resend"):
        first = given.get("since") != "2026-01-03T00:00:00Z"
        return {
            "count": 1,
            "message": "1 requested",
            "next_since": "2026-01-03T00:00:00Z" if "since" in given and first else None,
        }
    if method == "GET" and path == "/api/webhooks":
        return {"endpoints": [ENDPOINT, ENDPOINT | {"enabled": False, "disabled_reason": "gone"}], "next_cursor": None}
    return ENDPOINT | ({"secret": "whsec_new"} if method == "POST" else {})


@pytest.fixture
def murmur(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        """The exit code and what was printed."""
        monkeypatch.setattr(sys, "argv", ["murmur", "webhooks", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


Murmur = Callable[..., tuple[int, str]]
Requests = list[tuple[str, str, dict[str, Any]]]


def test_a_list_has_a_line_for_each_endpoint(murmur: Murmur, requests: Requests) -> None:
    assert murmur("list") == (
        0,
        "ep_1  enabled   https://receiver.example/hook\nep_1  gone      https://receiver.example/hook\n",
    )


def test_types_of_events_may_be_short_and_a_new_secret_is_printed(murmur: Murmur, requests: Requests) -> None:
    code, printed = murmur("create", "https://a.example", "--events", ".failed, endpoint.disabled", "--description", "CRM")
    assert (code, "whsec_new" in printed) == (0, True)
    expected = {"url": "https://a.example", "events": ["transcription.failed", "endpoint.disabled"], "description": "CRM"}
    assert requests == [("POST", "/api/webhooks", expected | {"signature": "hmac"})]


def test_an_update_requests_only_what_changes(murmur: Murmur, requests: Requests) -> None:
    assert murmur("update", "ep_1", "--url", "https://b.example")[0] == 0
    assert requests == [("PATCH", "/api/webhooks/ep_1", {"url": "https://b.example"})]


def test_the_overlap_of_a_rotation_is_in_seconds(murmur: Murmur, requests: Requests) -> None:
    assert murmur("rotate", "ep_1", "--overlap", "2d")[0] == 0
    assert requests == [("POST", "/api/webhooks/ep_1/rotate", {"overlap_s": 172_800})]


def test_a_test_that_was_not_delivered_exits_with_1_and_shows_the_answer_without_control_characters(
    murmur: Murmur, requests: Requests
) -> None:
    code, printed = murmur("test", "ep_1")
    assert (code, "pending: failed 500" in printed, "\x1b" in printed) == (1, True, False)


def test_the_log_is_read_in_pages_up_to_as_many_rows_as_were_asked_for(murmur: Murmur, requests: Requests) -> None:
    code, printed = murmur("log", "ep_1", "--last", "5", "--since", "2026-01-01")
    assert code == 0
    assert len(printed.splitlines()) == 5
    assert "msg_1_success  ep_1  #2  pending: failed 500, next at 2026-01-02T12:05:00Z" in printed
    given = {"endpoint_id": "ep_1", "since": "2026-01-01"}
    assert [query for _, _, query in requests] == [given | {"limit": "5"}, given | {"limit": "2", "cursor": "c"}]


def test_a_resend_goes_on_until_there_is_nothing_more(murmur: Murmur, requests: Requests) -> None:
    code, printed = murmur("resend", "--endpoint", "ep_1", "--since", "2d")
    assert (code, printed) == (0, "1 requested\n1 requested\n")
    first, second = (given["since"] for _, _, given in requests)
    assert datetime.now(UTC) - datetime.fromisoformat(first) - timedelta(days=2) < timedelta(hours=1)
    assert second == "2026-01-03T00:00:00Z"


def test_one_event_is_resent_to_the_url_of_the_job_or_to_an_endpoint(murmur: Murmur, requests: Requests) -> None:
    murmur("resend", "msg_1_success")
    murmur("resend", "msg_1_success", "--endpoint", "ep_1")
    path = "/api/webhook-deliveries/msg_1_success/resend"
    assert requests == [("POST", path, {}), ("POST", path, {"endpoint_id": "ep_1"})]


@pytest.mark.parametrize(
    "arguments",
    [
        ("resend",),
        ("resend", "--since", "1h"),
        ("resend", "msg_1", "--since", "1h"),
        ("resend", "--endpoint", "ep_1", "--since", "1x"),
        ("update", "ep_1"),
        ("rotate", "ep_1", "--overlap", "x"),
    ],
)
def test_a_command_without_what_it_needs_says_what_to_give(
    murmur: Murmur, requests: Requests, arguments: tuple[str, ...]
) -> None:
    code, printed = murmur(*arguments)
    assert (code, "--" in printed, requests) == (2, True, [])


def test_all_pages_of_the_list_are_one_document() -> None:
    class Pages:
        def json(self, _method: str, _path: str, params: dict[str, str]) -> dict[str, Any]:
            return {"endpoints": [params.get("cursor", "first")], "next_cursor": None if "cursor" in params else "second"}

    assert WebhookClient(Pages()).all() == {"endpoints": ["first", "second"], "next_cursor": None}  # type: ignore[arg-type]
