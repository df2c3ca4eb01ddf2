"""Submitting, recording, cancelling, retrying and deleting from the page."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import visiting
from tests.contract.gateway.page.speech import CLIP, finished, job
from tests.contract.gateway.running_gateway import API, RunningGateway, finish, publish_state, requested
from tests.waiting import wait_until


def home(gateway: RunningGateway) -> str:
    return f"http://{gateway.netloc}/"


def chosen(page: Page, name: str) -> str:
    """The id of the job that the page shows once it has this name."""
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    return str(page.evaluate("location.hash.slice(1)"))


def test_the_options_of_the_form_are_those_of_the_job(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, home(gateway)) as page:
        page.get_by_label("word times").check()
        page.get_by_text("More options").click()
        page.get_by_label("Prompt").fill("Margret speaks.")
        page.get_by_label("Words to expect").fill("Hendersen")
        page.get_by_role("combobox", name="Speech detection").select_option("false")
        page.get_by_role("combobox", name="Lane").select_option("bulk")
        page.get_by_text("All options").click()
        page.get_by_role("combobox", name="multilingual").select_option("on")
        page.get_by_role("textbox", name="beam_size").fill("2")
        page.get_by_label("Choose audio or video files").set_input_files(CLIP.path)
        request = requested(gateway, chosen(page, CLIP.file))

    decoding = request.work.decoding
    assert (decoding.words, decoding.prompt, decoding.hotwords) == (True, "Margret speaks.", "Hendersen")
    assert (decoding.multilingual, decoding.beam_size) == (True, 2)
    assert (request.work.slicing.vad, request.job.lane) == (False, "bulk")


def test_a_recording_is_sent_like_a_file(gateway: RunningGateway, browser: Browser) -> None:
    with visiting(browser, home(gateway)) as page:
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_text("recording, 00:01")).to_be_visible()
        page.get_by_role("button", name="Stop and transcribe").click()
        task_id = chosen(page, "recording")
        assert requested(gateway, task_id).job.filename.endswith(".webm")
        length = "document.getElementById('player').duration"  # not in the file: browsers record without it
        wait_until(lambda: 0 < (page.evaluate(length) or 0) < 60, "the length of the recording")


def test_without_https_the_page_says_what_a_recording_needs(gateway: RunningGateway, browser: Browser) -> None:
    """Chromium counts loopback as secure; any other host without https is not."""
    with visiting(browser, home(gateway).replace("127.0.0.1", "speech.example")) as page:
        expect(page.get_by_text("Recording needs https, or this page at localhost")).to_be_visible()
        expect(page.get_by_role("button", name="Record", exact=True)).to_be_disabled()


def test_a_file_that_is_refused_is_said_with_the_reason(gateway: RunningGateway, browser: Browser, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    with visiting(browser, home(gateway), expected=["400"]) as page:
        page.get_by_label("Choose audio or video files").set_input_files(empty)
        expect(page.get_by_text("is empty")).to_be_visible()
        page.get_by_role("button", name="Dismiss empty.wav").click()
        expect(page.get_by_text("is empty")).to_have_count(0)


def test_a_job_is_cancelled_and_retried(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "long.wav")
    task_id = str(submission.job.job_id)
    publish_state(gateway, submission, "STARTED")
    with visiting(browser, home(gateway) + "#" + task_id) as page:
        with page.expect_response(lambda response: response.request.method == "DELETE") as answer:
            page.get_by_role("button", name="Cancel", exact=True).click()
        assert answer.value.status == 202
        publish_state(gateway, submission, "REVOKED")
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
        again = str(page.evaluate("location.hash.slice(1)"))
    assert requested(gateway, again).job.retry_of == submission.job.job_id


def test_a_job_is_deleted_after_a_question(gateway: RunningGateway, browser: Browser) -> None:
    task_id = finished(gateway, "private.wav")
    with visiting(browser, home(gateway) + "#" + task_id) as page:
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("Choose a job to read its transcript.")).to_be_visible()
        expect(page.get_by_role("list", name="Jobs")).not_to_contain_text("private.wav")
    assert gateway.get(f"{API}/status/{task_id}").status == 404


@pytest.mark.parametrize(
    ("label", "ending", "begins"),
    [("Text (.txt)", "txt", "turn the lamp on"), ("Subtitles (.srt)", "srt", "1\n00:00:00,000 --> ")],
)
def test_a_download_is_what_it_says(gateway: RunningGateway, browser: Browser, label: str, ending: str, begins: str) -> None:
    task_id = finished(gateway, "minutes.wav")
    with visiting(browser, home(gateway) + "#" + task_id) as page:
        page.get_by_text("Download", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        assert download.value.suggested_filename == f"minutes.{ending}"
        assert Path(download.value.path()).read_text().startswith(begins)


def test_a_job_that_has_not_ended_is_listed_with_the_length_of_its_file(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "in work.wav")
    publish_state(gateway, submission, "STARTED")
    with visiting(browser, home(gateway)) as page:
        row = page.get_by_role("list", name="Jobs").get_by_role("listitem").filter(has_text="in work.wav")
        expect(row).to_contain_text(f"uploaded · 00:{int(CLIP.duration_s):02}")


def test_jobs_are_filtered_by_their_state(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "waits.wav")
    finish(gateway, job(gateway, "ended.wav"))
    with visiting(browser, home(gateway)) as page:
        jobs = page.get_by_role("list", name="Jobs")
        expect(jobs).to_contain_text("ended.wav")
        page.get_by_role("group", name="Show only").get_by_role("button", name="waiting").click()
        expect(jobs).to_contain_text("waits.wav")
        expect(jobs).not_to_contain_text("ended.wav")
        jobs.get_by_text("waits.wav").click()
        assert chosen(page, "waits.wav") == str(submission.job.job_id)


def test_another_track_of_a_file_is_transcribed_from_its_page(gateway: RunningGateway, browser: Browser) -> None:
    task_id = finished(gateway, "film.wav")
    status = gateway.get(f"{API}/status/{task_id}").json
    tracks = [{"index": number, "channels": 1, "language": code, "title": None} for number, code in enumerate(("en", "pt"))]
    status["result"]["audio_info"] |= {"track": 0, "tracks": tracks}
    with visiting(browser, home(gateway) + "#" + task_id, mocks=[(f"**{API}/status/{task_id}*", status)]) as page:
        expect(page.get_by_text("Of 2 audio tracks, track 0 (English) was transcribed.")).to_be_visible()
        page.get_by_role("button", name="Transcribe track 1 (Portuguese)").click()
        page.wait_for_url(lambda url: task_id not in url)
        again = requested(gateway, chosen(page, "film.wav"))
    assert again.work.slicing.track == 1
