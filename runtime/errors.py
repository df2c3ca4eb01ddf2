"""The few words that failure has, the same in every stage. What each does to the job: docs/delivery.md.

MurmurError
├── Retry            not now: the store or the broker is away; whoever asked waits and asks again
│   └── BrokerAway   the broker does not answer, or cannot be reached; so is Unacknowledged (async_producer.py)
├── Invalid          this input can never work: a typed, terminal FAILURE that the submitter sees
├── UsageError       the person at the keyboard can fix it; the message says how (exit code 2)
└── KafkaFault       the stage cannot go on with its clients: it stops without committing, and its supervisor starts it again

schemas.codec.Undecodable   not understood: a dead letter
anything else               a bug: the stage stops without committing, and its supervisor starts it again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every command imports this module, and `--help` must stay quick
    from schemas.record import Failure


class MurmurError(Exception):
    """The base of all errors that murmur raises on purpose."""


class Retry(MurmurError):
    """Not now. Nothing is settled; the same record is offered again after `after_s`."""

    def __init__(self, message: str, after_s: float = 1.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class BrokerAway(Retry):
    """The broker does not answer, or cannot be reached. The message says what to check, if that is known."""


class KafkaFault(MurmurError):
    """The broker has refused something for good, or a record was not delivered. What was not committed is read again."""


class Invalid(MurmurError):
    """This input can never work. `reason` is a stable word, the message is for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def failure(self) -> Failure:
        """As it travels to the coordinator and the submitter."""
        from schemas.record import Failure

        return Failure(reason=self.reason, message=str(self))


class UsageError(MurmurError):
    """Wrong use or set-up. The message says what to do; shown without a traceback."""
