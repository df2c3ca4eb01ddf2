"""The web page on the whole system: what a person does with it, from the upload to the retry."""

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from murmur.dev import Dev
from tests.browsing import Device, Scheme, browsing, visiting
from tests.clips import BY_NAME
from tests.waiting import wait_until

CLIP = BY_NAME["en-command.wav"]
REPEATS = 700  # more than half an hour: it does not end before it is cancelled


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "lecture.wav"
    with wave.open(str(CLIP.path), "rb") as clip, wave.open(str(path), "wb") as file:
        file.setparams(clip.getparams())
        frames = clip.readframes(clip.getnframes())
        for _ in range(REPEATS):
            file.writeframes(frames)
    return path


def upload(page: Page, path: Path) -> str:
    """The id of its job, which the page then shows."""
    page.get_by_label("Choose audio or video files").set_input_files(path)
    expect(page.get_by_role("heading", name=path.name)).to_be_visible()
    return str(page.evaluate("location.hash.slice(1)"))


def back(page: Page) -> None:
    """To the list, which a phone shows on its own."""
    if page.get_by_role("button", name="← Jobs").is_visible():
        page.get_by_role("button", name="← Jobs").click()


@pytest.mark.parametrize(("device", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_from_upload_to_retry(system: Dev, browser: Browser, long_file: Path, device: Device, scheme: Scheme) -> None:
    assert system.address is not None
    with visiting(browser, system.address, device, scheme) as page:
        text = page.get_by_role("list", name="Transcript with times")
        progress = page.get_by_role("progressbar", name="Speech transcribed")
        upload(page, long_file)
        expect(progress).to_be_visible()
        expect(text.get_by_role("listitem").first).to_be_visible()  # before its end
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()

        back(page)
        page.get_by_label("word times").check()
        upload(page, CLIP.path)
        text.get_by_text("radio", exact=True).first.click()
        wait_until(lambda: page.evaluate("document.getElementById('player').currentTime > 0.5"), "the player")
        expect(page.locator(".word.now")).to_have_count(1)
        page.get_by_text("Download", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Subtitles (.srt)").click()
        assert "radio" in Path(download.value.path()).read_text()

        back(page)
        page.get_by_role("list", name="Jobs").get_by_text(long_file.name).first.click()
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_role("button", name="Retry")).to_be_visible()
