"""The judge of a fault run: a history in, sentences about broken promises out. Pure; an empty list is a pass."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from tests.services.chaos.recorder import (
    Accepted,
    Buried,
    Delivered,
    Fault,
    History,
    Inferred,
    JobState,
    Refused,
    Requested,
    Seen,
)

E = TypeVar("E")
TERMINAL = {"SUCCESS", "FAILURE", "REVOKED"}


@dataclass(frozen=True, slots=True)
class Promises:
    """`expected`: what the transcript of a content must be, word for word. `within_s`: the longest time from 202 to the end.
    `may_end`: the states that a job of that content may end in."""

    expected: Callable[[str], str]
    within_s: float
    may_end: Callable[[str], frozenset[str]] = lambda _content: frozenset({"SUCCESS"})


def check(history: History, promises: Promises) -> list[str]:
    """Every violation, each as a sentence."""
    return [
        *_ends(history, promises),
        *_nothing_after_the_end(history),
        *_gateways(history),
        *_texts(history, promises),
        *_deliveries(history),
    ]


def _ends(history: History, promises: Promises) -> Iterator[str]:
    """Every job that was accepted, or that is on `requests` without its client knowing, has exactly one end, in time."""
    ends: dict[str, list[JobState]] = defaultdict(list)
    for change in _of(history, JobState):
        if change.state in TERMINAL:
            ends[change.job_id].append(change)
    accepted = {entry.job_id: entry for entry in _of(history, Accepted)}
    requested = {entry.job_id: entry for entry in _of(history, Requested)}
    for job_id in sorted(accepted.keys() - requested.keys()):
        yield f"{job_id} was accepted and is not on requests"
    contents = _contents(history)
    for job_id, content in contents.items():
        found = ends.get(job_id, [])
        if not found:
            yield f"{job_id} ({content}) never ended"
            continue
        if len(found) > 1:
            yield f"{job_id} has {len(found)} terminal records: {[change.state for change in found]}"
        if found[0].state not in promises.may_end(content):
            yield f"{job_id} ({content}) ended {found[0].state} ({found[0].reason})"
        if job_id in accepted and found[0].at_s - accepted[job_id].at_s > promises.within_s:
            yield f"{job_id} took {found[0].at_s - accepted[job_id].at_s:.1f} s, not {promises.within_s:.0f}"
    for job_id in sorted(ends.keys() - contents.keys()):
        yield f"{job_id} ended and was never requested"


def _nothing_after_the_end(history: History) -> Iterator[str]:
    """On `jobs`, in its order: a stale STARTED after the end is as wrong as a second end."""
    ended: dict[str, str] = {}
    for change in _of(history, JobState):
        if change.job_id in ended:
            yield f"{change.job_id} was {ended[change.job_id]} and then {change.state}"
        elif change.state in TERMINAL:
            ended[change.job_id] = change.state


def _gateways(history: History) -> Iterator[str]:
    """An accepted job is never unknown; one gateway never reports a job as running after its end; two never report different
    ends."""
    ended: dict[str, str] = {}
    ended_at: set[tuple[str, str]] = set()
    for seen in _of(history, Seen):
        if seen.status == 404:
            yield f"{seen.gateway} did not know {seen.job_id} at {seen.at_s:.2f} s"
        if seen.state is None:
            continue
        if seen.state in TERMINAL:
            first = ended.setdefault(seen.job_id, seen.state)
            if seen.state != first:
                yield f"{seen.job_id} is {first} and, at {seen.gateway}, {seen.state}"
            ended_at.add((seen.gateway, seen.job_id))
        elif (seen.gateway, seen.job_id) in ended_at:
            yield f"{seen.gateway} reported the end of {seen.job_id}, and then {seen.state}"


def _texts(history: History, promises: Promises) -> Iterator[str]:
    contents = _contents(history)
    texts = [(entry.job_id, entry.text) for entry in _of(history, Delivered)]
    texts += [(entry.job_id, entry.text) for entry in _of(history, Seen) if entry.text is not None]
    for job_id, text in dict.fromkeys(texts):
        content = contents.get(job_id)
        if content is not None and text != promises.expected(content):
            yield f"{job_id} ({content}) has {text!r}, not {promises.expected(content)!r}"


def _deliveries(history: History) -> Iterator[str]:
    """One record on `transcripts` for each SUCCESS, and none else."""
    succeeded = {change.job_id for change in _of(history, JobState) if change.state == "SUCCESS"}
    delivered = Counter(entry.job_id for entry in _of(history, Delivered))
    for job_id in sorted(succeeded | delivered.keys()):
        if delivered[job_id] != (job_id in succeeded):
            yield f"{job_id} is on transcripts {delivered[job_id]} times, and {'a' if job_id in succeeded else 'no'} SUCCESS"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run counted. `begun`: jobs that were accepted or requested. `repeated`: inferences beyond the first of a chunk;
    `most_inferences`: how many one chunk had. `slowest_s`: from the acceptance of a job."""

    begun: int
    ended: int
    refused: int
    longest_refusal_s: float
    questions: int
    chunks: int
    repeated: int
    most_inferences: int
    slowest_s: float
    longest_silence_s: float
    dead_letters: int
    faults: int


def figures(history: History) -> Figures:
    accepted = {entry.job_id: entry.at_s for entry in reversed(_of(history, Requested))}
    accepted |= {entry.job_id: entry.at_s for entry in _of(history, Accepted)}
    ends = {change.job_id: change.at_s for change in reversed(_of(history, JobState)) if change.state in TERMINAL}
    inferences = {(entry.chunk, entry.inference_s) for entry in _of(history, Inferred)}
    per_chunk = Counter(chunk for chunk, _ in inferences)
    refused = _of(history, Refused)
    times = sorted(ends[job_id] for job_id in accepted if job_id in ends)
    return Figures(
        begun=len(accepted),
        ended=len(times),
        refused=len(refused),
        longest_refusal_s=max((entry.took_s for entry in refused), default=0.0),
        questions=len(_of(history, Seen)),
        chunks=len(per_chunk),
        repeated=len(inferences) - len(per_chunk),
        most_inferences=max(per_chunk.values(), default=0),
        slowest_s=max((ends[job_id] - at_s for job_id, at_s in accepted.items() if job_id in ends), default=0.0),
        longest_silence_s=max((b - a for a, b in pairwise(times)), default=0.0),
        dead_letters=len(_of(history, Buried)),
        faults=len(_of(history, Fault)),
    )


def slowest_among(history: History, since_s: float, until_s: float) -> float:
    """The longest way from 202 to the end of the jobs accepted in that time."""
    ends = {change.job_id: change.at_s for change in reversed(_of(history, JobState)) if change.state in TERMINAL}
    jobs = [entry for entry in _of(history, Accepted) if since_s <= entry.at_s <= until_s]
    return max((ends[job.job_id] - job.at_s for job in jobs), default=0.0)


def _contents(history: History) -> dict[str, str]:
    """Of every job that was accepted or requested."""
    return {entry.job_id: entry.content for entry in history if isinstance(entry, Accepted | Requested)}


def _of(history: History, kind: type[E]) -> list[E]:
    return [entry for entry in history if isinstance(entry, kind)]
