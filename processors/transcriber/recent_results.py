"""Recent results of this transcriber, so that a repeated request gets the same result without inference.

Fed and asked by `stage`. Holds answers only, no audio; what is not remembered is transcribed once more, which is never wrong.
"""

import hashlib

from cachetools import FIFOCache

from schemas import codec
from schemas.work import ChunkLost, ChunkReady, WorkEvent, WorkReported

REMEMBERED = 2000  # 4 kB each, 16 with words


def request_id(chunk: ChunkReady) -> bytes:
    """The same for a repeat, different for anything that must be transcribed: another run, attempt, model or option.

    The location of the audio, the lane and the trace are left out: they change no word.
    """
    return hashlib.sha256(chunk.model_dump_json(exclude={"audio", "lane", "trace"}).encode()).digest()


class RecentResults:
    """The last answers, at most `most`; the oldest is forgotten first."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._answers: FIFOCache[bytes, bytes] = FIFOCache(most)

    def remember(self, request: bytes, answer: WorkReported) -> None:
        """As bytes, which are smaller. `audio_gone` is not stored: the same run may write the audio again."""
        if isinstance(answer.event, ChunkLost):
            return
        self._answers[request] = codec.encode(answer)

    def answer(self, request: bytes) -> WorkEvent | None:
        """The result of this request; None if it is not stored."""
        kept = self._answers.get(request)
        return codec.decode(WorkReported, kept).event if kept is not None else None
