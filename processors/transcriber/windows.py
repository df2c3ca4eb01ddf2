"""One chunk's decoding, window by window, until nothing spoken is left in it: Whisper's own long-form loop. Pure.

Whisper may end a window early, when it takes the last sentence to go on in the next one; then the next window begins at the
last time stamp. Fed by `stage` with what the engine wrote; the next window goes into a batch like any other.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from processors.transcriber import spoken
from processors.transcriber.edges import snapped
from processors.transcriber.engine import Engine, Samples, Window, WindowText
from processors.transcriber.spoken import Stretch
from processors.transcriber.times import shifted
from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.warning import TranscriptWarning
from schemas.work import SAMPLE_RATE_HZ, Span

REST_S = 0.2  # so little speech after the last time stamp is the end of a word that was read
PROGRESS_S = 0.2  # a window that was read less far is not read again from there
WINDOWS_MAX = 16  # of one chunk; one or two are usual
UNREAD_S = 2.0  # longer stretches of speech without text are read once more, and reported when there is none again
GAP_MARGIN_S = 0.2
PROMPT_DROPPED = TranscriptWarning(
    code="prompt_dropped", message="a part was read without the prompt, which had spoiled its text"
)


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk's text, times in seconds of the chunk. `language` is None without any text. `unread`: stretches of speech for
    which the model wrote nothing. `refitted`: windows that were decoded again in the full encoder window."""

    language: str | None
    language_probability: float
    segments: tuple[Segment, ...]
    unread: tuple[Stretch, ...] = ()
    warnings: tuple[TranscriptWarning, ...] = ()
    refitted: int = 0
    inference_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the chunk that waits for the model, in samples. `probability`: of its language, where that was detected.
    `is_gap`: it lies between texts that are here already."""

    start: int
    end: int
    options: DecodingOptions
    probability: float | None = None
    is_gap: bool = False


@dataclass(slots=True)
class _Read:
    """What has been read so far."""

    segments: list[Segment] = field(default_factory=list)
    warnings: dict[TranscriptWarning, None] = field(default_factory=dict)
    languages: dict[str, tuple[float, float]] = field(default_factory=dict)  # seconds of text, best probability
    windows: int = 0
    refitted: int = 0
    inference_s: float = 0.0


class ChunkWindows:
    """`speech`: where in the chunk somebody speaks."""

    def __init__(self, samples: Samples, options: DecodingOptions, speech: Sequence[Stretch]) -> None:
        self._samples = samples
        self._options = options
        self._speech = speech
        self._pauses = [round(at * SAMPLE_RATE_HZ) for at in spoken.pauses(speech)]
        self._waiting = deque([_Part(0, len(samples), options)])
        self._read = _Read()

    @property
    def next(self) -> Window | None:
        """The window to decode now; None when the chunk is read."""
        if not self._waiting:
            return None
        part = self._waiting[0]
        pauses = tuple(at - part.start for at in self._pauses if part.start < at < part.end)
        return Window(self._samples[part.start : part.end], part.options, pauses)

    def take(self, text: WindowText) -> None:
        """What the model wrote for `next`."""
        part = self._waiting.popleft()
        self._read.inference_s += text.inference_s
        if text.parts:
            self._split(part, text)
        elif text.runaway and part.options.encoder_window == "fit":
            self._read.refitted += 1
            self._again(part, encoder_window="full")
        elif text.runaway and part.options.prompt is not None:
            self._read.warnings[PROMPT_DROPPED] = None
            self._again(part, prompt=None)
        elif not (text.runaway and part.is_gap):  # what the model passed over once and doubts now was not understood
            self._keep(part, text)
        if not self._waiting and not part.is_gap:
            self._waiting.extend(self._gaps())

    def _gaps(self) -> Iterator[_Part]:
        """Speech beside texts that the model passed over, to be read once more by itself."""
        around = [(segment.start, segment.end) for segment in self._read.segments]
        for start, end in self._unread() if around else ():
            begin = max([start - GAP_MARGIN_S, *(b for _, b in around if b <= start)], default=0.0)
            until = min([end + GAP_MARGIN_S, *(a for a, _ in around if a >= end)])
            bounds = max(0, round(begin * SAMPLE_RATE_HZ)), min(len(self._samples), round(until * SAMPLE_RATE_HZ))
            yield _Part(*bounds, self._options, is_gap=True)

    def _unread(self) -> list[Stretch]:
        return spoken.unread(self._speech, [(s.start, s.end) for s in self._read.segments], UNREAD_S)

    def _split(self, part: _Part, text: WindowText) -> None:
        for each in reversed(text.parts):
            options = part.options.model_copy(update={"language": each.language})
            start, end = part.start + each.start, part.start + each.end
            self._waiting.appendleft(_Part(start, end, options, each.probability, part.is_gap))

    def _again(self, part: _Part, **changes: object) -> None:
        self._waiting.appendleft(replace(part, options=part.options.model_copy(update=changes)))

    def _keep(self, part: _Part, text: WindowText) -> None:
        """The closed segments; the tail too, unless decoding goes on before it."""
        self._read.windows += 1
        self._read.warnings |= dict.fromkeys(text.warnings)
        probability = text.language_probability if part.probability is None else part.probability
        read_to = part.start + round(text.read_to_s * SAMPLE_RATE_HZ)
        segments = text.segments
        if self._goes_on(part, read_to, UNREAD_S if text.at_rest else REST_S):
            options = part.options.model_copy(update={"language": text.language})
            self._waiting.appendleft(_Part(read_to, part.end, options, probability, part.is_gap))
        elif text.tail is not None:
            segments = (*segments, text.tail)
        self._read.segments += [shifted(segment, part.start / SAMPLE_RATE_HZ) for segment in segments]
        if segments:
            seconds, best = self._read.languages.get(text.language, (0.0, 0.0))
            seconds += sum(segment.end - segment.start for segment in segments)
            self._read.languages[text.language] = seconds, max(best, probability)

    def _goes_on(self, part: _Part, read_to: int, rest_s: float) -> bool:
        """More speech than that is left; and the loop comes to an end."""
        left = spoken.clipped(self._speech, read_to / SAMPLE_RATE_HZ, part.end / SAMPLE_RATE_HZ)
        progress_s = (read_to - part.start) / SAMPLE_RATE_HZ
        return spoken.total_s(left) > rest_s and progress_s >= PROGRESS_S and self._read.windows < WINDOWS_MAX

    def text(self) -> ChunkText:
        """Of the whole chunk, once `next` is None."""
        read = self._read
        language, (_, probability) = max(read.languages.items(), key=lambda each: each[1], default=(None, (0.0, 0.0)))
        return ChunkText(
            language=language,
            language_probability=probability,
            segments=snapped(sorted(read.segments, key=lambda segment: segment.start), self._speech),
            unread=tuple(self._unread()),
            warnings=tuple(read.warnings),
            refitted=read.refitted,
            inference_s=read.inference_s,
        )


def of_chunk(samples: Samples, options: DecodingOptions, pieces: Sequence[Span], speech: Sequence[Span]) -> ChunkWindows:
    """`pieces` and `speech` as a `ChunkReady` has them."""
    return ChunkWindows(samples, options, spoken.in_chunk(pieces, speech))


def read(engine: Engine, windows: ChunkWindows) -> ChunkText:
    """The whole chunk, by itself. Blocks. Raises what the engine does."""
    while (window := windows.next) is not None:
        windows.take(engine.transcribe([window])[0])
    return windows.text()
