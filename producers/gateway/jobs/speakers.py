"""A transcript whose text says who speaks: `Ana: good morning`, at the first segment of each speaker. Pure."""

from collections.abc import Iterator, Sequence

from producers.gateway.documents.names import Speaker
from schemas.segment import Segment
from schemas.transcript import Transcript

ROUNDING_S = 0.001  # of times in documents


def with_speakers(transcript: Transcript, speakers: Sequence[Speaker]) -> Transcript:
    if not any(speaker.name for speaker in speakers):
        return transcript
    return transcript.model_copy(update={"segments": tuple(_named(transcript.segments, speakers))})


def _named(segments: Sequence[Segment], speakers: Sequence[Speaker]) -> Iterator[Segment]:
    following, speaking = sorted(speakers, key=lambda speaker: speaker.start)[::-1], ""
    for segment in segments:
        before = speaking
        while following and following[-1].start <= segment.start + ROUNDING_S:
            speaking = following.pop().name
        yield _begun(segment, speaking) if speaking and speaking != before else segment


def _begun(segment: Segment, name: str) -> Segment:
    """The words, too: subtitles are made of them where there are any."""
    words = segment.words
    if words:
        words = (words[0].model_copy(update={"word": f" {name}: {words[0].word.strip()}"}), *words[1:])
    return segment.model_copy(update={"text": f"{name}: {segment.text}", "words": words})
