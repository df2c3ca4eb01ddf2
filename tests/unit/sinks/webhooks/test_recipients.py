"""What is known of a receiver: its circuit, its pace, and the pause that it has asked for."""

from sinks.webhooks.attempt import Answer
from sinks.webhooks.recipients import OPEN_MAX, OPEN_S, PLACES, QUEUE_MAX, TRIAL_QUEUE_MAX, TRIPS_AFTER, Pauses, Recipient

OK = Answer("delivered", "status 200", 200)
DOWN = Answer("failed", "status 500", 500)


def failing(times: int, now_s: float = 0.0) -> Recipient:
    recipient = Recipient()
    for _ in range(times):
        recipient.note(DOWN, 0.1, now_s)
    return recipient


def test_a_few_failures_in_a_row_open_the_circuit() -> None:
    assert not failing(TRIPS_AFTER - 1).is_tripped
    recipient = failing(TRIPS_AFTER)
    assert recipient.is_tripped
    assert recipient.open_s(0.0) == OPEN_S
    assert recipient.open_s(OPEN_S) == 0.0  # time for a probe


def test_each_failed_probe_keeps_it_open_for_twice_as_long_up_to_a_limit() -> None:
    assert failing(TRIPS_AFTER + 1).open_s(0.0) == 2 * OPEN_S
    assert failing(TRIPS_AFTER + 2).open_s(0.0) == 4 * OPEN_S
    assert failing(1000).open_s(0.0) == OPEN_MAX * OPEN_S


def test_one_success_closes_it() -> None:
    recipient = failing(1000)
    recipient.note(OK, 0.1, 1.0)
    assert not recipient.is_tripped
    assert recipient.open_s(1.0) == 0.0


def test_a_pause_that_it_asks_for_is_kept_until_it_takes_something() -> None:
    recipient = Recipient()
    recipient.note(Answer("failed", "status 429", 429, after_s=60.0), 0.1, 10.0)
    assert recipient.overload_s(20.0) == 50.0
    assert recipient.overload_s(70.0) == 0.0
    recipient.note(OK, 0.1, 30.0)
    assert recipient.overload_s(31.0) == 0.0


def test_a_pause_that_it_asks_for_has_a_limit() -> None:
    """One response with `Retry-After: 999999999` would else end all attempts for decades."""
    recipient = Recipient(Pauses(asked_max_s=100.0))
    recipient.note(Answer("failed", "status 429", 429, after_s=1e9), 0.1, 10.0)
    assert recipient.overload_s(10.0) == 100.0


def test_a_long_queue_matters_only_where_it_takes_long() -> None:
    fast = Recipient(in_flight=QUEUE_MAX + 1, average_s=0.02, is_proven=True)
    slow = Recipient(in_flight=QUEUE_MAX + 1, average_s=2.0, is_proven=True)
    assert fast.overload_s(0.0) == 0.0
    assert slow.overload_s(0.0) == (QUEUE_MAX + 1) * 2.0 / PLACES
    assert Recipient(in_flight=QUEUE_MAX, average_s=2.0, is_proven=True).overload_s(0.0) == 0.0


def test_what_hangs_counts_as_slow_before_its_time_is_over() -> None:
    hanging = Recipient(in_flight=QUEUE_MAX + 1, began_s=[0.0, 3.0], is_proven=True)
    assert hanging.overload_s(0.1) == 0.0
    assert hanging.overload_s(4.0) > 0.0


def test_a_receiver_without_a_success_keeps_only_a_few_waiting_while_it_hangs() -> None:
    assert Recipient(in_flight=TRIAL_QUEUE_MAX, began_s=[0.0]).overload_s(9.0) == 0.0
    assert Recipient(in_flight=TRIAL_QUEUE_MAX + 1, began_s=[0.0]).overload_s(9.0) > 0.0
    assert Recipient(in_flight=TRIAL_QUEUE_MAX + 1, began_s=[0.0], is_proven=True).overload_s(9.0) == 0.0


def test_only_the_last_attempt_proves_a_receiver() -> None:
    recipient = Recipient()
    proven = []
    for answer in (OK, DOWN, OK):
        recipient.note(answer, 0.1, 0.0)
        proven.append(recipient.is_proven)
    assert proven == [True, False, True]
