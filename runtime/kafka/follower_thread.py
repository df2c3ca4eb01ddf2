"""A thread that reads whole topics, keeps reading, and passes on the records.

For revocations, the gateway's view, stats, and the records waiting in topics. One policy for all: it waits for an unavailable
broker, which is logged once; a missing topic ends the stage, as in the loop.
"""

import threading
from collections.abc import Callable, Sequence

from runtime.errors import Retry
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.messages import Received
from runtime.outage import Outage
from schemas.topics import Topic

POLL_S = 0.2  # how soon a stop is noticed; records are passed on at once
AGAIN_S = 1.0
LOOK_S = 0.5  # limit of the request that finds the broker, so that a stop is noticed soon

Take = Callable[[Follower, list[Received]], None]


class FollowerThread:
    """`start()` once, `stop()` any number of times. `check()` is for the thread of the stage, which ends with what it raises.

    `take` is called in the thread after each poll, also without records. `begin` returns where to start; it is called again
    after an outage. Both may raise Retry. `unavailable`: why nothing is read at present."""

    def __init__(
        self,
        name: str,
        kafka: Kafka,
        topics: Sequence[Topic],
        take: Take,
        begin: Callable[[], Start] = lambda: "beginning",
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._take = take
        self._begin = begin
        self._stopping = threading.Event()
        self._outage = Outage(name)
        self._opened = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def unavailable(self) -> str | None:
        return self._outage.reason or (None if self._opened else "the broker has not answered yet")

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread, if that was not `stop()`: UsageError when a topic is missing."""
        if self._failure is not None:
            raise self._failure

    def stop(self, wait_s: float | None = None) -> bool:
        """Whether the thread has ended; it waits for that, or for `wait_s`. Before `start()`, too."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._follow()
                except Retry as error:
                    self._opened = False
                    self._outage.started(error)
                    self._stopping.wait(AGAIN_S)
        except BaseException as error:
            self._failure = error

    def _follow(self) -> None:
        self._kafka.brokers(LOOK_S)
        follower = Follower(self._kafka, self._topics, self._begin())
        try:
            follower.open()
            self._opened = True
            self._outage.ended()
            while not self._stopping.is_set():
                self._take(follower, follower.poll(POLL_S))
        finally:
            follower.close()
