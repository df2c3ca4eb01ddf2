"""Logs the outage of a broker, a store or a watched folder once, however often it is retried meanwhile."""

import time

from runtime.logs import get_logger

log = get_logger(__name__)


class Outage:
    """`name`: who waits. `reason`: of the outage at present, for `/readyz`; None when there is none. For one thread, but `reason`
    may be read from any."""

    def __init__(self, name: str) -> None:
        self.reason: str | None = None
        self._name = name
        self._since_s = 0.0

    def started(self, why: Exception) -> None:
        """Again and again while it lasts: the first time is a log line."""
        if self.reason is None:
            self._since_s = time.monotonic()
            log.warning("outage.started", component=self._name, error=why)
        self.reason = str(why)

    def ended(self) -> None:
        """Whenever there was an answer."""
        if self.reason is not None:
            self.reason = None
            log.info("outage.ended", component=self._name, outage_s=time.monotonic() - self._since_s)
