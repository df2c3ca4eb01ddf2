"""The strip with the state of the system: figures of the API, and nothing that it does not report."""

import re
from datetime import UTC, datetime

from playwright.sync_api import Browser, expect

from runtime.models import catalogue
from schemas.topics import DEAD_LETTERS, WORKERS
from schemas.worker import WorkerModel, WorkerReported
from tests.browsing import visiting
from tests.contract.brokers import write
from tests.contract.gateway.page.speech import finished, job
from tests.contract.gateway.running_gateway import RunningGateway
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
