"""The client against answers that are not a gateway's usual ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest

from murmur.gateway_client import GatewayClient, Refused, Unreachable
from runtime.errors import UsageError

ENDED = (200, b'{"state": "SUCCESS"}')
AWAY = (503, b'{"detail": "the broker is away", "reason": "unavailable"}')


@contextmanager
def answering(*answers: tuple[int, bytes], api_key: str | None = None) -> Iterator[GatewayClient]:
    """A server that gives these answers, one after the other; one that requires a key gives its answers for that alone."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0)
            if api_key is not None and self.headers.get("Authorization") != f"Bearer {api_key}":
                status, body = 401, b'{"detail": "no", "reason": "unauthorized"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with GatewayClient(f"http://127.0.0.1:{server.server_port}/", api_key) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


def no_sleep(_seconds: float) -> None:
    """The answers come without waiting."""


def test_a_gateway_that_is_not_up_to_date_is_requested_again() -> None:
    started = b'{"state": "STARTED"}'
    with answering(AWAY, (200, started), (200, started), AWAY, ENDED) as client:
        assert [status["state"] for status in client.watch("a", no_sleep)] == ["STARTED", "SUCCESS"]


def test_the_key_is_sent_with_every_request() -> None:
    with answering(ENDED, ENDED, api_key="mur_key") as client:
        assert client.status("a")["state"] == client.status("a")["state"] == "SUCCESS"


def test_a_missing_key_is_a_wrong_set_up_and_the_message_says_where_it_belongs() -> None:
    with answering((401, b'{"detail": "no", "reason": "unauthorized"}')) as client:
        with pytest.raises(Refused, match="MURMUR_API_KEY") as refused:
            client.status("a")
        assert refused.value.is_misuse


def test_a_gateway_that_limits_requests_is_requested_again() -> None:
    with answering((200, b'{"state": "STARTED"}'), (429, b'{"detail": "too many"}'), ENDED) as client:
        assert [status["state"] for status in client.watch("a", no_sleep)] == ["STARTED", "SUCCESS"]


def test_a_refusal_has_the_gateways_own_words() -> None:
    with answering((404, b'{"detail": "there is no task a", "status": 404}')) as client:
        with pytest.raises(Refused, match="there is no task a") as refused:
            next(client.watch("a", no_sleep))
        assert (refused.value.status, refused.value.document["status"]) == (404, 404)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b""])
def test_other_servers_are_not_taken_for_a_gateway(body: bytes) -> None:
    with answering((200, body)) as client, pytest.raises(UsageError, match="MURMUR_GATEWAY_URL"):
        client.status("a")


def test_a_proxy_that_answers_without_a_problem_is_quoted_by_its_status() -> None:
    with answering((502, b"<html>bad gateway</html>")) as client, pytest.raises(Refused, match="502"):
        client.status("a")


def test_an_unreachable_gateway_is_not_retried_before_a_first_response() -> None:
    with GatewayClient("http://127.0.0.1:1") as client, pytest.raises(Unreachable, match="murmur dev"):
        next(client.watch("a", no_sleep))


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://[::1"])
def test_a_url_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(UsageError, match="MURMUR_GATEWAY_URL"), GatewayClient(url) as client:
        client.status("a")


def page(first: int, count: int, cursor: str | None) -> tuple[int, bytes]:
    return 200, orjson.dumps({"jobs": [{"task_id": str(first + n)} for n in range(count)], "next_cursor": cursor, "counts": {}})


def test_jobs_are_listed_over_as_many_pages_as_it_takes() -> None:
    with answering(page(0, 500, "a b"), page(500, 500, "c"), page(1000, 0, None)) as client:
        assert [job["task_id"] for job in client.jobs(None)["jobs"]] == [str(number) for number in range(1000)]
    with answering(page(0, 500, "a"), page(500, 100, "b")) as client:
        assert len(client.jobs(600, "FAILURE")["jobs"]) == 600
    with answering(page(0, 3, None)) as client:
        assert len(client.jobs(600)["jobs"]) == 3
