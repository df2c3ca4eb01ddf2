"""A hundred jobs, each cancelled at a random moment: one end for each of them, and nothing is left behind."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from murmur.dev import Dev
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import JOBS, TRANSCRIPTS
from schemas.transcript import TranscriptCompleted
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.reading import events
from tests.scraped import Scrape
from tests.waiting import wait_until

JOBS_COUNT = 100
IN_PARALLEL = 8
LOOKS_MAX = 40  # at the status, before the cancellation: some jobs have ended by then
CLIPS = ("en-command.wav", "en-parallel.flac", "en-two-minutes.flac")  # one chunk, two, fourteen
IN_HAND = ("murmur_records_in_flight", "murmur_replicas_busy", "murmur_files_waiting")


def cancel_at_random(client: Client, number: int) -> tuple[str, int, str]:
    """Its id, the answer to the cancellation, and how it ended."""
    rng = random.Random(number)
    task = client.submit(BY_NAME[rng.choice(CLIPS)].path, prompt=f"cancelled {number}")
    for _ in range(rng.randrange(LOOKS_MAX)):
        client.status(task)
    answer = client.cancel(task).status
    return task, answer, client.ended(task)["state"]


@pytest.fixture(scope="module")
def cancelled(system: Dev) -> dict[str, tuple[int, str]]:
    """By task: the answer to its cancellation, and how it ended."""
    assert system.address is not None
    client = Client(system.address)
    with ThreadPoolExecutor(IN_PARALLEL) as pool:
        ends = pool.map(lambda number: cancel_at_random(client, number), range(JOBS_COUNT))
        return {task: (answer, state) for task, answer, state in ends}


def test_every_job_ends_once_and_as_its_status_says(system: Dev, cancelled: dict[str, tuple[int, str]]) -> None:
    ends = events(system, JOBS, JobChanged, lambda job: str(job.job.job_id) in cancelled and job.state in TERMINAL)
    assert Counter(str(job.job.job_id) for job in ends) == dict.fromkeys(cancelled, 1)
    assert {str(job.job.job_id): job.state for job in ends} == {task: state for task, (_, state) in cancelled.items()}
    assert {state for _, state in cancelled.values()} <= {"REVOKED", "SUCCESS"}


def test_a_job_that_could_no_longer_be_cancelled_has_succeeded(cancelled: dict[str, tuple[int, str]]) -> None:
    """The opposite is no contradiction: a job may succeed before its cancellation arrives."""
    assert {answer for answer, _ in cancelled.values()} <= {202, 409}
    assert {state for answer, state in cancelled.values() if answer == 409} <= {"SUCCESS"}


def test_only_jobs_that_succeeded_have_a_transcript(system: Dev, cancelled: dict[str, tuple[int, str]]) -> None:
    done = events(system, TRANSCRIPTS, TranscriptCompleted, lambda one: str(one.job.job_id) in cancelled)
    assert Counter(str(one.job.job_id) for one in done) == dict.fromkeys(
        [task for task, (_, state) in cancelled.items() if state == "SUCCESS"], 1
    )


def test_nothing_is_left_in_hand_and_the_next_job_is_transcribed(client: Client, cancelled: dict[str, tuple[int, str]]) -> None:
    def in_hand() -> float:
        scrape = Scrape(client.request("GET", "/metrics").body.decode())
        return sum(scrape.total(name) for name in IN_HAND)

    wait_until(lambda: in_hand() == 0, "an idle system")
    after = client.ended(client.submit(BY_NAME["en-command.wav"].path, prompt="after the cancellations"))
    assert after["state"] == "SUCCESS"
