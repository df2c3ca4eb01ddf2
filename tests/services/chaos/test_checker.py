"""The checker on histories made by hand: a good one passes, and each kind of broken promise is found."""

import pytest

from tests.services.chaos.checker import Promises, check, figures
from tests.services.chaos.recorder import Accepted, Delivered, Entry, Inferred, JobState, Refused, Requested, Seen

PROMISES = Promises(expected=lambda content: f"words of {content}", within_s=10.0)
GOOD: list[Entry] = [
    Requested(1.0, "one", "a"),
    Accepted(1.0, "one", "a", "g1"),
    Seen(1.1, "one", "g2", 200, "PENDING"),
    JobState(1.2, "one", "a", "STARTED"),
    Seen(1.3, "one", "g1", 503),
    JobState(2.0, "one", "a", "SUCCESS"),
    Delivered(2.0, "one", "a", "words of a"),
    Seen(2.1, "one", "g1", 200, "SUCCESS", "words of a"),
    Seen(2.2, "one", "g2", 200, "STARTED"),  # the other gateway is a little behind
    Seen(2.3, "one", "g2", 200, "SUCCESS", "words of a"),
]


def without(kind: type[Entry]) -> list[Entry]:
    return [entry for entry in GOOD if not isinstance(entry, kind)]


def test_a_good_history_passes() -> None:
    assert check(GOOD, PROMISES) == []


BROKEN = {
    "a lost job": ([*without(JobState)], "never ended"),
    "an accepted job that is nowhere": (without(Requested), "not on requests"),
    "a job whose client got an error, and that is lost": ([*GOOD, Requested(3.0, "two", "b")], "never ended"),
    "two ends": ([*GOOD, JobState(3.0, "one", "a", "SUCCESS")], "2 terminal records"),
    "another end": ([*GOOD, JobState(3.0, "one", "a", "FAILURE")], "was SUCCESS and then FAILURE"),
    "a stale state after the end": ([*GOOD, JobState(3.0, "one", "a", "STARTED")], "was SUCCESS and then STARTED"),
    "a wrong end": (
        [Requested(1.0, "one", "a"), JobState(2.0, "one", "a", "FAILURE", "audio_gone")],
        "ended FAILURE (audio_gone)",
    ),
    "an end that comes late": (
        [Requested(1.0, "one", "a"), Accepted(1.0, "one", "a", "g1"), JobState(12.0, "one", "a", "SUCCESS")],
        "took 11.0 s",
    ),
    "an end that was never requested": ([*GOOD, JobState(3.0, "two", "b", "SUCCESS")], "never requested"),
    "a false 404": ([*GOOD, Seen(3.0, "one", "g2", 404)], "g2 did not know one"),
    "a state after the end from a gateway": ([*GOOD, Seen(3.0, "one", "g1", 200, "STARTED")], "the end of one, and then STARTED"),
    "gateways that disagree": ([*GOOD, Seen(3.0, "one", "g2", 200, "FAILURE")], "is SUCCESS and, at g2, FAILURE"),
    "a wrong text on the topic": ([*without(Delivered), Delivered(2.0, "one", "a", "words of b")], "has 'words of b'"),
    "a wrong text over HTTP": ([*GOOD, Seen(3.0, "one", "g2", 200, "SUCCESS", "words")], "has 'words'"),
    "a transcript twice": ([*GOOD, Delivered(3.0, "one", "a", "words of a")], "on transcripts 2 times"),
    "a SUCCESS without a transcript": (without(Delivered), "on transcripts 0 times"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found(name: str) -> None:
    history, sentence = BROKEN[name]
    violations = check(history, PROMISES)
    assert any(sentence in violation for violation in violations), violations


def test_the_figures_count_what_happened() -> None:
    inferences = [
        Inferred(1.5, "c1", 0.1),
        Inferred(1.6, "c1", 0.2),
        Inferred(1.7, "c2", 0.1),
        Inferred(1.8, "c2", 0.1),  # sent again
    ]
    more = [*inferences, Refused(1.8, "b", "g1", 503, 0.7)]
    counted = figures([*GOOD, *more])
    assert (counted.begun, counted.ended, counted.refused, counted.chunks, counted.repeated) == (1, 1, 1, 2, 1)
    assert (counted.slowest_s, counted.longest_refusal_s) == (1.0, 0.7)
