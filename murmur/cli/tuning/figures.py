"""What is measured, and of what. Fed by `measuring`; `verdict` and `report` read it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from murmur.word_errors import Score
from schemas.options import DecodingOptions, EncoderWindow
from schemas.work import SAMPLE_RATE_HZ, Span

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """`pcm`: s16le mono 16 kHz. `pieces` and `speech` as a `ChunkReady` has them."""

    pcm: bytes
    pieces: tuple[Span, ...]
    speech: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE_HZ


class Passage(Protocol):
    """A stretch of a recording in which somebody speaks."""

    def chunks(self, max_chunk_s: float) -> Sequence[Chunk]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """`language`: the one that was heard; None without any text. `refitted`: windows that were decoded again in full."""

    text: str
    language: str | None
    refitted: int = 0


class Reader(Protocol):
    """A model in memory. Safe from as many threads as it has replicas."""

    def read(self, chunk: Chunk, decoding: DecodingOptions) -> Reading: ...


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """How much of a 30 s window is encoded. The margin is 0 for `full`, which has none."""

    window: EncoderWindow
    margin_s: float = 0.0

    def __str__(self) -> str:
        return "full" if self.window == "full" else f"fit, {self.margin_s:g} s"

    def applied(self, decoding: DecodingOptions) -> DecodingOptions:
        changes: dict[str, object] = {"encoder_window": self.window}
        if self.window == "fit":
            changes["encoder_margin_s"] = self.margin_s
        return decoding.model_copy(update=changes)


FULL = EncoderChoice("full")


@dataclass(frozen=True, slots=True)
class Figure:
    """One way of reading some speech. `+`: of two passages together. `cost_s`: CPU seconds; on a GPU, seconds.
    `difference`: from the words of the reference, whose own is zero."""

    speech_s: float = 0.0
    cost_s: float = 0.0
    wall_s: float = 0.0
    chunks: int = 0
    refitted: int = 0
    difference: Score = field(default=Score())

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(
            self.speech_s + other.speech_s,
            self.cost_s + other.cost_s,
            self.wall_s + other.wall_s,
            self.chunks + other.chunks,
            self.refitted + other.refitted,
            self.difference + other.difference,
        )

    @property
    def cost_per_s(self) -> float:
        return self.cost_s / self.speech_s

    @property
    def speed(self) -> float:
        """Times real time, by one replica."""
        return self.speech_s / self.wall_s


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Replicas at work: seconds of speech a second, and the CPU cores that they had on average."""

    speed: float
    cores: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of one run; what the time did not reach is empty. `is_all`: the windows read all that there is to read.
    `replicas`: by their number."""

    windows: dict[EncoderChoice, Figure]
    is_all: bool = True
    chunk_limits: dict[float, Figure] = field(default_factory=dict)
    replicas: dict[int, SideBySide] = field(default_factory=dict)
