"""Reading a transcript beside its player."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from runtime import metrics
from tests.browsing import visiting
from tests.contract.gateway.page.speech import CLIP, REMOVED, UNHEARD, finished, job
from tests.contract.gateway.running_gateway import RunningGateway, finish, progressed, publish_state
from tests.waiting import wait_until

NOW = re.compile(r"\bnow\b")


def address(gateway: RunningGateway, task_id: str) -> str:
    return f"http://{gateway.netloc}/#{task_id}"


def text_of(page: Page) -> Locator:
    return page.get_by_role("list", name="Transcript with times")


def time_of(page: Page) -> float:
    """The player's position."""
    return float(page.evaluate("document.getElementById('player').currentTime"))


def playable(page: Page) -> None:
    wait_until(lambda: page.evaluate("document.getElementById('player').readyState >= 1"), "the player to be ready")


@pytest.fixture(scope="module")
def talk(gateway: RunningGateway) -> str:
    return finished(gateway, removed=(REMOVED,), warnings=(UNHEARD,))


def test_a_click_at_a_word_plays_it_and_marks_what_is_spoken(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        page.get_by_text("again", exact=True).click()
        wait_until(lambda: time_of(page) >= 1.8, "the player")
        expect(page.locator(".word.now")).to_have_count(1)
        expect(text_of(page).locator("li[aria-current=true]")).to_have_count(1)


def test_a_click_at_a_time_plays_from_there(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        page.evaluate("document.getElementById('player').playbackRate = 0.1")
        page.get_by_role("button", name="Play from 00:01").click()
        wait_until(lambda: time_of(page) >= 1, "the player")
        expect(text_of(page).get_by_role("listitem").filter(has_text="and then")).to_have_class(NOW)


def test_the_arrow_keys_step_by_words_and_by_lines(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        playable(page)
        word = page.locator(".word.now")
        page.get_by_role("group", name="Transcript", exact=True).focus()
        for key, marked in (
            ("ArrowDown", "turn"),
            ("ArrowRight", "the"),
            ("ArrowDown", "and"),
            ("ArrowLeft", "on"),
            ("ArrowRight", "and"),
            ("ArrowDown", "the"),
            ("ArrowUp", "and"),
        ):
            page.keyboard.press(key)
            expect(word).to_have_text(marked)
        assert time_of(page) == pytest.approx(1.0)


def test_what_was_removed_and_what_was_not_heard_is_shown_where_it_is(
    gateway: RunningGateway, browser: Browser, talk: str
) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        lines = text_of(page).get_by_role("listitem")
        expect(lines).to_have_count(5)
        expect(lines.nth(3)).to_contain_text("Thanks for watching! removed, probably not spoken")
        expect(lines.nth(4)).to_contain_text(UNHEARD.message)


def test_words_of_which_the_model_is_unsure_are_marked(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        expect(page.locator(".word.unsure")).to_have_text(["on", "again", "off"])
        expect(page.get_by_title("unsure of this word: 30 %")).to_have_count(3)


def test_without_word_times_a_line_is_clicked(gateway: RunningGateway, browser: Browser) -> None:
    task_id = finished(gateway, "lines.wav", words=False)
    with visiting(browser, address(gateway, task_id)) as page:
        page.get_by_text("the lamp is off").click()
        wait_until(lambda: time_of(page) >= 2, "the player")
        expect(page.locator(".word")).to_have_count(0)


def test_search_steps_through_the_matches_and_highlights_them(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, address(gateway, talk)) as page:
        expect(text_of(page)).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("THE LAMP")
        expect(page.get_by_text("1 of 2")).to_be_visible()
        highlighted = "[...CSS.highlights.get('%s')].map(range => range.toString())"
        assert page.evaluate(highlighted % "match") == ["the lamp", "the lamp"]

        page.keyboard.press("Enter")
        expect(page.get_by_text("2 of 2")).to_be_visible()
        page.keyboard.type("s")
        expect(page.get_by_text("not found")).to_be_visible()
        assert page.evaluate(highlighted % "match") == []


def downloaded(page: Page, label: str) -> str:
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=label).click()
    page.keyboard.press("Escape")
    return Path(download.value.path()).read_text()


def test_names_are_kept_and_are_in_what_is_copied_and_downloaded(gateway: RunningGateway, browser: Browser) -> None:
    task_id = finished(gateway, "interview.wav")
    with visiting(browser, address(gateway, task_id)) as page:
        for start, name in (("00:00", "Ana"), ("00:02", "Bo")):
            page.get_by_role("button", name=f"Name who speaks from {start} on").click()
            page.get_by_label("Name", exact=True).fill(name)
            page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Rename").click()
        page.get_by_label("Name", exact=True).fill("Interview with Ana 26.11")
        page.get_by_role("button", name="Save").click()

        expect(page.get_by_role("heading", name="Interview with Ana")).to_be_visible()

    with visiting(browser, f"http://{gateway.netloc}/") as page:  # another browser
        expect(page.get_by_role("list", name="Jobs")).to_contain_text("Interview with Ana")

    with visiting(browser, address(gateway, task_id)) as page:
        expect(page.get_by_role("heading", name="Interview with Ana")).to_be_visible()
        expect(page.get_by_role("list", name="Jobs")).to_contain_text("Interview with Ana")
        page.get_by_role("button", name="Copy text").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == (
            "Ana: turn the lamp on and then turn it off again\n\nBo: the lamp is off"
        )
        page.get_by_text("Download", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Text (.txt)").click()
        assert download.value.suggested_filename == "Interview with Ana 26.11.txt"
        page.keyboard.press("Escape")
        assert downloaded(page, "Text (.txt)") == "Ana: turn the lamp on\nand then turn it off again\nBo: the lamp is off\n"
        srt, vtt = downloaded(page, "Subtitles (.srt)"), downloaded(page, "Web subtitles (.vtt)")
        assert [line for line in srt.split("\n") if "lamp" in line] == ["Ana: turn the lamp on", "Bo: the lamp is off"]
        assert [line for line in vtt.split("\n") if "lamp" in line] == ["Ana: turn the lamp on", "Bo: the lamp is off"]


def test_the_names_of_a_job_that_was_deleted_elsewhere_do_not_stay_in_the_browser(
    gateway: RunningGateway, browser: Browser
) -> None:
    task_id = finished(gateway, "interview.wav")
    with visiting(browser, address(gateway, task_id), expected=["404 (Not Found)"]) as page:
        page.get_by_role("button", name="Rename").click()
        page.get_by_label("Name", exact=True).fill("Ana")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Ana")).to_be_visible()
        kept = f"localStorage.getItem('murmur-names {task_id}')"
        assert "Ana" in page.evaluate(kept)
        assert gateway.request("DELETE", f"/api/jobs/{task_id}").status == 200
        page.reload()
        expect(page.get_by_text("There is no task")).to_be_visible()
        assert page.evaluate(kept) is None


def test_a_file_in_which_nobody_speaks_is_said_to_be_one(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "rain.wav")
    finish(gateway, submission, language=None)
    with visiting(browser, address(gateway, str(submission.job.job_id))) as page:
        expect(page.get_by_text("Nobody speaks in this file.")).to_be_visible()
        expect(page.get_by_role("button", name="Copy text")).to_have_count(0)


@pytest.mark.parametrize(
    "more",
    [
        {"removed": (REMOVED,)},
        {"warnings": (UNHEARD,)},
        {"warnings": (UNHEARD.model_copy(update={"code": "lost"}),), "language": None},
        {"warnings": (UNHEARD.model_copy(update={"code": "truncated", "end": None}),), "language": None},
        {"language": "en"},
    ],
)
def test_of_a_file_with_text_lost_or_removed_it_is_not_said(
    gateway: RunningGateway, browser: Browser, more: dict[str, object], request: pytest.FixtureRequest
) -> None:
    submission = job(gateway, request.node.name)
    finish(gateway, submission, **more)
    with visiting(browser, address(gateway, str(submission.job.job_id))) as page:
        expect(page.locator("#nobody")).to_be_visible()
        expect(page.get_by_text("Nobody speaks")).to_have_count(0)


def test_text_appears_while_it_is_transcribed_in_order_of_time(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "live.wav")
    publish_state(gateway, submission, "STARTED")
    with visiting(browser, address(gateway, str(submission.job.job_id))) as page:
        expect(page.get_by_role("progressbar", name="Speech transcribed")).to_be_visible()
        for index, text in ((0, "first"), (2, "third"), (1, "second")):
            progressed(gateway, submission, 0.25 * (index + 1), text, index=index)
        for text in ("first", "second", "third"):
            expect(text_of(page).get_by_text(text)).to_be_visible()
        expect(page.get_by_role("progressbar", name="Speech transcribed")).to_have_attribute("aria-valuenow", "75")
        expect(page.locator("#about")).to_contain_text("75% done")
        expect(text_of(page).locator(".said")).to_have_text(["first", "second", "third"])

        finish(gateway, submission)
        expect(page.get_by_role("progressbar", name="Speech transcribed")).to_be_hidden()


def test_audio_that_is_gone_or_cannot_be_played_leaves_the_text(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    gone = [("**/api/jobs/*/audio", lambda route: route.fulfill(status=410, json={"detail": "gone", "reason": "audio_gone"}))]
    with visiting(browser, address(gateway, talk), mocks=gone, expected=["410"]) as page:
        expect(page.get_by_text("The audio is no longer in the store")).to_be_visible()
        page.get_by_text("again", exact=True).click()
        expect(page.locator(".word.now")).to_have_text("again")
    odd = [("**/api/jobs/*/audio", lambda route: route.fulfill(body=b"telephone", content_type="audio/gsm"))]
    with visiting(browser, address(gateway, talk), mocks=odd) as page:
        expect(page.get_by_text("This browser cannot play")).to_be_visible()


def test_a_finished_clip_is_played_to_its_end(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    """What the browser plays is the job's own audio."""
    with visiting(browser, address(gateway, talk)) as page:
        playable(page)
        assert page.evaluate("document.getElementById('player').duration") == pytest.approx(CLIP.duration_s, abs=0.1)


def test_a_job_is_found_by_what_was_said_and_opened_there(gateway: RunningGateway, browser: Browser) -> None:
    finished(gateway, "monday.wav", "Nothing of interest.")
    finished(gateway, "tuesday.wav", "Good morning.", "O or\u00e7amento foi aprovado.", words=False)
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        jobs = page.get_by_role("list", name="Jobs")
        expect(jobs.get_by_text("monday.wav")).to_be_visible()
        page.get_by_label("Search file names and transcripts").fill("aprovado orcamento")
        expect(jobs.get_by_role("listitem")).to_have_count(1)
        expect(page.get_by_text("Not all transcripts could be searched.")).to_be_hidden()
        jobs.get_by_text("tuesday.wav").click()
        expect(page.get_by_label("Search in the transcript").and_(page.get_by_role("searchbox"))).to_have_value("aprovado")
        expect(page.locator("#found")).to_have_text("1 of 1")
        page.get_by_role("searchbox", name="Search in the transcript").fill("orcamento foi")
        expect(page.locator("#found")).to_have_text("1 of 1")


def test_a_page_that_nobody_sees_follows_no_job_and_goes_on_when_it_is_seen(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "running.wav")
    publish_state(gateway, submission, "STARTED")
    following, before = metrics.FOLLOWING.labels("events")._value.get, metrics.FOLLOWING.labels("events")._value.get()
    with visiting(browser, address(gateway, str(submission.job.job_id))) as page:
        wait_until(lambda: page.evaluate("true") and following() == before + 1, "the stream of events")
        progressed(gateway, submission, 0.2, "said while it is seen", index=0)
        expect(text_of(page)).to_contain_text("said while it is seen")
        show = """isHidden => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        page.evaluate(show, True)
        wait_until(lambda: page.evaluate("true") and following() == before, "the end of the stream")
        progressed(gateway, submission, 0.4, "said meanwhile", index=1)

        page.evaluate(show, False)
        expect(text_of(page).get_by_role("listitem")).to_have_count(2)
        expect(text_of(page)).to_contain_text("said meanwhile")
