"""How smooth the web page stays with 5,000 jobs and a transcript of three hours: `python -m benchmarks.page`.

In headless Chromium, with made-up answers of a gateway: the page alone is measured. For a few actions it prints their time, the
tasks of the main thread that took longer than 50 ms (what a reader notices), and the elements of the document. Needs Chromium.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, Route, sync_playwright

from scripts.browser import ADVICE, chromium

FOLDER = Path(__file__).parents[1] / "producers" / "gateway" / "page"
ADDRESS = "http://page.localhost"
JOBS = 5000
SEGMENTS = 3600  # of three hours: a segment of three seconds
VOCABULARY = ("turn", "the", "lamp", "on", "and", "then", "off", "again", "please", "meeting", "number")
SUBMITTED = datetime(2026, 1, 2, 12, tzinfo=UTC)


def job_row(number: int) -> dict[str, Any]:
    """The row of `/api/jobs`; number 0 is the newest job."""
    at = (SUBMITTED - timedelta(seconds=number)).isoformat()
    return {
        "task_id": f"00000000-0000-4000-8000-{number:012}",
        "filename": f"recording {number:05}.wav",
        "given_name": None,
        "source": "http",
        "state": "STARTED" if number == 1 else "FAILURE" if number % 50 == 49 else "SUCCESS",
        "message": "transcribed",
        "share": 0.4 if number == 1 else 1.0,
        "submitted_at": at,
        "started_at": at,
        "ended_at": None if number == 1 else at,
        "changed_at": at,
        "retry_of": None,
        "cached": False,
        "model": "base",
        "language": "en",
        "duration": 61.0 + number,
        "warnings": [],
    }


def job_list(url: str, count: int = JOBS) -> dict[str, Any]:
    """The answer of `/api/jobs` to the request for `url`, with a cursor that is a number."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    first, limit = int(query.get("cursor", 0)), int(query.get("limit", 50))
    after = first + limit
    rows = [job_row(number) for number in range(first, min(after, count))]
    return {"jobs": rows, "next_cursor": str(after) if after < count else None, "counts": {"SUCCESS": count - 1, "STARTED": 1}}


def long_status(segments: int = SEGMENTS) -> dict[str, Any]:
    """The status of a job whose transcript has words."""
    row = job_row(0)
    spoken = [_segment(number) for number in range(segments)]
    result = {
        "success": True,
        "transcription": {"text": "", "segments": spoken, "language": "en", "duration": segments * 3.0},
        "model": {"name": "base", "revision": "0"},
        "processing_time": 900.0,
        "removed": [],
        "warnings": [],
        "audio_info": {"container": "wav", "codec": "pcm_s16le", "track": 0, "tracks": []},
        "cached": False,
    }
    return {
        **{name: row[name] for name in ("task_id", "filename", "state", "message", "submitted_at", "started_at", "ended_at")},
        "model": {"name": "base", "revision": "0"},
        "warnings": [],
        "estimate": None,
        "progress": {"share": 1.0, "segments": []},
        "result": result,
    }


def _segment(number: int) -> dict[str, Any]:
    """Of 3 to 26 words: one to three lines on a screen."""
    start = number * 3.0
    texts = [VOCABULARY[(number + at * at) % len(VOCABULARY)] for at in range(3 + number * 7 % 24)]
    step = 2.8 / len(texts)
    words = [
        {"start": round(start + at * step, 2), "end": round(start + (at + 1) * step, 2), "word": " " + text, "probability": 0.9}
        for at, text in enumerate(texts)
    ]
    return {"start": start, "end": start + 2.8, "text": " ".join(texts), "avg_logprob": -0.2, "words": words}


def _answer(route: Route) -> None:
    """What a gateway would."""
    path = urlsplit(route.request.url).path
    if path == "/":
        route.fulfill(path=FOLDER / "index.html")
    elif path.startswith("/page/"):
        route.fulfill(path=FOLDER / path.removeprefix("/page/"))
    elif path == "/api/jobs":
        route.fulfill(json=job_list(route.request.url))
    elif "/status/" in path:
        route.fulfill(json=long_status())
    else:
        route.fulfill(status=404, json={"detail": "not in this benchmark"})


def _measured(page: Page, name: str, action: Callable[[], object]) -> tuple[str, ...]:
    page.evaluate("long.length = 0")
    began_s = time.perf_counter()
    action()
    took_s = time.perf_counter() - began_s
    long_ms = page.evaluate("new Promise(done => setTimeout(() => done(long), 100))")
    elements = page.evaluate("document.querySelectorAll('*').length")
    return name, f"{took_s * 1000:.0f} ms", ", ".join(f"{ms:.0f} ms" for ms in long_ms) or "none", str(elements)


def _scrolled(page: Page, selector: str, steps: int = 200, *, from_start: bool = False) -> None:
    """To the end in so many frames."""
    page.evaluate(
        """async ([selector, steps, fromStart]) => {
            const box = document.querySelector(selector).parentElement, frame = () => new Promise(requestAnimationFrame);
            if (fromStart) box.scrollTop = 0;
            for (let step = 1; step <= steps; step++) { box.scrollTop = box.scrollHeight * step / steps; await frame(); }
            await frame();
        }""",
        [selector, steps, from_start],
    )


def _all_jobs(page: Page) -> None:
    while not page.get_by_text(f"recording {JOBS - 1:05}.wav").is_visible():
        _scrolled(page, "#jobs", 20)


def _rows(page: Page) -> list[tuple[str, ...]]:
    text = page.get_by_role("group", name="Transcript", exact=True)
    query = page.get_by_role("searchbox", name="Search in the transcript")
    return [
        _measured(page, f"scroll through {JOBS:,} jobs, loading them", lambda: _all_jobs(page)),
        _measured(page, f"scroll through {JOBS:,} jobs again", lambda: _scrolled(page, "#jobs", from_start=True)),
        _measured(page, "open a transcript of three hours", lambda: _open(page)),
        _measured(page, "scroll through it", lambda: _scrolled(page, "#text")),
        _measured(page, "to its end and back", lambda: _pressed(text, "End", "Home")),
        _measured(page, "50 steps by lines", lambda: _pressed(text, *["ArrowDown"] * 50)),
        _measured(page, "search for a word in every line", lambda: query.press_sequentially("lamp")),
    ]


def _open(page: Page) -> None:
    page.evaluate("task => { location.hash = task; }", job_row(0)["task_id"])
    page.get_by_role("group", name="Transcript", exact=True).wait_for()


def _pressed(place: Locator, *keys: str) -> None:
    for key in keys:
        place.press(key)


def main() -> None:
    path = chromium()
    if path is None:
        raise SystemExit(f"no browser: {ADVICE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.add_init_script(
            "window.long = []; new PerformanceObserver(list => long.push(...list.getEntries().map(entry => entry.duration)))"
            ".observe({ type: 'longtask' });"
        )
        page.route("**/*", _answer)
        page.goto(ADDRESS)
        page.get_by_text("recording 00000.wav").wait_for()
        print("| action | time | tasks over 50 ms | elements |\n|---|---|---|---|")
        for row in _rows(page):
            print(f"| {' | '.join(row)} |")
        browser.close()


if __name__ == "__main__":
    main()
