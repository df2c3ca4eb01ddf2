"""Clients: they submit files to any gateway until each is accepted, and ask any gateway how the jobs go.

Every request and response is recorded, and judged later by the checker.
"""

import queue
import random
import threading
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from types import MappingProxyType, TracebackType
from typing import Any, Self

from tests.pipeline.client import ENDED, Client
from tests.services.chaos import clips
from tests.services.chaos.cluster import Member
from tests.services.chaos.recorder import Accepted, Recorder, Refused, Seen
from tests.waiting import wait_until

AGAIN_S = 0.3
OVER_S = 600.0  # whatever is broken is whole again long before
LOOK_S = 0.25
TIMEOUT_S = 5.0  # then a client repeats the request, perhaps to the other gateway
BROKEN = (OSError, HTTPException, ValueError)  # no connection, cut off, or half an answer


class Load:
    """`clients` threads submit at most `rate` files a second together; one more asks for what is not known to have ended.
    `fields`: of the form, beside the file."""

    def __init__(
        self,
        gateways: Sequence[Member],
        recorder: Recorder,
        seed: int,
        rate: float = 4.0,
        clients: int = 3,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._gateways = gateways
        self._recorder = recorder
        self._fields = dict(fields)
        self._chance = random.Random(seed)
        self._pace_s = clients / rate
        self._todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._accepted: dict[str, str] = {}
        self._open: set[str] = set()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._submit_all, name=f"client-{n}", daemon=True) for n in range(clients)]
        self._threads.append(threading.Thread(target=self._ask_all, name="client-asks", daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def submit(self, contents: Sequence[str]) -> None:
        """Queues them; the clients' threads go on from here."""
        for content in contents:
            self._todo.put(content)

    @property
    def accepted(self) -> dict[str, str]:
        """Content by job id."""
        with self._lock:
            return dict(self._accepted)

    def wait_accepted(self, count: int, timeout_s: float = OVER_S) -> None:
        wait_until(lambda: len(self._accepted) >= count, f"{count} accepted jobs", timeout_s)

    def wait_seen(self, timeout_s: float = OVER_S) -> None:
        """Until a gateway has reported the end of every accepted job."""
        wait_until(lambda: self._todo.empty() and not self._open, "the ends of all jobs", timeout_s)

    def ask_everywhere(self) -> None:
        """The last word of every gateway on every job, with its text."""
        for job_id in self.accepted:
            for gateway in self._gateways:
                self._ask(gateway, job_id)

    def _submit_all(self) -> None:
        while not self._stopping.is_set():
            try:
                content = self._todo.get(timeout=0.1)
            except queue.Empty:
                continue
            body = clips.audio(content)
            while not self._stopping.is_set() and not self._submit(content, body):
                self._stopping.wait(AGAIN_S)
            self._stopping.wait(self._pace_s)

    def _submit(self, content: str, body: bytes) -> bool:
        gateway, began_s = self._any(), self._recorder.now_s()
        try:
            answer = Client(gateway.address, TIMEOUT_S).post(content, body, **self._fields)
            status, retry_after, job_id = answer.status, answer.headers.get("retry-after"), str(answer.json.get("task_id"))
        except BROKEN:
            status, retry_after, job_id = 0, None, ""
        now_s = self._recorder.now_s()
        if status != 202:
            self._recorder.add(Refused(now_s, content, gateway.name, status, now_s - began_s, retry_after))
            return False
        self._recorder.add(Accepted(now_s, job_id, content, gateway.name))
        self._ask(self._any(), job_id)  # perhaps the other one, which must know of it by now
        with self._lock:
            self._accepted[job_id] = content
            self._open.add(job_id)
        return True

    def _ask_all(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                waiting = list(self._open)
            for job_id in waiting:
                if self._ask(self._any(), job_id) in ENDED:
                    with self._lock:
                        self._open.discard(job_id)
                if self._stopping.is_set():
                    return
            self._stopping.wait(LOOK_S)

    def _ask(self, gateway: Member, job_id: str) -> str | None:
        try:
            answer = Client(gateway.address, TIMEOUT_S).request("GET", f"/api/transcribe/async/status/{job_id}")
            document: dict[str, Any] = answer.json if answer.status == 200 else {}
            status = answer.status
        except BROKEN:
            status, document = 0, {}
        state = document.get("state")
        text = clips.normalised(document["result"]["transcription"]["text"]) if state == "SUCCESS" else None
        self._recorder.add(Seen(self._recorder.now_s(), job_id, gateway.name, status, state, text))
        return state

    def _any(self) -> Member:
        with self._lock:
            return self._chance.choice(self._gateways)
