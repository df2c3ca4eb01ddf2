"""Every metric that the dashboard and the alert rules read is served by a running system, and moves when there is work."""

import shutil
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from uuid import uuid4

from murmur.dev import Dev
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from schemas.topics import UPLOADS
from tests.clips import BY_NAME
from tests.contract.webhooks.receiver import Receiver
from tests.monitored import UNMOVED, expressions, names
from tests.pipeline.client import ENDED, Client
from tests.scraped import Scrape
from tests.waiting import DEADLINE_S, wait_until

STANDING = {"murmur_replicas", "murmur_model_memory_bytes"}  # as large as they are from the start on


def test_every_metric_of_the_dashboard_and_of_the_alerts_moves(system: Dev, client: Client, inbox: Path) -> None:
    """By a drop, a drop that fails, jobs of which one is cancelled, webhooks of which one is given up, and a dead letter."""
    wanted = set[str]().union(*map(names, expressions()))
    seen = Seen(client, wanted)
    shutil.copy(BY_NAME["en-numbers.flac"].path, inbox / f"{uuid4()}.flac")
    (inbox / f"{uuid4()}.mp3").write_bytes(b"this is no audio")
    writer = Writer(system.resources.kafka, system.resources.kafka.producer("test"), "test")
    writer.send(Output(UPLOADS, "key", b"this is no event"))
    assert writer.flush(DEADLINE_S)
    writer.close()
    with Receiver() as receiver:
        for path in ("/ok", "/gone"):
            submit(client, webhook_url=receiver.url(path))
        client.cancel(submit(client))
        with Work(client) as work:
            try:
                wait_until(lambda: work.goes_on() and not seen.unmoved_now(), "changes of all metrics")
            finally:
                assert seen.unmoved == set()
    assert {name for name in STANDING if not seen.latest.total(name) > 0} == set()


def submit(client: Client, **fields: str) -> str:
    """A job of a file that was not decoded before."""
    answer = client.post("own.wav", BY_NAME["en-command.wav"].path.read_bytes() + uuid4().bytes, **fields)
    return str(answer.json["task_id"])


class Work:
    """A job at any time, whose events somebody reads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._begin()

    def goes_on(self) -> bool:
        if self._client.status(self._job)["state"] in ENDED:
            self._connection.close()
            self._begin()
        return True

    def _begin(self) -> None:
        self._job = submit(self._client)
        self._connection = HTTPConnection(self._client.address.removeprefix("http://"), timeout=DEADLINE_S)
        self._connection.request("GET", f"/api/transcribe/async/{self._job}/events")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class Seen:
    """`unmoved`: the metrics that have had only one value in all scrapes so far."""

    def __init__(self, client: Client, wanted: set[str]) -> None:
        self._client = client
        self._values: dict[str, set[float]] = {name: set() for name in wanted - UNMOVED.keys() - STANDING}
        self.unmoved_now()

    @property
    def unmoved(self) -> set[str]:
        return {name for name, values in self._values.items() if len(values) < 2}

    def unmoved_now(self) -> set[str]:
        """After another scrape."""
        self.latest = Scrape(self._client.request("GET", "/metrics").body.decode())
        for name, values in self._values.items():
            values.add(self.latest.total(name))
        return self.unmoved
