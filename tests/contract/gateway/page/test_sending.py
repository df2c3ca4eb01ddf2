"""Files on their way from the page to the gateway: many, refused ones, and what becomes of the view meanwhile."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.browsing import visiting
from tests.contract.gateway.page.speech import CLIP, finished
from tests.contract.gateway.running_gateway import API, RunningGateway
from tests.waiting import wait_until

POST = f"**{API}"
AT_ONCE = 2
OF_ALL_TABS = 3


def files(*names: str) -> Sequence[FilePayload]:
    return [FilePayload(name=name, mimeType="audio/wav", buffer=CLIP.path.read_bytes()) for name in names]


def choose(page: Page, *names: str) -> None:
    page.get_by_label("Choose audio or video files").set_input_files(files(*names))


def on_their_way(page: Page) -> list[str]:
    return page.get_by_role("list", name="Files on their way").get_by_role("listitem").all_inner_texts()


class Uploads:
    """Requests of the page that wait until the test lets them go on to the gateway, or answers them."""

    def __init__(self) -> None:
        self.held: list[Route] = []

    def __call__(self, route: Route) -> None:
        self.held.append(route)

    def wait_for(self, page: Page, count: int = 1) -> None:
        """The page is asked meanwhile, since handlers run while the browser is."""
        wait_until(lambda: page.evaluate("true") and len(self.held) >= count, "the uploads")

    def go_on(self, page: Page) -> None:
        self.wait_for(page)
        self.held.pop(0).continue_()


def visiting_home(
    gateway: RunningGateway, browser: Browser, uploads: Callable[[Route], None], fragment: str = "", expected: Sequence[str] = ()
) -> AbstractContextManager[Page]:
    return visiting(browser, f"http://{gateway.netloc}/{fragment}", mocks=[(POST, uploads)], expected=expected)


def test_many_files_are_sent_a_few_at_a_time_and_the_view_stays(gateway: RunningGateway, browser: Browser) -> None:
    names, uploads = [f"one of many {number}.wav" for number in range(8)], Uploads()
    with visiting_home(gateway, browser, uploads) as page:
        pages = page.evaluate("history.length")
        choose(page, *names)
        uploads.wait_for(page, AT_ONCE)
        assert sum("waiting" in line for line in on_their_way(page)) == len(names) - AT_ONCE
        expect(page.get_by_text(f"{len(names) - AT_ONCE} files wait to be sent.")).to_be_visible()
        page.get_by_role("button", name=f"Stop sending {names[-1]}").click()

        for _ in names[:-1]:
            uploads.go_on(page)
            assert len(uploads.held) < AT_ONCE
        jobs = page.get_by_role("list", name="Jobs")
        for name in names[:-1]:
            expect(jobs.get_by_text(name)).to_be_visible()
        expect(page.get_by_role("list", name="Files on their way").get_by_role("listitem")).to_have_count(0)
        expect(jobs.get_by_text(names[-1])).to_have_count(0)
        assert (page.evaluate("history.length"), page.evaluate("location.hash")) == (pages, "")


def test_tabs_of_a_browser_take_turns_with_their_uploads(gateway: RunningGateway, browser: Browser) -> None:
    """They share the browser's connections, of which lists and streams of events need some."""
    uploads = Uploads()
    with visiting_home(gateway, browser, uploads) as page:
        other = page.context.new_page()
        other.route(POST, uploads)
        other.goto(page.url)
        choose(page, "tab 1 a.wav", "tab 1 b.wav")
        uploads.wait_for(page, AT_ONCE)
        choose(other, "tab 2 a.wav", "tab 2 b.wav")
        uploads.wait_for(other, OF_ALL_TABS)
        expect(other.get_by_role("list", name="Files on their way").get_by_text("waiting")).to_have_count(1)

        uploads.go_on(page)
        expect(other.get_by_role("list", name="Files on their way").get_by_text("waiting")).to_have_count(0)
        uploads.wait_for(other, OF_ALL_TABS)
        for _ in range(OF_ALL_TABS):
            uploads.go_on(other)
        for each in (page, other):
            expect(each.get_by_role("list", name="Files on their way").get_by_role("listitem")).to_have_count(0)


