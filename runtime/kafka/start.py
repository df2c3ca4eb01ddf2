"""Before a stage makes clients that have a time limit or end without a broker: waits for the broker, and says so once."""

import threading
from collections.abc import Callable

from runtime.errors import BrokerUnavailable
from runtime.kafka.client import Kafka
from runtime.outage import Outage

LOOK_S = 0.5  # how long a broker is looked for, and then waited for


def wait_for_broker(kafka: Kafka, outage: Outage, check: Callable[[Kafka], None], stopping: threading.Event) -> bool:
    """Blocks until `check` raises BrokerUnavailable no more, and raises what else it does. False: stopped before."""
    while not stopping.is_set():
        try:
            kafka.brokers(LOOK_S)
            check(kafka)
        except BrokerUnavailable as away:
            outage.started(away)
            stopping.wait(LOOK_S)
        else:
            outage.ended()
            return True
    return False
