"""Waits for the broker, before a stage makes clients that time out or fail without one. An outage is logged once."""

import threading
from collections.abc import Callable

from runtime.errors import BrokerUnavailable
from runtime.kafka.client import Kafka
from runtime.outage import Outage

LOOK_S = 0.5  # limit of a request, and the pause before the next one


def wait_for_broker(kafka: Kafka, outage: Outage, check: Callable[[Kafka], None], stopping: threading.Event) -> bool:
    """Blocks until `check` no longer raises BrokerUnavailable; passes on what else it raises. False: stopped before."""
    while not stopping.is_set():
        try:
            kafka.brokers(LOOK_S)
            check(kafka)
        except BrokerUnavailable as error:
            outage.started(error)
            stopping.wait(LOOK_S)
        else:
            outage.ended()
            return True
    return False
