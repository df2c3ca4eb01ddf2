"""The files of the web page as HTTP serves them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import producers.gateway.page
from tests.contract.gateway.running_gateway import RunningGateway, embedded, is_problem

FOLDER = Path(producers.gateway.page.__file__).with_name("page")
FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    options = {"base_path": "/murmur", "trusted_proxies": "127.0.0.0/8"}
    with embedded(tmp_path_factory.mktemp("proxied"), **options) as gateway:
        yield gateway


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in FILES)])
def test_a_file_is_sent_again_only_when_it_has_changed(gateway: RunningGateway, path: str) -> None:
    first = gateway.get(path)
    assert first.status == 200
    assert first.headers["Cache-Control"] == "no-cache"

    again = gateway.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert gateway.request("GET", path, headers={"If-None-Match": '"another"'}).status == 200


def test_no_other_file_is_served(gateway: RunningGateway) -> None:
    for path in ("/page/none.js", "/page/..%2fapp.py", "/page/%2e%2e/page.py", "/page/page.css%00"):
        is_problem(gateway.get(path), 404)


def test_scripts_come_from_files_of_this_server_alone(gateway: RunningGateway) -> None:
    answer = gateway.get("/")
    policy = dict(each.split(maxsplit=1) for each in answer.headers["Content-Security-Policy"].split("; "))
    page = answer.body.decode()

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert re.findall(r"""<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|https?:""", page) == []


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_server_or_parses_markup(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[\w.]+", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser", text) == []


def test_the_page_names_the_path_that_a_proxy_has_removed(proxied: RunningGateway) -> None:
    assert b'<base href="/murmur/">' in proxied.get("/murmur").body
    assert b'<base href="/speech/">' in proxied.request("GET", "/", headers={"X-Forwarded-Prefix": "/speech"}).body
    assert proxied.get("/murmur/page/main.js").status == 200
