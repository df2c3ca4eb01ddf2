"""What a gateway's view answers with many jobs and cache entries: CPU time of each question, of filling it, and memory.

`python -m benchmarks.view [JOBS ENTRIES]`; 200,000 and 1,000,000 unless given. No broker. CPU time: other work hardly changes it.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import uuid4

from benchmarks.figures import conditions
from producers.gateway.view.job_filter import JobFilter
from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from runtime.objects import keys
from schemas import codec
from schemas.cache import CacheEntry
from schemas.jobs import Job, JobChanged, JobRequested, ResultSummary, Work
from schemas.options import ModelRef
from schemas.record import ObjectRef
from schemas.topics import CACHE_CHANGELOG, JOBS, REQUESTS

DAYS = 7
OWNERS = 100
TOGETHER = 500  # records in one transaction
RUNS = 5
MODEL = ModelRef(name="demo", revision="1")
NOW = datetime.now(UTC)


def main() -> None:
    jobs, entries = [int(word) for word in sys.argv[1:]] or [200_000, 1_000_000]
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, closing(View(Path(folder) / "view.sqlite3", notes_s=30 * 86_400)) as view:
        view.open()
        view.follow("cluster")
        job_us = 1e6 * fill(view, job_records(jobs)) / jobs
        entry_us = 1e6 * fill(view, cache_records(entries)) / entries
        size_mib = sum(each.stat().st_size for each in Path(folder).iterdir()) >> 20
        print(f"{jobs:,} jobs, {entries:,} entries, {size_mib:,} MiB: {job_us:.1f} µs a job, {entry_us:.1f} µs an entry")
        for what, ask in questions(view):
            took_ms = sorted(_cpu_s(ask) * 1000 for _ in range(RUNS))
            print(f"  {what}: {took_ms[RUNS // 2]:.3f} ms (most {took_ms[-1]:.3f})")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def questions(view: View) -> Iterator[tuple[str, Callable[[], object]]]:
    """As the gateway's handlers ask them."""
    absent = keys.upload_key(uuid4())
    week = NOW - timedelta(days=DAYS - 1)
    yield "size of the cache, all of it", lambda: view.cache.size(None)
    yield "size of the cache, of six days", lambda: view.cache.size(week)
    yield "hits and misses", lambda: view.jobs.cache_uses()
    yield "hits and misses of an owner", lambda: view.jobs.cache_uses("owner-7")
    yield "jobs by state", view.jobs.counts
    yield "jobs by state of an owner", lambda: view.jobs.counts("owner-7")
    yield "unfinished jobs of an owner", lambda: view.jobs.unfinished_of("owner-7")
    yield "the oldest job", view.jobs.oldest_submitted_at
    yield "whether a job has an upload", lambda: view.jobs.has_audio(absent, uuid4())
    yield "the newest 100 jobs", lambda: view.jobs.newest(100)
    yield "the newest 100 jobs of an owner", lambda: view.jobs.newest(100, JobFilter(owner="owner-7"))
    yield "running jobs, of which there are none", lambda: view.jobs.newest(500, JobFilter(states=("STARTED",)))
    yield "jobs with a text in their names, of which there are none", lambda: view.jobs.newest(100, JobFilter(text="nowhere"))
    yield "notes to remove, of which there are none", lambda: view.purge(NOW)
    yield "the end of the topics is reached, as at a start", view.settled


def job_records(count: int) -> Iterator[Received]:
    for number in range(count):
        at, name, owner = _at(number / count), f"recording-{number}.wav", f"owner-{number % OWNERS}"
        job = Job(job_id=uuid4(), source="http", filename=name, owner=owner, submitted_at=at)
        audio = ObjectRef(bucket="work", key=keys.upload_key(job.job_id), etag="0" * 32, size_bytes=16_000)
        work = Work(work_id=os.urandom(32).hex(), audio_id="a" * 64, slice_id="b" * 64, audio=audio, model=MODEL)
        requested = JobRequested(job=job, work=work)
        yield Received(Partition(REQUESTS.name, 0), number, None, codec.encode(requested), requested)
        result = ResultSummary(transcript=audio, language="en", duration_s=2, speech_s=1)
        facts = {"job": job, "work_id": work.work_id, "audio_id": "a" * 64, "model": MODEL, "result": result}
        ended = JobChanged.model_validate({**facts, "state": "SUCCESS", "changed_at": at + timedelta(seconds=1)})
        yield Received(Partition(JOBS.name, 0), number, None, codec.encode(ended), ended)


def cache_records(count: int) -> Iterator[Received]:
    for number in range(count):
        at = _at(number / count)
        entry = CacheEntry(at, 5000, 12.34, "en", at, 3)
        yield Received(Partition(CACHE_CHANGELOG.name, 0), number, os.urandom(32).hex().encode(), entry.written("x.json"), None)


def _at(share: float) -> datetime:
    return NOW - timedelta(days=DAYS) * (1 - share)


def fill(view: View, records: Iterator[Received]) -> float:
    """The CPU time in the view alone."""
    spent_s, next_offset = 0.0, 0
    while together := list(islice(records, TOGETHER)):
        next_offset += len(together)
        ends = {each.partition: next_offset for each in together}
        spent_s += _cpu_s(partial(view.apply, together, ends))
    return spent_s


def _cpu_s(call: Callable[[], object]) -> float:
    began_s = time.process_time()
    call()
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
