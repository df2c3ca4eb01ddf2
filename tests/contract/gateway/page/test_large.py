"""The page with 5,000 jobs and with three hours of text: only what is visible is in the document."""

from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.page import JOBS, SEGMENTS, job_list, job_row, long_status
from tests.browsing import visiting
from tests.contract.gateway.running_gateway import API, RunningGateway

ELEMENTS_MAX = 1500  # of the document; a page without jobs has about 120

GONE = ["410"]  # there is no audio of three hours


def mocks(count: int = JOBS) -> list[tuple[str, object]]:
    return [
        ("**/api/jobs?*", lambda route: route.fulfill(json=job_list(route.request.url, count))),
        (f"**{API}/status/*", long_status()),
        ("**/api/jobs/*/names", {"filename": "", "speakers": [], "changed_at": None}),
        ("**/api/jobs/*/audio", lambda route: route.fulfill(status=410, json={"detail": "gone"})),
    ]


def elements(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


def test_of_5000_jobs_only_the_visible_ones_are_elements(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{gateway.netloc}/", mocks=mocks()) as page:
        jobs = page.get_by_role("list", name="Jobs")
        expect(jobs.get_by_role("listitem").first).to_contain_text("recording 00000.wav")

        last = jobs.get_by_text(f"recording {JOBS - 1:05}.wav")
        while not last.is_visible():
            jobs.evaluate("list => list.parentElement.scrollTo(0, list.scrollHeight)")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert elements(page) < ELEMENTS_MAX


def test_the_list_stays_where_it_is_when_new_jobs_arrive(gateway: RunningGateway, browser: Browser) -> None:
    arrived: list[dict[str, object]] = []

    def answer(route: Route) -> None:
        document = job_list(route.request.url, 300)
        if "cursor" not in route.request.url:
            document["jobs"] = [*arrived, *document["jobs"]]
        route.fulfill(json=document)

    with visiting(browser, f"http://{gateway.netloc}/", mocks=[*mocks(), ("**/api/jobs?*", answer)]) as page:
        jobs = page.get_by_role("list", name="Jobs")
        jobs.get_by_role("button").first.focus()
        for _ in range(30):
            page.keyboard.press("ArrowDown")
        focused = page.locator(":focus")
        expect(focused).to_contain_text("recording 00030.wav")
        before = focused.bounding_box()

        arrived.append({**job_row(0), "task_id": "ffffffff-0000-4000-8000-000000000000", "submitted_at": "2026-01-03T12:00:00Z"})
        expect(jobs.locator("li[aria-setsize='101']").first).to_be_attached()
        assert focused.bounding_box() == before


def test_of_three_hours_of_words_only_the_visible_ones_are_elements(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{gateway.netloc}/#{job_row(0)['task_id']}", mocks=mocks(3), expected=GONE) as page:
        text = page.get_by_role("list", name="Transcript with times")
        expect(text.get_by_role("listitem").first).to_be_visible()
        assert elements(page) < ELEMENTS_MAX

        page.get_by_role("group", name="Transcript", exact=True).press("End")
        last = text.locator(f"li[aria-posinset='{SEGMENTS}']")
        expect(last).to_be_in_viewport()
        expect(last).to_have_attribute("aria-current", "true")
        assert elements(page) < ELEMENTS_MAX


def test_words_become_elements_when_the_text_has_come_to_rest(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{gateway.netloc}/#{job_row(0)['task_id']}", mocks=mocks(3), expected=GONE) as page:
        text = page.get_by_role("list", name="Transcript with times")
        expect(text.locator(".word").first).to_be_visible()
        shown = page.evaluate(
            """async () => {
                const list = document.getElementById("text"), frame = () => new Promise(requestAnimationFrame), timers = [];
                window.setTimeout = work => timers.push(work);
                list.parentElement.scrollTop = 40000;
                for (let frames = 0; frames < 4; frames++) await frame();
                const scrolled = [list.querySelectorAll(".said").length > 0, list.querySelectorAll(".word").length];
                timers.forEach(work => work());
                return [...scrolled, list.querySelectorAll(".word").length > 0];
            }"""
        )
    assert shown == [True, 0, True]


def test_the_search_finds_what_is_not_shown(gateway: RunningGateway, browser: Browser) -> None:
    status = long_status()
    segments = status["result"]["transcription"]["segments"]
    segments[-2] = {**segments[-2], "text": "a Needle (in) hay", "words": None}
    answers = [*mocks(3), (f"**{API}/status/*", status)]
    with visiting(browser, f"http://{gateway.netloc}/#{job_row(0)['task_id']}", mocks=answers, expected=GONE) as page:
        page.get_by_role("searchbox", name="Search in the transcript").fill("needle (in)")
        expect(page.get_by_text("1 of 1")).to_be_visible()
        expect(page.get_by_text("a Needle (in) hay")).to_be_in_viewport()
