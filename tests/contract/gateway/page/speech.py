"""Jobs with a transcript to read, of a bundled clip that the browser can play."""

from typing import Any

from schemas.jobs import JobRequested
from schemas.segment import RemovedSegment, Segment, Word
from schemas.warning import TranscriptWarning
from tests.clips import BY_NAME
from tests.contract.gateway.running_gateway import RunningGateway, finish, submitted

CLIP = BY_NAME["en-command.wav"]
TEXT = ("turn the lamp on", "and then turn it off again", "the lamp is off")
REMOVED = RemovedSegment(start=2.2, end=2.4, text="Thanks for watching!", reason="phantoms")
UNHEARD = TranscriptWarning(code="no_text", message="Speech was detected here, but the model wrote no text.", start=2.5, end=2.8)


def spoken(*texts: str, words: bool = True) -> list[Segment]:
    """A segment of a second for each text. The last word of each is one of which the model is unsure."""
    return [_segment(float(number), text, words) for number, text in enumerate(texts)]


def _segment(start: float, text: str, words: bool) -> Segment:
    parts = text.split()
    step = 1 / len(parts)
    each = tuple(
        Word(
            start=round(start + step * place, 3),
            end=round(start + step * (place + 1), 3),
            word=" " + part,
            probability=0.3 if place == len(parts) - 1 else 0.9,
        )
        for place, part in enumerate(parts)
    )
    return Segment(start=start, end=start + 1, text=text, avg_logprob=-0.3, words=each if words else None)


def job(gateway: RunningGateway, name: str = "talk.wav", **fields: str) -> JobRequested:
    """A new one, of audio that can be played. No two are of the same work."""
    fields = {"initial_prompt": name, **fields}
    return submitted(gateway, CLIP.path.read_bytes(), filename=name, **fields)


def finished(gateway: RunningGateway, name: str = "talk.wav", *texts: str, words: bool = True, **more: Any) -> str:
    """The id of a job that has ended with this transcript."""
    submission = job(gateway, name)
    finish(gateway, submission, *spoken(*(texts or TEXT), words=words), language=more.pop("language", "en"), **more)
    return str(submission.job.job_id)
