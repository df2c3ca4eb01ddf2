"""The strip with the state of the system: figures of the API, and nothing that it does not report."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, expect

from runtime.models import catalogue
from schemas.jobs import ResultSummary
from schemas.topics import DEAD_LETTERS, WORKERS
from schemas.worker import WorkerModel, WorkerReported
from tests.browsing import visiting
from tests.contract.brokers import write
from tests.contract.gateway.page.speech import finished, job
from tests.contract.gateway.running_gateway import API, RunningGateway, finish, publish_state, status
from tests.letters import dead_letter, written
from tests.waiting import wait_until


def test_what_is_not_reported_is_not_shown(gateway: RunningGateway, browser: Browser) -> None:
    failing = [(f"**/api/{name}", lambda route: route.abort()) for name in ("stats", "gpu-status", "cache-stats", "health")]
    with visiting(browser, f"http://{gateway.netloc}/", mocks=failing, expected=["ERR_FAILED"]) as page:
        expect(page.locator("#strip dt")).to_have_text(["Queue"])


def test_queue_workers_cache_and_dead_letters_are_shown(gateway: RunningGateway, browser: Browser) -> None:
    demo = catalogue.resolve("demo").ref
    model = WorkerModel(name=demo.name, revision=demo.revision, state="loaded", device="cpu", memory_bytes=93_000_000)
    gateway.publish(WORKERS, "one", WorkerReported(worker_id="one", at=datetime.now(UTC), replicas=2, models=(model,)))
    write(gateway.kafka, DEAD_LETTERS, written(dead_letter(1)))
    job(gateway, "waits.wav")
    finished(gateway)
    wait_until(lambda: gateway.get("/api/health").json["retention"]["dead_letters"] == 1, "the dead letter")
    wait_until(lambda: gateway.get("/api/cache-stats").json["misses"] == 1, "the figures of the cache")
    wait_until(lambda: gateway.get("/api/gpu-status").json["device"] == "cpu", "the worker")
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        strip = page.locator("#strip div")
        expect(strip.filter(has_text="Queue")).to_contain_text(re.compile(r"1 file\s*\d+ s of audio"))
        expect(strip.filter(has_text="Workers")).to_have_text("Workers1 × demo, 93 MBCPU")
        expect(strip.filter(has_text="Cache")).to_contain_text("answered 0 % of 1 job")
        expect(strip.filter(has_text="Dead letters")).to_contain_text("1")


def test_the_expected_wait_is_that_of_the_newest_job_also_when_it_is_running(gateway: RunningGateway, browser: Browser) -> None:
    earlier = job(gateway, "earlier.wav")  # from which the speed is known
    result = ResultSummary(transcript=earlier.work.audio, language="en", duration_s=2, speech_s=2, inference_s=1)
    publish_state(gateway, earlier, "SUCCESS", result=result, started_at=datetime.now(UTC) - timedelta(seconds=4))
    running = job(gateway, "running.wav")
    publish_state(gateway, running, "STARTED")
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        queue = page.locator("#strip div").filter(has_text="Queue")
        expect(queue).to_contain_text(re.compile(r"the newest ends in \d+ s to \d+ s"))

    figures = {"share": 0.5, "eta_s": 240.2, "segments": []}
    known = {**status(gateway, running), "estimate": None, "progress": figures}
    with visiting(browser, f"http://{gateway.netloc}/", mocks=[(f"**{API}/status/*", known)]) as page:
        expect(page.locator("#strip div").filter(has_text="Queue")).to_contain_text("the newest ends in about 4 min")


def test_the_queue_is_that_of_the_list_whenever_that_changes(gateway: RunningGateway, browser: Browser) -> None:
    submission = job(gateway, "ends.wav")
    with visiting(browser, f"http://{gateway.netloc}/") as page:
        page.add_init_script("const later = setTimeout; setTimeout = (work, ms) => ms < 10000 && later(work, ms);")
        page.reload()  # from here on nothing is repeated every ten seconds
        queue = page.locator("#strip div").filter(has_text="Queue")
        counts = gateway.get("/api/jobs?limit=1").json["counts"]
        files = counts.get("PENDING", 0) + counts.get("STARTED", 0)
        expect(queue).to_contain_text(f"{files} file")
        finish(gateway, submission)
        expect(queue).to_contain_text(f"{files - 1} file" if files > 1 else "empty")
