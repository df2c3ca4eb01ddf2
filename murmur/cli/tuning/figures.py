"""The measured figures and their subjects. Filled by `measuring`, read by `verdict` and `report`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from murmur.word_errors import Score
from schemas.options import DecodingOptions, EncoderWindow
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """`pcm`: s16le mono 16 kHz. `pieces` and `speech` as in `ChunkReady`."""

    pcm: bytes
    pieces: tuple[Span, ...]
    speech: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE_HZ


class Passage(Protocol):
    """A part of a recording that contains speech."""

    def chunks(self, max_chunk_s: float) -> Sequence[Chunk]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """`language`: the detected one; None without any text. `refitted`: number of windows that were decoded again in full."""

    text: str
    language: str | None
    refitted: int = 0


class Reader(Protocol):
    """A loaded model. May be called from as many threads as it has replicas."""

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
    """One set of settings on some speech; `+` adds up two passages. `cost_s`: CPU seconds; on a GPU, wall seconds.
    `difference`: to the words of the reference, for which it is zero."""

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
    """Replicas in parallel: seconds of speech per second, and the average number of CPU cores that they used."""

    speed: float
    cores: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of one run; empty where the time was too short. `is_all`: the windows were measured on all of the recordings.
    `replicas`: by their number."""

    windows: dict[EncoderChoice, Figure]
    is_all: bool = True
    chunk_limits: dict[float, Figure] = field(default_factory=dict)
    replicas: dict[int, SideBySide] = field(default_factory=dict)
