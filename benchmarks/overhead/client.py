"""Submits clips as callers do: several in flight, each waited for by its server-sent events, or by polls of its status."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from murmur.gateway_client import GatewayClient

PREFIX = "/api/transcribe/async"
ANSWER_S = 600.0


@dataclass(frozen=True, slots=True)
class Answers:
    """`texts` are in the clips' order; `polls` is how many status requests all clients made."""

    texts: list[str]
    polls: int


class Client:
    def __init__(self, address: str, *, by_polls: bool) -> None:
        self._address = address
        self._by_polls = by_polls
        self._polls = 0

    def transcribe(self, clips: Sequence[bytes], in_flight: int) -> Answers:
        """Blocks. Raises RuntimeError when a job does not succeed."""
        with (
            httpx.Client(base_url=self._address, timeout=ANSWER_S, trust_env=False) as self._http,
            GatewayClient(self._address) as self._gateway,
            ThreadPoolExecutor(in_flight) as pool,
        ):
            return Answers(list(pool.map(self._text, clips)), self._polls)

    def _text(self, clip: bytes) -> str:
        answer = self._http.post(PREFIX, files={"file": ("clip.wav", clip, "audio/wav")})
        answer.raise_for_status()
        task_id = answer.json()["task_id"]
        status = self._polled(task_id) if self._by_polls else self._followed(task_id)
        if status.get("state") != "SUCCESS":
            raise RuntimeError(f"a job ended in {status}")
        return str(status["result"]["transcription"]["text"])

    def _followed(self, task_id: str) -> dict[str, Any]:
        status: dict[str, Any] = {}
        with self._http.stream("GET", f"{PREFIX}/{task_id}/events") as events:
            for line in events.iter_lines():
                if line.startswith("data: ") and "state" in (data := orjson.loads(line[6:])):
                    status = data
        return status

    def _polled(self, task_id: str) -> dict[str, Any]:
        """As `murmur submit` does."""
        status: dict[str, Any] = {}
        for last in self._gateway.watch(task_id, self._pause):
            status = last
        self._polls += 1  # the last one, after which there is no pause
        return status

    def _pause(self, pause_s: float) -> None:
        self._polls += 1
        time.sleep(pause_s)
