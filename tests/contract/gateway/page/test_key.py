"""The page of a gateway that wants API keys."""

import hashlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from runtime.api_keys import new_key
from tests.browsing import visiting
from tests.contract.gateway.page.speech import CLIP
from tests.contract.gateway.running_gateway import MULTIPART, RunningGateway, embedded, multipart
from tests.waiting import wait_until

KEY = new_key()
EXPECTED = ["401"]  # what makes the page ask


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    keys = f"alice:sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
    folder = tmp_path_factory.mktemp("locked")
    with embedded(folder, api_keys=keys) as gateway:
        yield gateway


def test_a_key_is_asked_for_once_and_kept_for_this_tab_alone(locked: RunningGateway, browser: Browser) -> None:
    headers = {**MULTIPART, "Authorization": f"Bearer {KEY}"}
    answer = locked.request("POST", "/api/transcribe/async", multipart([], CLIP.path.read_bytes(), "talk.wav"), headers)
    assert answer.status == 202
    with visiting(browser, f"http://{locked.netloc}/", expected=EXPECTED) as page:
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("needs a key")
        for key, then in (("wrong", "not accepted"), (KEY, "")):
            page.get_by_label("Key", exact=True).fill(key)
            page.get_by_role("button", name="Continue").click()
            expect(dialog.get_by_text(then)).to_be_visible() if then else expect(dialog).to_be_hidden()

        page.get_by_role("list", name="Jobs").get_by_text("talk.wav").click()
        playable = "document.getElementById('player').readyState >= 1"
        wait_until(lambda: page.evaluate(playable), "the player, which cannot send the key")
        page.reload()
        expect(page.get_by_role("heading", name="talk.wav")).to_be_visible()
        expect(dialog).to_be_hidden()
        assert KEY in page.evaluate("Object.values(sessionStorage)")
        assert KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie")


def test_nothing_is_requested_until_there_is_a_key(locked: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{locked.netloc}/", expected=EXPECTED) as page:
        dialog, refused = page.get_by_role("dialog"), list[str]()
        expect(dialog).to_be_visible()
        page.on("response", lambda response: refused.append(response.url) if response.status == 401 else None)
        page.clock.install()
        page.reload()
        expect(dialog).to_be_visible()
        page.clock.run_for(60_000)
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_label("The system")).to_contain_text("Queue")
        assert len(refused) == 1


def test_an_upload_with_a_key_that_was_removed_asks_again(locked: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{locked.netloc}/", expected=EXPECTED) as page:
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.evaluate("sessionStorage.setItem('murmur-key', 'removed')")
        page.get_by_label("Choose audio or video files").set_input_files(CLIP.path)
        expect(page.get_by_role("dialog")).to_contain_text("not accepted")
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name=CLIP.file)).to_be_visible()
