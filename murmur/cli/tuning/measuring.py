"""The same speech with different settings: encoder windows, chunk limits, replicas. Each for its share of the time.

Gets passages from `recordings`; returns figures for `verdict`. Depends on the protocols of model and clock only.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from murmur.cli.tuning.figures import FULL, Chunk, EncoderChoice, Figure, Measured, Passage, Reader, Reading, SideBySide
from murmur.word_errors import score
from schemas.options import DecodingOptions

FIT_MARGINS_S = (2.0, 5.0, 8.0)
CHUNK_LIMITS_S = (10.0, 20.0, 30.0)
WINDOWS_SHARE, CHUNK_LIMITS_SHARE = 0.6, 0.85  # share of the time at which these end; the rest is for replicas


@dataclass(frozen=True, slots=True)
class Clock:
    """`cost_s`: the cost by which settings are compared."""

    wall_s: Callable[[], float] = time.perf_counter
    cost_s: Callable[[], float] = time.process_time


class Budget:
    """Time that may be spent, starting now. `report` receives the share that is used."""

    def __init__(self, total_s: float, clock: Clock, report: Callable[[float], None]) -> None:
        self._clock, self._report = clock, report
        self._total_s = total_s
        self._began_s = clock.wall_s()

    def left_s(self, until_share: float = 1.0) -> float:
        """Until that share of the time is used; negative afterwards."""
        spent_s = self._clock.wall_s() - self._began_s
        self._report(min(spent_s / self._total_s, 1.0))
        return self._total_s * until_share - spent_s

    def end(self) -> None:
        self._report(1.0)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage and its options: one language, as the system would determine it for a file."""

    passage: Passage
    decoding: DecodingOptions


@dataclass(frozen=True, slots=True)
class Cores:
    """CPU cores. `load` returns a reader with that many replicas."""

    count: int
    load: Callable[[int], Reader]


class Measuring:
    """`decoding` and `max_chunk_s` are the model's defaults; the measurements vary them."""

    def __init__(self, decoding: DecodingOptions, max_chunk_s: float, budget: Budget, clock: Clock) -> None:
        self._decoding, self._max_chunk_s = decoding, max_chunk_s
        self._budget, self._clock = budget, clock
        self._sources: list[Source] = []  # transcribed in all windows
        self._is_all = True

    def windows(self, reader: Reader, passages: Iterable[Passage]) -> dict[EncoderChoice, Figure]:
        """Every chunk in every window, at least one chunk if there is any. `full` is the reference."""
        figures = dict.fromkeys(self._choices, Figure())
        for passage in passages:
            chunks = passage.chunks(self._max_chunk_s)
            source = Source(passage, self._in_one_language(reader, chunks))
            self._sources.append(source)
            for chunk in chunks:
                if figures[FULL].chunks and self._budget.left_s(WINDOWS_SHARE) <= 0:
                    self._is_all = False
                    return figures
                reference = ""
                for choice in figures:
                    text, figure = self._timed(reader, [chunk], choice.applied(source.decoding))
                    reference = text if choice == FULL else reference
                    figures[choice] += replace(figure, difference=score(reference, text))
        return figures

    def others(self, windows: dict[EncoderChoice, Figure], best: EncoderChoice, reader: Reader, cores: Cores | None) -> Measured:
        """Everything that is measured with the best window, on the passages that were transcribed in all windows."""
        speed = windows[best].speed
        limits = self._limits(reader, best, speed)
        replicas: dict[int, SideBySide] = {}
        if cores:
            counts = replica_counts(cores.count)
            replicas = self._replicas(cores.load(cores.count), best, speed, counts)
        self._budget.end()
        return Measured(windows, self._is_all, limits, replicas)

    def _limits(self, reader: Reader, best: EncoderChoice, speed: float) -> dict[float, Figure]:
        """Every passage at every limit, while there is time. The model's default is the reference."""
        limits = [self._max_chunk_s, *(limit for limit in CHUNK_LIMITS_S if limit != self._max_chunk_s)]
        figures = dict.fromkeys(limits, Figure())
        for source in self._sources:
            speech_s = sum(chunk.duration_s for chunk in source.passage.chunks(self._max_chunk_s))
            if len(limits) * speech_s / speed > self._budget.left_s(CHUNK_LIMITS_SHARE):
                break
            reference = None
            for limit in limits:
                text, figure = self._timed(reader, source.passage.chunks(limit), best.applied(source.decoding))
                reference = text if reference is None else reference
                figures[limit] += replace(figure, difference=score(reference, text))
        return dict(sorted(figures.items())) if figures[self._max_chunk_s].chunks else {}

    def _replicas(self, reader: Reader, best: EncoderChoice, speed: float, counts: Sequence[int]) -> dict[int, SideBySide]:
        """Every thread transcribes the same chunks, so that all end at about the same time."""
        each_s = self._budget.left_s() / len(counts)
        chosen: list[tuple[Chunk, DecodingOptions]] = []
        speech_s = 0.0
        for source in self._sources:
            for chunk in source.passage.chunks(self._max_chunk_s):
                if (speech_s + chunk.duration_s) / speed <= each_s:
                    chosen.append((chunk, best.applied(source.decoding)))
                    speech_s += chunk.duration_s
        return {count: self._side_by_side(reader, chosen, count) for count in counts} if chosen else {}

    @property
    def _choices(self) -> list[EncoderChoice]:
        """`full` first; the model's own margin among the others."""
        margins = {*FIT_MARGINS_S, *([self._decoding.encoder_margin_s] if self._decoding.encoder_window == "fit" else [])}
        return [FULL, *(EncoderChoice("fit", margin_s) for margin_s in sorted(margins))]

    def _in_one_language(self, reader: Reader, chunks: Sequence[Chunk]) -> DecodingOptions:
        if self._decoding.language is not None:
            return self._decoding
        narrow = FULL.applied(self._decoding).model_copy(update={"beam_size": 1})
        return self._decoding.model_copy(update={"language": reader.read(chunks[0], narrow).language})

    def _timed(self, reader: Reader, chunks: Sequence[Chunk], decoding: DecodingOptions) -> tuple[str, Figure]:
        wall_s, cost_s = self._clock.wall_s(), self._clock.cost_s()
        readings: list[Reading] = [reader.read(chunk, decoding) for chunk in chunks]
        figure = Figure(
            speech_s=sum(chunk.duration_s for chunk in chunks),
            cost_s=self._clock.cost_s() - cost_s,
            wall_s=self._clock.wall_s() - wall_s,
            chunks=len(chunks),
            refitted=sum(reading.refitted for reading in readings),
        )
        return " ".join(reading.text for reading in readings), figure

    def _side_by_side(self, reader: Reader, chosen: Sequence[tuple[Chunk, DecodingOptions]], threads: int) -> SideBySide:
        wall_s, cost_s = self._clock.wall_s(), self._clock.cost_s()
        with ThreadPoolExecutor(threads, "tune") as pool:
            for done in [pool.submit(lambda: [reader.read(*each) for each in chosen]) for _ in range(threads)]:
                done.result()
        wall_s, cost_s = self._clock.wall_s() - wall_s, self._clock.cost_s() - cost_s
        self._budget.left_s()  # reports
        return SideBySide(threads * sum(chunk.duration_s for chunk, _ in chosen) / wall_s, cost_s / wall_s)


def replica_counts(cores: int) -> list[int]:
    """1, 2, 4 … and all."""
    return sorted({*(1 << power for power in range(cores.bit_length())), cores})
