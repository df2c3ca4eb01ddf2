"""The errors that librdkafka reports only to an error_cb: it cannot connect, or the broker refuses the credentials.

Every client has one of these; librdkafka keeps retrying, so none of them is an exception.
"""

import time

from confluent_kafka import KafkaError

from runtime.errors import KafkaFault, UsageError
from runtime.logs import get_logger

log = get_logger(__name__)
REPEAT_S = 10.0


class KeptErrors:
    """Keeps the errors for later. `refused`: what is wrong with the credentials or TLS, and how to fix it. `last`: the last
    connection error. `outages`: how often the last connection to a broker was lost."""

    def __init__(self) -> None:
        self.refused: str | None = None
        self.last: str | None = None
        self.outages = 0

    def __call__(self, error: KafkaError) -> None:
        self.refused = _refusal(error) or self.refused
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.outages += 1
        else:
            self.last = error.str()


class ClientErrors(KeptErrors):
    """Also logs each error, a repeated one every ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last_s: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        super().__call__(error)
        now_s = time.monotonic()
        if now_s - self._last_s.get(error.code(), -REPEAT_S) < REPEAT_S:
            return
        self._last_s[error.code()] = now_s
        if refusal := _refusal(error):
            log.error("client.refused", error=refusal)
        else:
            log.warning("client.failed", error=error.str())


def as_failure(error: KafkaError) -> UsageError | KafkaFault | None:
    """The failure of the stage that an error among a consumer's messages stands for. None: the client recovers by itself."""
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return UsageError(f"a topic is missing ({error.str()}): run `murmur topics apply`")
    if error.fatal() or error.code() == KafkaError._FATAL:  # the latter: another process uses our group.instance.id
        return KafkaFault(error.str())
    return None


def _refusal(error: KafkaError) -> str | None:
    """A message for errors that the operator has to fix, since retries cannot."""
    if error.code() == KafkaError._AUTHENTICATION:
        return f"the broker refuses the credentials; check MURMUR_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM ({error.str()})"
    if error.code() == KafkaError._SSL:
        return f"no TLS with the broker; check MURMUR_KAFKA_SSL_CA_FILE and MURMUR_KAFKA_SECURITY_PROTOCOL ({error.str()})"
    return None
