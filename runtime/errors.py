"""The few words that failure has, the same in every stage. What each does to the job: docs/delivery.md.

MurmurError
├── Retry                   not now: store or broker is unavailable; the caller waits and tries again
│   ├── StoreUnavailable    (runtime/objects/store.py)
│   │   └── StoreFull       it has no space left
│   ├── ViewUnavailable     (producers/gateway/view/database.py)
│   ├── BrokerUnavailable   the broker cannot be reached or does not answer
│   └── Unacknowledged      the broker may have the record or not (runtime/kafka/async_producer.py)
├── Invalid                 this input can never be processed: a typed, terminal FAILURE that the submitter sees
├── UsageError              wrong configuration; the message says how to fix it (exit code 2)
├── DeviceLost              the GPU cannot be used by this process any more: only a new process helps
└── KafkaFault              what was begun with Kafka cannot be completed: the stage stops without committing, and is restarted
    ├── ClientHung          a client that must not be used or closed any more (runtime/kafka/timeouts.py)
    └── FaustFault          Faust no longer works (sinks/metrics/watchdog.py)

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
    """Not now. Nothing is settled; the same record is passed to the handler again after `after_s`."""

    def __init__(self, message: str, after_s: float = 1.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class BrokerUnavailable(Retry):
    """The broker cannot be reached or does not answer. The message says what to check, if that is known."""


class KafkaFault(MurmurError):
    """The outcome of what was begun with Kafka is a failure, or unknown. Never retried in place: after its restart the stage
    continues from the committed offsets."""


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


class DeviceLost(MurmurError):
    """The GPU cannot be used by this process any more. `murmur run` starts the stage again in a new process, and a chunk that
    does this three times fails (`crashes_engine`); `murmur dev` starts itself again."""


class UsageError(MurmurError):
    """Wrong use or set-up. The message says what to do; shown without a traceback."""
