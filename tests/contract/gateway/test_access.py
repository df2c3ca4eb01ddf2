"""Requests with keys, over a real socket: how a key is sent, what a removed one can still do, limits, sessions, other origins."""

import http.client
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from producers.gateway.access.sessions import COOKIE
from producers.gateway.jobs import endpoints, events
from runtime import api_keys
from tests.contract.gateway.keyed import Keyed, keyed
from tests.contract.gateway.running_gateway import (
    API,
    BOUNDARY,
    MULTIPART,
    Answer,
    RunningGateway,
    finish,
    is_problem,
    multipart,
    publish_state,
    submitted,
)
from tests.waiting import DEADLINE_S, wait_until

APP = "https://app.example"
LIMITED = {
    "expecting": {"requests": 1000},
    "busy": {"requests": 1},
    "eager": {"submissions": 1},
    "batching": {"submissions": 2},
    "patient": {"unfinished": 2},
    "curious": {"requests": 500, "unfinished": 7, "waiting": 9},
    "following": {"waiting": 1},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """With no limits but those of single keys."""
    unlimited = {
        "key_requests_per_minute": 0,
        "key_submissions_per_minute": 0,
        "owner_unfinished_jobs": 0,
        "key_waiting_requests": 0,
    }
    folder = tmp_path_factory.mktemp("access")
    with keyed(folder, LIMITED, cors_origins=APP, trusted_proxies="127.0.0.0/8", **unlimited) as gateway:
        yield gateway


def submit(caller: RunningGateway) -> Answer:
    return caller.submit(uuid4().bytes)


# Keys


def test_a_key_comes_as_bearer_or_in_a_header_of_its_own(gateway: Keyed) -> None:
    key = gateway.keys["alice"]
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key}"},
        {"X-API-Key": key},
        {"Authorization": "Basic YTpi", "X-API-Key": key},
    ):
        assert gateway.gateway.request("GET", "/api/key", headers=headers).json["owner"] == "alice"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer mur_" + "a" * 43},
        {"Authorization": "Bearer nonsense", "X-API-Key": "KEY"},
        {"Authorization": "KEY"},
        {"X-API-Key": ""},
        {"X-API-Key": "KEY.."},
        {"X-API-Key": "\xff"},
        {"Cookie": f"{COOKIE}=KEY"},
        {"Cookie": f"{COOKIE}=0123456789abcdef.9999999999.AAAA"},
    ],
)
def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(gateway: Keyed, headers: dict[str, str]) -> None:
    given = {name: value.replace("KEY", gateway.keys["alice"]) for name, value in headers.items()}
    answer = gateway.gateway.request("GET", "/api/jobs", headers=given)
    document = is_problem(answer, 401)
    assert document == is_problem(gateway.gateway.get("/api/jobs"), 401)
    assert document["reason"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="murmur"'
    assert "RateLimit-Limit" not in answer.headers


def test_a_key_in_the_address_is_no_key(gateway: Keyed) -> None:
    """It would be in the logs of proxies, and in the history of browsers."""
    is_problem(gateway.gateway.get(f"/api/jobs?api_key={gateway.keys['alice']}"), 401)


def test_a_path_that_does_not_exist_does_not_exist_for_anybody(gateway: Keyed) -> None:
    is_problem(gateway.gateway.get("/api/nosuch"), 404)
    is_problem(gateway.gateway.request("PUT", "/api/jobs"), 405)


def test_metrics_are_for_administrators(gateway: Keyed) -> None:
    assert is_problem(gateway.of("alice").get("/metrics"), 403)["reason"] == "forbidden"
    assert b"murmur_jobs" in gateway.of("ops").get("/metrics").body


def test_a_body_is_not_read_before_the_key_is_checked(gateway: Keyed) -> None:
    """curl waits for 100 Continue before it sends a large file."""
    host, port = gateway.gateway.netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        head = f"POST {API} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n"
        connection.sendall(f"{head}Content-Type: {MULTIPART['Content-Type']}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_submission_with_expect_counts_once(gateway: Keyed) -> None:
    caller = gateway.of("expecting")
    left = int(caller.get("/api/models").headers["RateLimit-Remaining"])
    answer = caller.request("POST", API, multipart([], uuid4().bytes), MULTIPART | {"Expect": "100-continue"})
    assert answer.status == 202
    assert int(answer.headers["RateLimit-Remaining"]) >= left - 1


def test_a_removed_key_stops_working_and_what_is_sent_to_it_ends(gateway: Keyed) -> None:
    caller = gateway.add("leaving")
    key = caller.headers["X-API-Key"]
    job = submitted(caller)
    with streaming(caller, f"{API}/{job.job.job_id}/events") as events:
        assert events.status == 200
        lines = [line for line in gateway.file.read_text().splitlines() if not line.startswith("leaving:")]
        gateway.file.write_text("\n".join([*lines, ""]))
        wait_until(lambda: caller.get("/api/models").status == 401, "the key to be invalid")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            events.read()
    assert gateway.gateway.with_headers(Authorization=f"Bearer {key}").get("/api/key").status == 401
    assert gateway.of("alice").get("/api/key").status == 200


@contextmanager
def streaming(caller: RunningGateway, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(caller.netloc, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers=caller.headers)
        yield connection.getresponse()
    finally:
        connection.close()


# Limits


def until_refused(caller: RunningGateway, method: str, path: str) -> Answer:
    """However slow this machine is: one request of a minute is soon used up."""
    while (answer := caller.request(method, path)).status != 429:
        assert answer.status < 500
    return answer


def test_beyond_the_requests_of_a_minute_it_is_429_with_the_time_to_wait(gateway: Keyed) -> None:
    caller, other = gateway.of("busy"), gateway.of("alice")
    answer = until_refused(caller, "GET", "/api/models")
    document = is_problem(answer, 429)
    assert (document["reason"], document["counted"], document["limit"]) == ("rate_limited", "requests", 1)
    assert 1 <= int(answer.headers["Retry-After"]) <= int(answer.headers["RateLimit-Reset"]) <= 60
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("1", "0")
    assert caller.get("/livez").status == 200
    unlimited = other.get("/api/models")
    assert unlimited.status == 200
    assert "RateLimit-Limit" not in unlimited.headers


def test_submissions_have_a_limit_of_their_own_and_reading_goes_on(gateway: Keyed) -> None:
    caller = gateway.of("eager")
    assert submit(caller).status in (202, 429)
    document = is_problem(until_refused(caller, "POST", API), 429)
    assert (document["reason"], document["counted"]) == ("rate_limited", "submissions")
    assert caller.get("/api/jobs").status == 200


def test_every_file_of_a_batch_is_a_submission(gateway: Keyed) -> None:
    began_s = time.monotonic()
    files = multipart([], b"one").removesuffix(f"--{BOUNDARY}--\r\n".encode()) + multipart([], b"two")
    assert gateway.of("batching").request("POST", "/api/transcribe/batch", files, MULTIPART).status == 202
    refused = submit(gateway.of("batching"))
    assert refused.status == 429 or time.monotonic() - began_s > 30, "after half a minute another one is allowed"


def test_an_owner_has_so_many_unfinished_jobs_with_all_keys_together(gateway: Keyed) -> None:
    first, second = gateway.of("patient"), gateway.add("patient", unfinished=2)
    jobs = [submitted(first), submitted(second)]
    before = gateway.gateway.files()
    answer = submit(first)
    assert is_problem(answer, 429)["reason"] == "too_many_jobs"
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.gateway.files() == before
    assert first.get("/api/key").json["unfinished_jobs"] == 2
    publish_state(first, jobs[0], "REVOKED")
    assert submit(second).status == 202
    retry = first.request("POST", f"/api/jobs/{jobs[0].job.job_id}/retry")
    assert is_problem(retry, 429)["reason"] == "too_many_jobs"


def test_a_key_has_so_many_requests_that_wait_for_jobs(gateway: Keyed) -> None:
    caller, other = gateway.of("following"), gateway.of("alice")
    job, others = submitted(caller), submitted(other)
    events, status = f"{API}/{job.job.job_id}/events", f"{API}/status/{job.job.job_id}"
    with streaming(caller, events) as following:
        assert following.status == 200
        before = gateway.gateway.files()
        for refused in (caller.get(events), caller.get(f"{status}?wait=60"), submit_and_wait(caller, "/api/transcribe")):
            assert (is_problem(refused, 429)["reason"], refused.json["limit"]) == ("too_many_waiting", 1)
            assert refused.headers["Retry-After"] == "5"
        compatible = submit_and_wait(caller, "/v1/audio/transcriptions")
        assert (compatible.status, compatible.json["error"]["code"]) == (429, "rate_limit_exceeded")
        assert gateway.gateway.files() == before
        assert caller.get(status).status == 200
        with streaming(other, f"{API}/{others.job.job_id}/events") as elsewhere:
            assert elsewhere.status == 200
    wait_until(lambda: caller.get(f"{status}?wait=0.01").status == 200, "the end of the stream")


def test_a_client_that_has_gone_does_not_count_any_more(gateway: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", math.inf)
    monkeypatch.setattr(endpoints, "WAIT_MAX_S", math.inf)
    caller = gateway.of("following")
    job_id = submitted(caller).job.job_id
    for path in (f"{API}/{job_id}/events", f"{API}/status/{job_id}?wait=1000000"):
        with sent(caller, path):
            wait_until(lambda: caller.get(f"{API}/none/events").status == 429, "the request that waits")
        wait_until(lambda: caller.get(f"{API}/none/events").status == 404, "its end")


@contextmanager
def sent(caller: RunningGateway, path: str) -> Iterator[None]:
    """A request whose response is not awaited."""
    connection = http.client.HTTPConnection(caller.netloc, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers=caller.headers)
        yield
    finally:
        connection.close()


def submit_and_wait(caller: RunningGateway, path: str) -> Answer:
    return caller.request("POST", path, multipart([], b"audio"), MULTIPART)


def test_the_limits_of_a_key_can_be_read(gateway: Keyed) -> None:
    caller = gateway.of("curious")
    assert caller.get("/api/key").json == {
        "owner": "curious",
        "admin": False,
        "key_required": True,
        "requests_per_minute": 500,
        "submissions_per_minute": None,
        "unfinished_jobs_max": 7,
        "waiting_requests_max": 9,
        "unfinished_jobs": 0,
    }


# The page's session


def session_of(caller: RunningGateway) -> str:
    answer = caller.request("POST", "/api/browser-session")
    assert (answer.status, answer.body) == (204, b"")
    return answer.headers["Set-Cookie"]


def test_a_session_reads_and_can_do_nothing_else(gateway: Keyed) -> None:
    job = submitted(gateway.of("alice"))
    cookie = session_of(gateway.of("alice")).partition(";")[0]
    browser = gateway.gateway.with_headers(Cookie=cookie)
    assert browser.get(f"{API}/status/{job.job.job_id}").status == 200
    assert browser.get("/api/key").json["owner"] == "alice"
    for method, path in (
        ("POST", API),
        ("DELETE", f"{API}/{job.job.job_id}"),
        ("DELETE", f"/api/jobs/{job.job.job_id}"),
        ("POST", f"/api/jobs/{job.job.job_id}/retry"),
        ("POST", "/api/browser-session"),
    ):
        is_problem(browser.request(method, path), 401)


def test_a_session_is_not_readable_by_scripts_nor_sent_by_other_sites(gateway: Keyed) -> None:
    cookie = session_of(gateway.of("alice"))
    parts = {part.strip() for part in cookie.split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"} <= parts
    assert "Secure" not in parts
    assert "Secure" in session_of(gateway.of("alice").with_headers(X_Forwarded_Proto="https"))


def test_a_session_is_refused_from_another_origin_also_from_one_that_cors_allows(gateway: Keyed) -> None:
    cookie = session_of(gateway.of("alice")).partition(";")[0]
    browser = gateway.gateway.with_headers(Cookie=cookie)
    is_problem(browser.request("GET", "/api/jobs", headers={"Origin": "https://evil.example"}), 403)
    is_problem(browser.request("GET", "/api/jobs", headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"}), 401)


def test_a_session_can_be_ended(gateway: Keyed) -> None:
    ended = gateway.gateway.request("DELETE", "/api/browser-session")
    assert ended.status == 204
    assert f'{COOKIE}=""' in ended.headers["Set-Cookie"]
    assert "Max-Age=0" in ended.headers["Set-Cookie"]


# Pages of other origins


def test_an_allowed_origin_may_use_the_api_with_a_key(gateway: Keyed) -> None:
    page = {"Origin": APP, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    answer = gateway.of("alice").request("POST", API, multipart([], uuid4().bytes), MULTIPART | page)
    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert {"Location", "Retry-After", "RateLimit-Remaining"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    refused = gateway.gateway.request("GET", "/api/jobs", headers=page)
    assert is_problem(refused, 401)
    assert refused.headers["Access-Control-Allow-Origin"] == APP, "the page must be able to read why"


def test_an_event_stream_and_an_error_have_the_headers_as_well(gateway: Keyed) -> None:
    job = submitted(gateway.of("alice"))
    finish(gateway.of("alice"), job)
    for path in (f"{API}/{job.job.job_id}/events", f"{API}/status/{uuid4()}", "/api/nosuch", "/"):
        answer = gateway.of("alice").request("GET", path, headers={"Origin": APP})
        assert answer.headers["Access-Control-Allow-Origin"] == APP


OF_A_LIBRARY = "authorization,content-type,idempotency-key,x-api-key,x-stainless-lang,x-stainless-retry-count"


def preflight(caller: RunningGateway, origin: str) -> Answer:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": OF_A_LIBRARY}
    return caller.request("OPTIONS", API, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"} | asked)


def test_a_preflight_of_an_allowed_origin_is_answered_without_a_key(gateway: Keyed) -> None:
    answer = preflight(gateway.gateway, APP)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == OF_A_LIBRARY
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", f"{APP}:8443", "null", f"{APP}.evil.example"])
def test_every_other_origin_is_refused_without_cors_headers(gateway: Keyed, origin: str) -> None:
    for answer in (preflight(gateway.of("alice"), origin), gateway.of("alice").request("GET", "/", headers={"Origin": origin})):
        is_problem(answer, 403)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_without_the_setting_there_are_no_cors_headers(tmp_path_factory: pytest.TempPathFactory) -> None:
    with keyed(tmp_path_factory.mktemp("plain"), metrics_open=True) as plain:
        answer = plain.of("alice").get("/api/models")
        assert not [name for name in answer.headers if name.startswith("Access-Control") or name == "Vary"]
        is_problem(preflight(plain.gateway, APP), 403)
        assert plain.gateway.get("/metrics").status == 200, "by the setting"


def test_keys_are_not_in_the_log(gateway: Keyed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caller = gateway.add("logged")
    key = caller.headers["X-API-Key"]
    assert submit(caller).status == 202
    assert "keys.loaded" in caplog.text
    assert "job.requested" in caplog.text
    assert key not in caplog.text
    assert api_keys.digest(key).hex() not in caplog.text
