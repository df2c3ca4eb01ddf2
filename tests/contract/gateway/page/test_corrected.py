"""A corrected transcript on the page, and the text as it was transcribed."""

from playwright.sync_api import Browser, expect

from tests.browsing import visiting
from tests.contract.gateway.page.speech import finished
from tests.contract.gateway.page.test_reading import address, text_of
from tests.contract.gateway.running_gateway import RunningGateway


def test_the_text_as_transcribed_is_a_click_away(gateway: RunningGateway, browser: Browser) -> None:
    task = finished(gateway, "corrected.wav", "turn on the lamb", "and off", corrected=("Turn on the lamp.", "and off"))
    with visiting(browser, address(gateway, task)) as page:
        lines, choice = text_of(page), page.get_by_label("As transcribed")
        expect(lines).to_contain_text("Turn on the lamp.")
        choice.check()
        expect(lines).to_contain_text("turn on the lamb")
        expect(lines).not_to_contain_text("lamp")
        choice.uncheck()
        expect(lines).to_contain_text("Turn on the lamp.")


def test_where_nothing_was_corrected_there_is_no_choice(gateway: RunningGateway, browser: Browser) -> None:
    task = finished(gateway, "plain.wav", "turn on the lamp")
    with visiting(browser, address(gateway, task)) as page:
        expect(text_of(page)).to_contain_text("turn on the lamp")
        expect(page.get_by_label("As transcribed")).to_be_hidden()
