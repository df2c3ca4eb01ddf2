"""What is known of a receiver: its circuit and that of its host, and the pause that it has asked for."""

import pytest

from sinks.webhooks.attempt import Answer
from sinks.webhooks.circuit import OPEN_S, TRIPS_AFTER, Pauses
from sinks.webhooks.recipients import UNPROVEN, Host, Recipient

OK = Answer("delivered", "status 200", 200)
DOWN = Answer("failed", "status 500", 500)
BUSY = Answer("failed", "status 429", 429)
ABSENT = Answer("refused", "status 404", 404)
UNREACHABLE = Answer("unreachable", "ConnectionRefusedError")
TIMED_OUT = Answer("timed_out", "no response")


def later(after_s: float) -> Answer:
    return Answer("failed", "status 429", 429, after_s=after_s)


def failing(answer: Answer, urls: int, times: int = 1) -> Host:
    """After so many failures at each of its URLs, at 0 s."""
    host = Host()
    for number in range(urls):
        for _ in range(times):
            host.note(f"https://receiver.example/{number}", answer, 0.0)
    return host


@pytest.mark.parametrize("answer", [DOWN, ABSENT, UNREACHABLE, TIMED_OUT, BUSY])
def test_whatever_is_no_success_opens_the_circuit_of_a_url(answer: Answer) -> None:
    recipient = Recipient()
    for _ in range(TRIPS_AFTER):
        recipient.note(answer, 0.1, 0.0)
    assert recipient.circuit.open_s(0.0) == OPEN_S
    recipient.note(OK, 0.1, 1.0)
    assert recipient.circuit.open_s(1.0) == 0.0


@pytest.mark.parametrize("answer", [UNREACHABLE, TIMED_OUT, *(Answer("failed", "", status) for status in (429, 502, 503, 504))])
def test_several_urls_without_an_answer_open_the_circuit_of_their_host(answer: Answer) -> None:
    assert not failing(answer, TRIPS_AFTER - 1).circuit.is_tripped
    assert failing(answer, TRIPS_AFTER).circuit.open_s(0.0) == OPEN_S


def test_one_url_that_hangs_says_nothing_about_others_at_its_host() -> None:
    assert not failing(TIMED_OUT, 1, times=100).circuit.is_tripped


@pytest.mark.parametrize("answer", [DOWN, ABSENT, Answer("gone", "", 410), Answer("redirected", "", 302), OK])
def test_a_host_that_answers_is_not_down(answer: Answer) -> None:
    assert not failing(answer, 100).circuit.is_tripped
    host = failing(UNREACHABLE, TRIPS_AFTER)
    host.note("https://receiver.example/another", answer, OPEN_S)
    assert not host.circuit.is_tripped


def test_an_address_that_is_forbidden_says_nothing_about_its_host() -> None:
    host = failing(UNREACHABLE, TRIPS_AFTER)
    host.note("https://receiver.example/another", Answer("forbidden_address", ""), OPEN_S)
    assert host.circuit.is_tripped


def test_a_probe_that_fails_keeps_the_circuit_of_a_host_open_whichever_url_it_is() -> None:
    host = failing(UNREACHABLE, TRIPS_AFTER)
    host.note("https://receiver.example/0", UNREACHABLE, OPEN_S)
    assert host.circuit.open_s(OPEN_S) == 2 * OPEN_S


def test_a_pause_that_a_receiver_asks_for_is_kept_until_it_takes_something() -> None:
    recipient = Recipient()
    recipient.note(later(60.0), 0.1, 10.0)
    assert recipient.paused_s(20.0) == 50.0
    assert recipient.paused_s(70.0) == 0.0
    recipient.note(OK, 0.1, 30.0)
    assert recipient.paused_s(31.0) == 0.0


def test_a_pause_that_a_receiver_asks_for_has_a_limit() -> None:
    """One response with `Retry-After: 999999999` would else end all attempts for decades."""
    recipient = Recipient(Pauses(asked_max_s=100.0))
    recipient.note(later(1e9), 0.1, 10.0)
    assert recipient.paused_s(10.0) == 100.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_has_a_pause_that_it_did_not_ask_for_each_time_a_longer_one(status: int) -> None:
    recipient, answer = Recipient(), Answer("failed", "", status)
    recipient.note(answer, 0.1, 0.0)
    recipient.note(answer, 0.1, 0.1)  # sent at the same time
    assert recipient.paused_s(0.1) == OPEN_S
    recipient.note(answer, 0.1, 10.0)
    assert recipient.paused_s(10.0) == 2 * OPEN_S


@pytest.mark.parametrize("answer", [DOWN, ABSENT, UNREACHABLE])
def test_another_failure_asks_for_no_pause(answer: Answer) -> None:
    recipient = Recipient()
    recipient.note(answer, 0.1, 0.0)
    assert recipient.paused_s(0.0) == 0.0


def test_a_receiver_without_a_success_keeps_only_a_few_waiting_while_it_hangs() -> None:
    recipient = Recipient()
    recipient.backlog.began_s += [0.0] * UNPROVEN.places
    recipient.backlog.in_flight = UNPROVEN.count_max
    assert recipient.backlog.wait_s(recipient.limits, 9.0) == 0.0
    recipient.backlog.in_flight += 1
    assert recipient.backlog.wait_s(recipient.limits, 9.0) > 0.0
    recipient.is_proven = True
    assert recipient.backlog.wait_s(recipient.limits, 9.0) == 0.0


def test_only_the_last_attempt_proves_a_receiver() -> None:
    recipient = Recipient()
    proven = []
    for answer in (OK, DOWN, OK):
        recipient.note(answer, 0.1, 0.0)
        proven.append(recipient.is_proven)
    assert proven == [True, False, True]
