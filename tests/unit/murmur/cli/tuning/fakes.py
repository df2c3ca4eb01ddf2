"""A model that writes a script for each window, on a clock that only reading moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from murmur.cli.tuning.figures import Chunk, EncoderChoice, Figure, Reading
from murmur.cli.tuning.measuring import Budget, Clock, Measuring
from murmur.word_errors import Score
from schemas.options import DecodingOptions
from schemas.sound import SAMPLE_RATE_HZ

TEXT = "one two three four five"
Write = Callable[[DecodingOptions], str]


@dataclass
class FakeClock:
    now_s: float = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: self.now_s)


@dataclass
class FakeReader:
    """Takes `cost` seconds for a second of speech."""

    time: FakeClock
    write: Write = lambda decoding: TEXT
    cost: Callable[[DecodingOptions], float] = lambda decoding: 1.0 if decoding.encoder_window == "full" else 0.5
    calls: list[DecodingOptions] = field(default_factory=list)

    def read(self, chunk: Chunk, decoding: DecodingOptions) -> Reading:
        self.calls.append(decoding)
        self.time.now_s += chunk.duration_s * self.cost(decoding)
        return Reading(self.write(decoding), "pt", refitted=int(decoding.encoder_window == "fit"))


def chunk(duration_s: float) -> Chunk:
    return Chunk(bytes(round(duration_s * SAMPLE_RATE_HZ) * 2), (), ())


@dataclass(frozen=True)
class FakePassage:
    duration_s: float = 60.0

    def chunks(self, max_chunk_s: float) -> Sequence[Chunk]:
        return [chunk(max_chunk_s)] * round(self.duration_s / max_chunk_s)


def measuring(time: FakeClock, total_s: float, decoding: DecodingOptions, shares: list[float] | None = None) -> Measuring:
    """With chunks of 30 s."""
    report = (lambda share: None) if shares is None else shares.append
    return Measuring(decoding, 30.0, Budget(total_s, time.clock, report), time.clock)


def figure(cost_s: float, errors: int = 0, words: int = 1000) -> Figure:
    """Of 100 s of speech."""
    difference = Score(words=words, substituted=errors, differences=tuple(f"word {n} -> world {n}" for n in range(errors)))
    return Figure(speech_s=100.0, cost_s=cost_s, wall_s=cost_s, chunks=4, difference=difference)


def fit(margin_s: float) -> EncoderChoice:
    return EncoderChoice("fit", margin_s)
