"""What holds for every size and colour of the page: accessible, and nothing that a file says becomes markup."""

import pytest
from playwright.sync_api import Browser, expect

from runtime.models.catalogue import DEMO_WARNING
from schemas.jobs import JobRequested
from schemas.record import Failure
from tests.browsing import Device, Scheme, violations, visiting
from tests.contract.gateway.page.speech import REMOVED, UNHEARD, finished, job
from tests.contract.gateway.running_gateway import RunningGateway, publish_state

HOSTILE = '<img src=x onerror="document.title=1">&lt;b&gt;"\'><script>document.title=1</script>'


def running_job(gateway: RunningGateway) -> JobRequested:
    submission = job(gateway, "running.wav")
    publish_state(gateway, submission, "STARTED")
    return submission


@pytest.fixture(scope="module")
def talk(gateway: RunningGateway) -> str:
    """The newest of a few jobs, one in each state."""
    job(gateway, "waiting.wav")
    running_job(gateway)
    publish_state(gateway, job(gateway, "bad.wav"), "FAILURE", error=Failure(reason="corrupt", message="the header is damaged"))
    publish_state(gateway, job(gateway, "cancelled.wav"), "REVOKED")
    return finished(gateway, removed=(REMOVED,), warnings=(UNHEARD,))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing(gateway: RunningGateway, browser: Browser, talk: str, device: Device, scheme: Scheme) -> None:
    with visiting(browser, f"http://{gateway.netloc}/", device, scheme) as page:
        jobs = page.get_by_role("list", name="Jobs")
        expect(jobs.get_by_role("listitem").nth(4)).to_be_attached()
        page.get_by_text("More options").click()
        assert violations(page) == []

        jobs.get_by_text("talk.wav").first.click()
        page.get_by_text("again", exact=True).click()
        expect(page.locator(".word.now")).to_have_count(1)
        page.get_by_text("Download", exact=True).click()
        assert violations(page) == []

        page.get_by_role("button", name="Rename").click()
        assert violations(page) == []


def test_on_a_phone_choosing_a_job_shows_its_transcript_and_back_the_list(
    gateway: RunningGateway, browser: Browser, talk: str
) -> None:
    with visiting(browser, f"http://{gateway.netloc}/", "phone") as page:
        page.get_by_role("list", name="Jobs").get_by_text("talk.wav").first.click()
        expect(page.get_by_text("again", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("list", name="Jobs")).to_be_hidden()

        page.get_by_role("button", name="← Jobs").click()
        expect(page.get_by_role("list", name="Jobs")).to_be_visible()
        page.go_back()
        expect(page.get_by_text("again", exact=True)).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_that_is_held_sideways_the_text_has_room(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    with visiting(browser, f"http://{gateway.netloc}/#{talk}", "phone") as page:
        page.set_viewport_size({"width": 844, "height": 390})
        expect(page.get_by_role("list", name="Jobs")).to_be_hidden()
        page.get_by_text("again", exact=True).scroll_into_view_if_needed()
        expect(page.get_by_text("again", exact=True)).to_be_in_viewport()
        assert page.evaluate("document.querySelector('.task .scroll').clientHeight > innerHeight / 2")


def test_on_a_phone_a_long_name_has_its_buttons_on_one_line(gateway: RunningGateway, browser: Browser) -> None:
    name = "a name that is longer than the screen of a phone is wide.wav"
    with visiting(browser, f"http://{gateway.netloc}/#{finished(gateway, name)}", "phone") as page:
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        places = [page.get_by_role("button", name=label).bounding_box() for label in ("← Jobs", "Rename")]
        assert len({place and place["y"] for place in places}) == 1


def test_a_note_that_is_about_the_model_is_folded(gateway: RunningGateway, browser: Browser, talk: str) -> None:
    """The page has it above the list already."""
    demo = finished(gateway, "demo.wav", warnings=(DEMO_WARNING,))
    with visiting(browser, f"http://{gateway.netloc}/#{demo}", "phone") as page:
        expect(page.get_by_text("A note on this transcript")).to_be_visible()
        expect(page.locator("#notes")).not_to_have_attribute("open", "")
    with visiting(browser, f"http://{gateway.netloc}/#{talk}", "phone") as page:
        expect(page.locator("#notes").get_by_text(UNHEARD.message)).to_be_visible()


def test_nothing_that_a_file_or_a_model_says_becomes_markup(gateway: RunningGateway, browser: Browser) -> None:
    removed = REMOVED.model_copy(update={"text": HOSTILE})
    warning = UNHEARD.model_copy(update={"message": HOSTILE})
    task_id = finished(gateway, HOSTILE.replace('"', "%22").replace("/", ""), HOSTILE, removed=(removed,), warnings=(warning,))
    with visiting(browser, f"http://{gateway.netloc}/#{task_id}") as page:
        expect(page.get_by_role("list", name="Transcript with times")).to_contain_text("<img src=x")
        expect(page.locator("#task-title")).to_contain_text("<img src=x")
        assert page.locator("img, main script, b").count() == 0
        assert page.title() == "murmur"


def test_markup_cannot_be_parsed_even_by_a_mistake_in_the_page(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, f"http://{gateway.netloc}/", expected=["TrustedHTML", "Content Security Policy"]) as page:
        parse = """() => {
            try { document.body.insertAdjacentHTML("beforeend", "<b>"); return "parsed"; } catch (error) { return error.name; }
        }"""
        assert page.evaluate(parse) == "TypeError"
