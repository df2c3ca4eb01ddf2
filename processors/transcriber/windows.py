"""One chunk's decoding, window by window, until no speech is left in it: Whisper's own long-form loop. Pure.

Whisper may end a window early, when it takes the last sentence to go on in the next one; then the next window begins at the
last time stamp. Fed by `stage` with what the engine wrote; the next window goes into a batch like any other.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from processors.transcriber import echo, filters, guard, spoken
from processors.transcriber.edges import rest_at, snapped
from processors.transcriber.engine import Engine, Samples, Window, WindowText
from processors.transcriber.sound import Sound
from processors.transcriber.spoken import Stretch
from processors.transcriber.times import shifted
from schemas.options import DecodingOptions
from schemas.segment import RemovedSegment, Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.warning import TranscriptWarning
from schemas.work import Span

REST_S = 0.2  # so little speech after the last timestamp is the end of a word that was decoded
PROGRESS_S = 0.2  # a window that was decoded less far than this is not continued from there
WINDOWS_MAX = 16  # of one chunk; one or two are usual
PASSED_OVER_S = 1.0  # longer stretches of speech without text are decoded once more on their own
UNREAD_S = 2.0  # and these are reported if there is no text again
GAP_MARGIN_S = 0.2
NO_HINTS = {"prompt": None, "hotwords": None}
PROMPT_DROPPED = TranscriptWarning(
    code="prompt_dropped",
    message="a part was transcribed without prompt and hotwords: with them the text was degraded or missing",
)


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk's text, times in seconds of the chunk. `language` is None without any text. `unread`: stretches of speech without
    a text, written or removed. `removed`: by the filters. `refitted`: windows that were decoded again in the full encoder
    window."""

    language: str | None
    language_probability: float
    segments: tuple[Segment, ...]
    unread: tuple[Stretch, ...] = ()
    removed: tuple[RemovedSegment, ...] = ()
    warnings: tuple[TranscriptWarning, ...] = ()
    refitted: int = 0
    inference_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the chunk that waits for the model, in samples. `probability`: of its language, if that was detected.
    `is_rest`: the rest of a window that was decoded up to there. `passed_over`: it was decoded without a text."""

    start: int
    end: int
    options: DecodingOptions
    probability: float | None = None
    is_rest: bool = False
    passed_over: bool = False


@dataclass(slots=True)
class _Read:
    """What has been decoded so far."""

    segments: list[Segment] = field(default_factory=list)
    removed: list[RemovedSegment] = field(default_factory=list)
    warnings: dict[TranscriptWarning, None] = field(default_factory=dict)
    languages: dict[str, tuple[float, float]] = field(default_factory=dict)  # seconds of text, best probability
    windows: int = 0
    refitted: int = 0
    inference_s: float = 0.0


class ChunkWindows:
    """`speech`: the speech in the chunk, detected, or, without `vad`, every sound: then a sound without text is not decoded
    again. `joins_s`: times at which a long pause was removed."""

    def __init__(
        self,
        samples: Samples,
        options: DecodingOptions,
        speech: Sequence[Stretch],
        joins_s: Sequence[float] = (),
        *,
        vad: bool = True,
    ) -> None:
        self._samples = samples
        self._options = options
        self._speech = speech
        self._sound = Sound(samples, speech, vad=vad)
        self._joins_s = joins_s
        self._pauses = [round(at * SAMPLE_RATE_HZ) for at in spoken.pauses(speech)]
        self._waiting = deque([_Part(0, len(samples), options)])
        self._read = _Read()
        self._vad = vad
        self._gaps_are_due = vad
        self._given_up: list[_Part] = []  # without any credible text
        self._fitted: WindowText | None = None  # of the part that waits first, to be decoded in the full encoder window

    @property
    def next(self) -> Window | None:
        """The window to decode now; None when the chunk is finished."""
        if not self._waiting:
            return None
        part = self._waiting[0]
        pauses = tuple(at - part.start for at in self._pauses if part.start < at < part.end)
        begin_s, end_s = part.start / SAMPLE_RATE_HZ, part.end / SAMPLE_RATE_HZ
        joins_s = tuple(join - begin_s for join in self._joins_s if begin_s < join < end_s)
        return Window(self._samples[part.start : part.end], part.options, pauses, joins_s)

    def take(self, text: WindowText) -> None:
        """What the model wrote for `next`."""
        part, fitted, self._fitted = self._waiting.popleft(), self._fitted, None
        self._read.inference_s += text.inference_s
        if text.parts:
            self._split(part, text)
        elif text.runaway and part.options.encoder_window == "fit":
            self._read.refitted += 1
            self._fitted = text
            self._again(part, encoder_window="full")
        elif text.runaway and _has_hints(part.options):
            self._read.warnings[PROMPT_DROPPED] = None
            self._again(part, **NO_HINTS)
        elif text.runaway and part.passed_over:
            self._given_up.append(part)
        else:
            self._keep(part, self._fuller(part, fitted, text))
        if not self._waiting and self._gaps_are_due:
            self._gaps_are_due = False
            self._waiting.extend(self._gaps())

    @property
    def _written(self) -> list[Stretch]:
        """Where the model wrote a text, also one that a filter removed: decoding that again would only repeat it."""
        kept = [(segment.start, segment.end) for segment in self._read.segments]
        return kept + [(segment.start, segment.end) for segment in self._read.removed]

    def _gaps(self) -> Iterator[_Part]:
        """Speech that the model skipped, to be decoded once more on its own; the prompt may be the cause."""
        around = self._written
        options = self._options.model_copy(update=NO_HINTS)
        for start, end in spoken.unread(self._speech, around, PASSED_OVER_S) if around else ():
            begin = max([start - GAP_MARGIN_S, *(b for _, b in around if b <= start)], default=0.0)
            until = min([end + GAP_MARGIN_S, *(a for a, _ in around if a >= end)])
            bounds = max(0, round(begin * SAMPLE_RATE_HZ)), min(len(self._samples), round(until * SAMPLE_RATE_HZ))
            if not any(part.start < bounds[1] and bounds[0] < part.end for part in self._given_up):
                yield _Part(*bounds, options, is_rest=True, passed_over=True)

    def _split(self, part: _Part, text: WindowText) -> None:
        for each in reversed(text.parts):
            options = part.options.model_copy(update={"language": each.language})
            start, end = part.start + each.start, part.start + each.end
            self._waiting.appendleft(_Part(start, end, options, each.probability, part.is_rest, part.passed_over))

    def _again(self, part: _Part, **changes: object) -> None:
        self._waiting.appendleft(replace(part, options=part.options.model_copy(update=changes)))

    def _fuller(self, part: _Part, fitted: WindowText | None, text: WindowText) -> WindowText:
        """The fitted text, though it repeats itself, if the full window has hardly any text for its speech: a sentence that
        somebody repeats, which Whisper's limit of repetitions has made it write once."""
        speech_s = spoken.total_s(spoken.clipped(self._speech, part.start / SAMPLE_RATE_HZ, part.end / SAMPLE_RATE_HZ))
        if not fitted or not self._vad or not text.whole or not guard.is_sparse(text.whole, speech_s):
            return text
        same = set(guard.words(text.whole)) == set(guard.words(fitted.whole))
        fits = not guard.is_sparse(fitted.whole, speech_s) and not guard.is_fast(fitted.whole, speech_s)
        return fitted if same and fits else text

    def _keep(self, part: _Part, text: WindowText) -> None:
        """The closed segments; the tail, too, unless decoding continues before it."""
        self._read.windows += 1
        self._read.warnings |= dict.fromkeys(text.warnings)
        probability = text.language_probability if part.probability is None else part.probability
        duration_s = (part.end - part.start) / SAMPLE_RATE_HZ
        if reason := filters.of_window(text, duration_s, part.options):
            text = replace(text, read_to_s=duration_s, at_rest=True)
        read_to = self._rest_at(part, part.start + round(text.read_to_s * SAMPLE_RATE_HZ))
        segments = text.segments
        if self._goes_on(part, read_to, PASSED_OVER_S if text.at_rest else REST_S):
            changes = {"language": text.language, **(NO_HINTS if text.at_rest else {})}
            options = part.options.model_copy(update=changes)
            passed_over = part.passed_over or text.at_rest
            self._waiting.appendleft(_Part(read_to, part.end, options, probability, True, passed_over))
        elif text.tail is not None:
            segments = (*segments, text.tail)
        kept, removed = filters.sifted(self._placed(part, segments), self._sound, part.options, reason)
        self._read.segments += kept
        self._read.removed += removed
        if kept and part.passed_over and _has_hints(self._options):
            self._read.warnings[PROMPT_DROPPED] = None
        if kept:
            seconds, best = self._read.languages.get(text.language, (0.0, 0.0))
            seconds += sum(segment.end - segment.start for segment in kept)
            self._read.languages[text.language] = seconds, max(best, probability)

    def _placed(self, part: _Part, segments: Sequence[Segment]) -> list[Segment]:
        """In the time of the chunk, without the text that the previous window has written already."""
        begin_s = part.start / SAMPLE_RATE_HZ
        placed = [shifted(segment, begin_s) for segment in segments]
        if not part.is_rest:
            return placed
        before = [segment for segment in self._read.segments if segment.start < begin_s]
        count = echo.repeated(before, placed)
        if echo.is_spoken_again(before, placed, count, self._speech):
            return placed
        left = echo.without(count, placed)
        if placed and not left:
            self._given_up.append(part)
        return left

    def _rest_at(self, part: _Part, read_to: int) -> int:
        rest = round(rest_at(read_to / SAMPLE_RATE_HZ, self._speech) * SAMPLE_RATE_HZ)
        return rest if part.start < rest <= part.end else read_to

    def _goes_on(self, part: _Part, read_to: int, rest_s: float) -> bool:
        """Whether more speech than that is left; bounds the loop."""
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
            unread=tuple(spoken.unread(self._speech, self._written, UNREAD_S)) if self._vad else (),
            removed=tuple(sorted(read.removed, key=lambda segment: segment.start)),
            warnings=tuple(read.warnings),
            refitted=read.refitted,
            inference_s=read.inference_s,
        )


def _has_hints(options: DecodingOptions) -> bool:
    return any(getattr(options, hint) is not None for hint in NO_HINTS)


def of_chunk(
    samples: Samples, options: DecodingOptions, pieces: Sequence[Span], speech: Sequence[Span], *, vad: bool = True
) -> ChunkWindows:
    """`pieces`, `speech` and `vad` as in `ChunkReady`."""
    return ChunkWindows(samples, options, spoken.in_chunk(pieces, speech), spoken.joins(pieces), vad=vad)


def read(engine: Engine, windows: ChunkWindows) -> ChunkText:
    """The whole chunk, without batching. Blocks. Raises what the engine does."""
    while (window := windows.next) is not None:
        windows.take(engine.transcribe([window])[0])
    return windows.text()