def test_all_that_wait_are_stopped_together(gateway: RunningGateway, browser: Browser) -> None:
    uploads = Uploads()
    with visiting_home(gateway, browser, uploads) as page:
        choose(page, *(f"of a folder {number}.wav" for number in range(8)))
        page.get_by_role("button", name="Stop these").click()
        expect(page.get_by_role("list", name="Files on their way").get_by_role("listitem")).to_have_count(AT_ONCE)


def test_whoever_reads_is_not_taken_to_the_job_of_an_upload(gateway: RunningGateway, browser: Browser) -> None:
    task_id, uploads = finished(gateway, "being read.wav"), Uploads()
    with visiting_home(gateway, browser, uploads, f"#{task_id}") as page:
        expect(page.get_by_role("heading", name="being read.wav")).to_be_visible()
        choose(page, "meanwhile.wav")
        uploads.go_on(page)
        expect(page.get_by_role("list", name="Jobs").get_by_text("meanwhile.wav")).to_be_visible()
        assert page.evaluate("location.hash") == f"#{task_id}"


def test_one_file_after_another_is_shown_with_one_step_back_to_the_list(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        pages = page.evaluate("history.length")
        for name in ("first alone.wav", "second alone.wav"):
            choose(page, name)
            expect(page.get_by_role("heading", name=name)).to_be_visible()
        assert page.evaluate("history.length") == pages + 1
        page.go_back()
        expect(page.get_by_text("Choose a job to read its transcript.")).to_be_visible()


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_refused_for_a_time_is_sent_again_after_it(gateway: RunningGateway, browser: Browser, status: int) -> None:
    keys: list[str | None] = []

    def answer(route: Route) -> None:
        keys.append(route.request.header_value("Idempotency-Key"))
        if len(keys) > 1:
            return route.continue_()
        problem = {"detail": "Too much audio waits."}
        return route.fulfill(status=status, headers={"Retry-After": "1"}, content_type="application/problem+json", json=problem)

    name = f"refused with {status}.wav"
    with visiting_home(gateway, browser, answer, expected=[str(status)]) as page:
        choose(page, name)
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert len(keys) == 2
    assert keys[0] == keys[1] is not None


def test_a_refusal_for_a_time_holds_the_other_files_until_the_reader_says(gateway: RunningGateway, browser: Browser) -> None:
    names, uploads = ("held 1.wav", "held 2.wav", "held 3.wav"), Uploads()
    with visiting_home(gateway, browser, uploads, expected=["503"]) as page:
        choose(page, *names)
        uploads.wait_for(page, AT_ONCE)
        for route in (uploads.held.pop(), uploads.held.pop()):
            route.fulfill(status=503, headers={"Retry-After": "1800"}, json={"detail": "Too much audio waits."})
        lines = page.get_by_role("list", name="Files on their way").get_by_role("listitem")
        expect(lines.filter(has_text="again in 30 min")).to_have_count(2)
        expect(lines.filter(has_text="waiting")).to_have_count(1)
        assert not uploads.held

        page.get_by_role("button", name="Send again: held 1.wav").click()
        for _ in names:
            uploads.go_on(page)
        for name in names:
            expect(page.get_by_role("list", name="Jobs").get_by_text(name)).to_be_visible()


def test_a_lost_connection_leaves_the_recording(gateway: RunningGateway, browser: Browser) -> None:
    bodies: list[bytes | None] = []

    def answer(route: Route) -> None:
        bodies.append(route.request.post_data_buffer)
        route.abort() if len(bodies) == 1 else route.continue_()

    with visiting_home(gateway, browser, answer, expected=["ERR_FAILED"]) as page:
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_text("recording, 00:01")).to_be_visible()
        page.get_by_role("button", name="Stop and transcribe").click()
        expect(page.get_by_text("The connection was lost.")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the file: recording").click()
        assert download.value.suggested_filename.endswith(".webm")
        page.get_by_role("button", name="Send again: recording").click()
        expect(page.get_by_role("heading", name="recording")).to_be_visible()
    assert len(bodies) == 2


def test_the_page_says_when_answers_fail_to_come(gateway: RunningGateway, browser: Browser) -> None:
    """And goes on asking."""
    silent: list[Route] = []
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        state = page.locator("#ready")
        expect(state).to_have_text("ready")
        page.route("**/readyz", lambda route: silent.append(route))
        expect(state).to_have_text("The gateway does not answer.")
        expect(state).not_to_have_class("ready yes")
        page.unroute("**/readyz")
        expect(state).to_have_text("ready")
