"""Reads the topics of a running cluster as any subscriber would, committed records only, and records what they say.

It reads as records are written: `jobs` is compacted, and every record has to be counted before that.
"""

import base64
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from runtime.errors import BrokerUnavailable
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition, Received
from schemas.deadletter import DeadLetter
from schemas.jobs import TERMINAL, Job, JobChanged, JobRequested
from schemas.topics import CHUNK_RESULTS, DEAD_LETTERS, JOBS, REQUESTS, TRANSCRIPTS
from schemas.transcript import TranscriptCompleted
from schemas.work import ChunkTranscribed, WorkReported
from tests.services.chaos import clips
from tests.services.chaos.recorder import Buried, Delivered, Entry, Inferred, JobState, Recorder, Requested
from tests.waiting import wait_until

TOPICS = (REQUESTS, JOBS, TRANSCRIPTS, CHUNK_RESULTS, DEAD_LETTERS)


class Witness:
    """Records what comes from its start until its end, through outages of the broker."""

    def __init__(self, kafka: Kafka, recorder: Recorder, content: Callable[[Job], str]) -> None:
        self._follower = Follower(kafka, TOPICS, "end")
        self._recorder = recorder
        self._content = content
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="witness", daemon=True)
        self.ended: set[str] = set()

    def __enter__(self) -> Self:
        self._follower.open()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._follower.close()

    def catch_up(self) -> None:
        """Waits until everything that is on the topics now is recorded."""
        ends = wait_until(self._ends, "the broker to say where its topics end") or {}
        wait_until(lambda: self._follower.reached(ends), "the witness to have read everything")

    def _ends(self) -> dict[Partition, int] | None:
        try:
            return dict(self._follower.end_offsets())
        except BrokerUnavailable:
            return None

    def _follow(self) -> None:
        while not self._stopping.is_set():
            for record in self._follower.poll(0.1):
                if (entry := self._entry(record)) is not None:
                    self._recorder.add(entry)

    def _entry(self, record: Received) -> Entry | None:
        now_s = self._recorder.now_s()
        match record.event:
            case JobRequested(job=job, work=work):
                return Requested(now_s, str(job.job_id), self._content(job), work.audio_id)
            case JobChanged(job=job, state=state, error=error):
                if state in TERMINAL:
                    self.ended.add(str(job.job_id))
                return JobState(now_s, str(job.job_id), self._content(job), state, error.reason if error else None)
            case TranscriptCompleted(job=job, transcript=transcript):
                text = clips.normalised(transcript.text) if transcript else ""
                return Delivered(now_s, str(job.job_id), self._content(job), text)
            case WorkReported(work_id=work_id, run=run, event=ChunkTranscribed() as text):
                return Inferred(now_s, f"{work_id}/{run}/{text.span[0]}-{text.span[1]}/{text.attempt}", text.inference_s)
            case DeadLetter() as letter:
                raw = base64.b64decode(letter.value)[:40] if letter.value is not None else None
                return Buried(now_s, f"{letter.subject} {letter.stage} {raw!r}", letter.reason)
        return None
