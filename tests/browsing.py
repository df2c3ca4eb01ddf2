"""The web page in headless Chromium. An error in the browser's console fails the test."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from scripts.browser import ADVICE, chromium
from tests.waiting import DEADLINE_S

Device = Literal["desktop", "phone"]
Scheme = Literal["light", "dark"]
DEVICES: dict[Device, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1360, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2},
}
expect.set_options(timeout=DEADLINE_S * 1000)
# A microphone that beeps, and audio that plays without a click and without a sound card.
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--host-resolver-rules=MAP speech.example 127.0.0.1",
)


@contextmanager
def browsing() -> Iterator[Browser]:
    """For a module: while it is open no test of the same process can run an event loop of its own."""
    path = chromium()
    if path is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"no browser: {ADVICE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    device: Device = "desktop",
    scheme: Scheme = "light",
    *,
    expected: Sequence[str] = (),
    mocks: Sequence[tuple[str, Any]] = (),
) -> Iterator[Page]:
    """`expected`: parts of console errors that belong to the test. `mocks`: pattern of a path, and its JSON or a handler."""
    with browser.new_context(
        **DEVICES[device], color_scheme=scheme, reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        page = context.new_page()
        page.set_default_timeout(DEADLINE_S * 1000)
        errors: list[str] = []
        page.on("console", lambda message: errors.append(_shown(message)) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        for pattern, answer in mocks:
            page.route(pattern, answer if callable(answer) else _answering(answer))
        page.goto(url)
        yield page
        unexpected = [error for error in errors if not any(part in error for part in expected)]
        assert not unexpected, unexpected


def violations(page: Page) -> list[str]:
    """What axe finds: rule, and the elements that break it."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}" for each in found]


def _answering(document: Any) -> Any:
    def answer(route: Route) -> None:
        route.fulfill(json=document)

    return answer


def _shown(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location.get('url', '')})"
