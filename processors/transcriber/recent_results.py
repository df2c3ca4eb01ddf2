"""What this transcriber answered lately, so that a repeated request gets the same answer again and costs no inference.

Fed and asked by `stage`. Holds answers only, no audio; what is not remembered is transcribed once more, which is never wrong.
"""

import hashlib

from cachetools import FIFOCache

from schemas import codec
from schemas.work import ChunkLost, ChunkReady, WorkEvent, WorkReported

REMEMBERED = 2000  # 4 kB each, 16 with words


def request_id(chunk: ChunkReady) -> bytes:
    """The same for a repeat, another one for whatever must be transcribed by itself: another run, attempt, model or option.

    Where the audio lies and the lane are left out: they change no word.
    """
    return hashlib.sha256(chunk.model_dump_json(exclude={"audio", "lane"}).encode()).digest()


class RecentResults:
    """The last answers, at most `most`; the oldest is forgotten first."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._answers: FIFOCache[bytes, bytes] = FIFOCache(most)

    def remember(self, request: bytes, answer: WorkReported) -> None:
        """As bytes, which are smaller. That audio is gone is not remembered: the same run may write it again."""
        if isinstance(answer.event, ChunkLost):
            return
        self._answers[request] = codec.encode(answer)

    def answer(self, request: bytes) -> WorkEvent | None:
        """What was answered to this request; None when that is not known."""
        kept = self._answers.get(request)
        return codec.decode(WorkReported, kept).event if kept is not None else None
