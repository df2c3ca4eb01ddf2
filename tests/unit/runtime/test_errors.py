"""The tree of errors as its module draws it: what is waited for, and what ends a stage, are never the same."""

import re

import pytest

from producers.gateway.view.database import ViewUnavailable
from runtime import errors
from runtime.errors import BrokerUnavailable, DeviceLost, Invalid, KafkaFault, MurmurError, Retry, UsageError
from runtime.kafka.async_producer import Unacknowledged
from runtime.kafka.timeouts import ClientHung
from runtime.objects.store import StoreUnavailable
from sinks.metrics.watchdog import FaustFault

PARENTS: dict[type[MurmurError], type[MurmurError]] = {
    Retry: MurmurError,
    StoreUnavailable: Retry,
    ViewUnavailable: Retry,
    BrokerUnavailable: Retry,
    Unacknowledged: Retry,
    Invalid: MurmurError,
    UsageError: MurmurError,
    DeviceLost: MurmurError,
    KafkaFault: MurmurError,
    ClientHung: KafkaFault,
    FaustFault: KafkaFault,
}


@pytest.mark.parametrize(("error", "parent"), PARENTS.items())
def test_an_error_is_of_one_kind(error: type[MurmurError], parent: type[MurmurError]) -> None:
    assert error.__bases__ == (parent,)


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^(│   |    )?[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    above = "MurmurError"
    found = {}
    for deeper, name in drawn:
        found[name] = above if deeper else "MurmurError"
        above = above if deeper else name
    assert found == {error.__name__: parent.__name__ for error, parent in PARENTS.items()}
