"""Files dropped into the bucket: some events are lost, some files are deleted or overwritten before they are read."""

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING

from runtime.objects.names import result_keys
from schemas.jobs import Job
from tests.services.chaos import clips
from tests.services.chaos.bench import RECONCILED_S, Bench, Row
from tests.services.chaos.nemesis import Nemesis, given, kills
from tests.services.chaos.recorder import History, Requested
from tests.services.chaos.trial import Trial, trial
from tests.services.running import plain_s3
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILES, LOST_EVERY = 60, 5
EACH = 5
KILLS = 12
UPLOADS = "uploads"


def lost_events(bench: Bench) -> Row:
    """Of every fifth file no event ever speaks."""
    s3 = plain_s3(given(bench.store).settings())
    announced = s3.get_bucket_notification_configuration(Bucket=UPLOADS)["QueueConfigurations"]
    silent: dict[str, float] = {}
    with trial(bench.cluster, bench.seed, bench.folder / "lost.jsonl") as run:
        for place, number in enumerate(bench.numbers(FILES)):
            name, lost = clips.name(number), place % LOST_EVERY == 0
            if lost:
                s3.put_bucket_notification_configuration(Bucket=UPLOADS, NotificationConfiguration={})
                silent[name] = run.recorder.now_s()
            _put(s3, run, name, name)
            if lost:
                kept = {"QueueConfigurations": announced}
                s3.put_bucket_notification_configuration(Bucket=UPLOADS, NotificationConfiguration=kept)  # type: ignore[arg-type]
        verdict = run.verdict()
        requested = _requested(run.recorder.entries)
    found_s = max(requested[name][0] - put_s for name, put_s in silent.items())
    late = (f"a job was requested {found_s:.1f} s after its file came",) if found_s > 2 * RECONCILED_S else ()
    remark = f"{len(silent)} of {FILES} events lost; their jobs at most {found_s:.1f} s after the file, looked for every "
    return Row("every fifth event of the bucket lost", verdict, f"{remark}{RECONCILED_S:.0f} s", (*late, *_doubled(requested)))


def killed_around_the_bucket(bench: Bench) -> Row:
    """12 times kill -9 of what only drops need: intake, reconciler and store. Each file has its job and all its results."""
    store = given(bench.store)
    s3 = plain_s3(store.settings())
    members = [name for name, member in bench.cluster.members.items() if member.stage in ("intake", "reconciler", "store")]
    names = [clips.name(number) for number in bench.numbers(FILES)]
    with trial(bench.cluster, bench.seed, bench.folder / "bucket-kills.jsonl") as run:
        nemesis = Nemesis(bench.cluster, run.recorder)
        for name, kill in zip_longest(names, kills(bench.seed, members, KILLS, span_s=0.0)):
            _put(s3, run, name, name)
            if kill is not None:
                nemesis.run([kill])
        verdict = run.verdict()
        requested = _requested(run.recorder.entries)
        wanted = {file for name in names for file in result_keys(name)}

        def missing() -> set[str]:
            found = s3.get_paginator("list_objects_v2").paginate(Bucket=store.settings().results_bucket)
            return wanted - {item["Key"] for page in found for item in page.get("Contents", [])}

        wait_until(lambda: not missing(), "all result files")
    f = verdict.figures
    remark = (
        f"{FILES} files, {len(wanted)} result files, none missing; longest pause between two ends {f.longest_silence_s:.1f} s"
    )
    return Row(f"{KILLS} × kill -9 of intake, reconciler and store sink", verdict, remark, tuple(_doubled(requested)))


def changing_files(bench: Bench) -> Row:
    """Deleted or overwritten: before intake has looked, and between its request and the decoding."""
    s3 = plain_s3(given(bench.store).settings())
    contents: dict[str, str] = {}

    def content(job: Job) -> str:
        return contents[(job.dropped.etag or "").strip('"')] if job.dropped else job.filename

    with trial(bench.cluster, bench.seed, bench.folder / "changing.jsonl", content=content) as run:
        nemesis, members = Nemesis(bench.cluster, run.recorder), bench.cluster.members
        versions = [clips.name(number) for number in bench.numbers(6 * EACH)]
        contents |= {hashlib.md5(clips.audio(name), usedforsecurity=False).hexdigest(): name for name in versions}
        groups = [versions[start : start + EACH] for start in range(0, len(versions), EACH)]
        deleted_early, first_early, second_early, deleted_late, first_late, second_late = groups
        with nemesis.frozen(members["intake-1"], members["intake-2"]):
            for name, first, second in zip(deleted_early, first_early, second_early, strict=True):
                for key, version in ((name, name), (f"early {first}", first), (f"early {first}", second)):
                    _put(s3, run, key, version, jobs=version == second)
                s3.delete_object(Bucket=UPLOADS, Key=name)
        run.wait_ended()
        with nemesis.frozen(members["slicer-1"]):
            for name, first in zip(deleted_late, first_late, strict=True):
                _put(s3, run, name, name)
                _put(s3, run, f"late {first}", first)
            wait_until(lambda: {*deleted_late, *first_late} <= _requested(run.recorder.entries).keys(), "their requests", 8)
            for name, first, second in zip(deleted_late, first_late, second_late, strict=True):
                s3.delete_object(Bucket=UPLOADS, Key=name)
                _put(s3, run, f"late {first}", second)
        run.may_end = {name: frozenset({"FAILURE"}) for name in (*deleted_late, *first_late)}
        verdict = run.verdict()
        requested = _requested(run.recorder.entries)
    ghosts = [f"{name} was gone and has a job" for name in (*deleted_early, *first_early) if name in requested]
    remark = f"{EACH} of each; what was gone before intake looked has no job; after that a FAILURE; what came instead a SUCCESS"
    return Row("files deleted or overwritten before their turn", verdict, remark, (*ghosts, *_doubled(requested)))


def _put(s3: "S3Client", run: Trial, key: str, version: str, *, jobs: bool = True) -> None:
    """`jobs`: whether there must be one of it."""
    s3.put_object(Bucket=UPLOADS, Key=key, Body=clips.audio(version))
    run.dropped += jobs


def _requested(history: History) -> dict[str, list[float]]:
    """When each content was requested, by each of its jobs."""
    found: dict[str, dict[str, float]] = {}
    for entry in history:
        if isinstance(entry, Requested):
            found.setdefault(entry.content, {}).setdefault(entry.job_id, entry.at_s)
    return {content: list(jobs.values()) for content, jobs in found.items()}


def _doubled(requested: dict[str, list[float]]) -> list[str]:
    return [f"{content} has {len(times)} jobs" for content, times in requested.items() if len(times) > 1]
