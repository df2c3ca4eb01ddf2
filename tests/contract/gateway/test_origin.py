"""Which hosts a gateway answers to, which pages may use it, and its paths behind a reverse proxy."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from tests.contract.gateway.running_gateway import (
    API,
    MULTIPART,
    RunningGateway,
    embedded,
    finish,
    is_problem,
    multipart,
    submitted,
)

ELSEWHERE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Behind a reverse proxy on this machine, under a path."""
    options = {"base_path": "/murmur", "trusted_proxies": "127.0.0.0/8", "allowed_hosts": "speech.example"}
    with embedded(tmp_path_factory.mktemp("proxied"), **options) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("plain")) as gateway:
        yield gateway


def submit(gateway: RunningGateway, path: str = API, **headers: str) -> str:
    """The status_url of a new job."""
    answer = gateway.request("POST", path, multipart([], uuid4().bytes), MULTIPART | headers)
    assert answer.status == 202
    assert answer.headers["Location"] == answer.json["status_url"]
    return str(answer.json["status_url"])


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_page_of_another_origin_can_neither_submit_nor_cancel_nor_read(plain: RunningGateway, headers: dict[str, str]) -> None:
    where = submit(plain)
    task_id, before = where.rpartition("/")[2], plain.files()

    is_problem(plain.request("POST", API, multipart([], uuid4().bytes), MULTIPART | headers), 403)
    is_problem(plain.request("DELETE", f"{API}/{task_id}", headers=headers), 403)
    for path in (
        where,
        f"{API}/{task_id}/events",
        f"{API}/{task_id}/transcript.txt",
        "/api/jobs",
        "/api/models",
        "/api/gpu-status",
        "/metrics",
        "/",
    ):
        is_problem(plain.request("GET", path, headers=headers), 403)
    assert plain.files() == before


def test_the_page_of_this_server_may_do_all_of_it(plain: RunningGateway) -> None:
    for headers in ({"Origin": f"http://{plain.netloc}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        where = submit(plain, **headers)
        assert plain.request("GET", where, headers=headers).status == 200
        assert plain.request("DELETE", where.replace("/status", ""), headers=headers).status == 202


def test_a_link_on_another_site_may_be_followed(plain: RunningGateway) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert plain.request("GET", "/", headers=link).status == 200
    is_problem(plain.request("POST", API, multipart([], b"abc"), MULTIPART | link), 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8511", "192.168.1.5", "localhost.evil.example", "a b", "x@localhost", ""]
)
def test_a_host_that_is_not_this_servers_is_refused(plain: RunningGateway, host: str) -> None:
    is_problem(plain.request("GET", "/", headers={"Host": host}), 421)
    is_problem(plain.request("GET", "/api/jobs", headers={"Host": host}), 421)
    is_problem(plain.request("POST", API, multipart([], b"abc"), MULTIPART | {"Host": host}), 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8511", "app.localhost", "127.0.0.2"])
def test_loopback_is_this_server_by_any_name(plain: RunningGateway, host: str) -> None:
    assert plain.request("GET", "/api/jobs", headers={"Host": host}).status == 200


def test_probes_are_answered_for_any_host(plain: RunningGateway) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert plain.request("GET", path, headers={"Host": "10.1.2.3:8511", "Sec-Fetch-Site": "cross-site"}).status == 200


def test_other_allowed_hosts_are_a_setting(proxied: RunningGateway) -> None:
    assert proxied.request("GET", "/", headers={"Host": "speech.example"}).status == 200
    assert proxied.request("GET", "/", headers={"Host": "speech.example", "Origin": "https://speech.example"}).status == 200
    is_problem(proxied.request("GET", "/", headers={"Host": "other.example"}), 421)


def test_all_paths_have_the_prefix_that_the_proxy_has_not_removed(proxied: RunningGateway) -> None:
    for path in ("/murmur", "/murmur/", "/"):
        assert b"<title>murmur" in proxied.get(path).body
    where = submit(proxied, f"/murmur{API}")
    task_id = UUID(where.rpartition("/")[2])

    assert where == f"/murmur{API}/status/{task_id}"
    assert proxied.get(where).json["state"] == proxied.get(where.removeprefix("/murmur")).json["state"] == "PENDING"
    assert proxied.request("DELETE", f"/murmur{API}/{task_id}").status == 202
    assert proxied.get("/murmur/readyz").status == proxied.get("/murmur/api/jobs/").status == 200
    is_problem(proxied.get(f"/other{where}"), 404)


def test_a_trusted_proxy_sets_the_prefix_and_the_host(proxied: RunningGateway, plain: RunningGateway) -> None:
    prefix = {"X-Forwarded-Prefix": "/speech/eu/"}
    assert submit(proxied, **prefix).startswith(f"/speech/eu{API}/status/")
    assert submit(plain, **prefix).startswith(f"{API}/status/"), "the header counts only from a proxy that is trusted"

    forwarded = {"Host": proxied.netloc, "X-Forwarded-Host": "speech.example", "Origin": "https://speech.example"}
    assert submit(proxied, **forwarded)
    is_problem(proxied.request("GET", "/", headers={**forwarded, "X-Forwarded-Host": "evil.example"}), 421)
    is_problem(plain.request("GET", "/", headers={"X-Forwarded-Host": "speech.example", "Origin": "https://speech.example"}), 403)


def test_the_paths_of_result_files_have_the_prefix_of_the_client_that_asks(proxied: RunningGateway) -> None:
    submission = submitted(proxied)
    finish(proxied, submission)
    where = f"{API}/status/{submission.job.job_id}"
    for headers, expected in (({"X-Forwarded-Prefix": "/speech"}, "/speech/api/"), ({}, "/murmur/api/")):
        files = proxied.request("GET", where, headers=headers).json["files"]
        assert files
        assert all(path.startswith(expected) for path in files.values())


@pytest.mark.parametrize("prefix", ["//evil.example", "speech", "/a b", "https://evil.example", "/a\\b", "/"])
def test_a_prefix_that_is_not_a_path_is_ignored(proxied: RunningGateway, prefix: str) -> None:
    assert submit(proxied, **{"X-Forwarded-Prefix": prefix}).startswith(f"/murmur{API}/status/")
