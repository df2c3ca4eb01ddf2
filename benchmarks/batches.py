"""What a batch costs by its size, on the transcriber's engine alone: speed, time of a batch, memory, word errors.

`python -m benchmarks.batches [--model M] [--device cuda] [--compute-type T ...] [--window full fit] [--sizes N ...]
[--threads N ...] [--files NAME ...] [--repeats N] [--json FILE]`. Files are those of `benchmarks.speech.files`; `--repeats`
transcribes them several times, so that large batches are filled. Memory is that of the device, read every few milliseconds while
batches run.
"""

import argparse
import io
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

from benchmarks.figures import conditions
from benchmarks.speech import files
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import Score, score
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Cut, Slicer
from processors.slicer.vad import load_session
from processors.transcriber.engine import Engine
from processors.transcriber.features import from_pcm
from processors.transcriber.loading import load
from processors.transcriber.windows import ChunkWindows, of_chunk
from runtime import gpus
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.options import DecodingOptions, EncoderWindow, SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ
from scripts import models

FILES = ("talk", "pauses", "unbroken", "noise", "music", "telephone", "quiet", "fast")
READ_S = 0.004
MARGIN_S = 5.0  # of a fitted window
MIB = 1 << 20
BYTES_PER_S = 2 * SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Cost:
    """`peak_bytes`: of the device, while batches ran, above what was in use when the model was loaded."""

    model: str
    compute_type: str
    window: EncoderWindow
    size: int
    threads: int
    audio_s: float
    wall_s: float
    cpu_s: float
    batch_s: float
    batches: int
    filled: float
    peak_bytes: int
    errors: int
    words: int

    def cells(self) -> list[str]:
        return [
            f"{self.model} {self.compute_type} {self.window}",
            str(self.size),
            str(self.threads),
            f"{self.audio_s / self.wall_s:.0f}",
            f"{self.batch_s * 1000:.0f}",
            f"{self.filled:.1f}",
            f"{self.peak_bytes / MIB:.0f}",
            f"{self.cpu_s / self.audio_s * 1000:.1f}",
            f"{self.errors} / {self.words}",
        ]


HEADER = ("model", "B", "threads", "audio s/s", "ms a batch", "windows", "MiB", "CPU ms/s", "word errors")


class Memory:
    """The most that the device has in use while this is open, in bytes; 0 without a GPU."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(READ_S):
            self.peak_bytes = max(self.peak_bytes, used_bytes())


def used_bytes() -> int:
    return next((gpu.used_bytes for gpu in gpus.read()), 0)


@dataclass(slots=True)
class Batches:
    """Chunks in batches of at most `size` windows, as the stage makes them: those of the oldest window's group, one batch for
    each thread."""

    engine: Engine
    size: int
    waiting: list[ChunkWindows]
    times_s: list[float] = field(default_factory=list)
    windows: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(self._work) for _ in range(threads)]:
                done.result()

    def _work(self) -> None:
        while batch := self._take():
            began_s = time.perf_counter()
            texts = self.engine.transcribe([window for chunk in batch if (window := chunk.next)])
            took_s = time.perf_counter() - began_s
            for chunk, text in zip(batch, texts, strict=True):
                chunk.take(text)
            with self._lock:
                self.times_s.append(took_s)
                self.windows += len(batch)
                self.waiting[:0] = [chunk for chunk in batch if chunk.next]

    def _take(self) -> list[ChunkWindows]:
        with self._lock:
            groups = [self.engine.group(window) for chunk in self.waiting if (window := chunk.next)]
            chosen = [at for at, group in enumerate(groups) if group == groups[0]][: self.size]
            batch = [self.waiting[at] for at in chosen]
            self.waiting = [chunk for at, chunk in enumerate(self.waiting) if at not in set(chosen)]
            return batch


class Measurement:
    """One model and compute type on one device."""

    def __init__(self, folder: str, device: str, compute_type: str, names: Sequence[str]) -> None:
        self.model = catalogue.resolve(folder)
        self.engine = load(self.model, Settings(_env_file=None, device=device, compute_type=compute_type, model_replicas=2))
        self.engine.warm_up()
        self._loaded_bytes = used_bytes()
        self._compute_type = compute_type
        self._files = [files.get(name) for name in names]
        slicer = Slicer(open_audio, load_session(), 36_000.0)
        self._cuts = [_cuts(slicer, file) for file in self._files]

    def cost(self, window: EncoderWindow, size: int, threads: int, repeats: int) -> Cost:
        """Blocks."""
        options = DecodingOptions(language="en", encoder_window=window, encoder_margin_s=MARGIN_S)
        chunks = self._chunks(options, repeats)
        Batches(self.engine, size, self._chunks(options, repeats)[: size * threads]).run(threads)  # to warm up
        batches = Batches(self.engine, size, list(chunks))
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        with Memory() as memory:
            batches.run(threads)
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        errors = self._errors(chunks)
        return Cost(
            self.model.ref.name,
            self._compute_type,
            window,
            size,
            threads,
            audio_s=repeats * sum(len(cut.pcm) for cuts in self._cuts for cut in cuts) / BYTES_PER_S,
            wall_s=wall_s,
            cpu_s=cpu_s,
            batch_s=statistics.median(batches.times_s),
            batches=len(batches.times_s),
            filled=batches.windows / len(batches.times_s),
            peak_bytes=max(0, memory.peak_bytes - self._loaded_bytes),
            errors=errors.errors,
            words=errors.words,
        )

    def _chunks(self, options: DecodingOptions, repeats: int) -> list[ChunkWindows]:
        cuts = [cut for cuts in self._cuts for cut in cuts]
        return [of_chunk(from_pcm(cut.pcm), options, cut.chunk.pieces, cut.chunk.speech) for cut in cuts * repeats]

    def _errors(self, chunks: Sequence[ChunkWindows]) -> Score:
        """Of the first time that the files were transcribed."""
        texts = iter(chunks)
        found = Score()
        for file, cuts in zip(self._files, self._cuts, strict=True):
            written = " ".join(segment.text for _ in cuts for segment in next(texts).text().segments)
            found += score(file.text, written)
        return found


def _cuts(slicer: Slicer, file: SpeechFile) -> list[Cut]:
    return [event for event in slicer.slice(io.BytesIO(file.data), SlicingOptions()) if isinstance(event, Cut)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batches", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny.en", help="a name of scripts.models, `demo`, or a folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--compute-type", nargs="+", default=["float16"])
    parser.add_argument("--window", nargs="+", choices=["full", "fit"], default=["full"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--files", nargs="+", default=FILES)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args()


def costs(options: argparse.Namespace) -> Iterator[Cost]:
    folder = options.model if Path(options.model).is_dir() or options.model == "demo" else str(models.path(options.model))
    for compute_type in options.compute_type:
        measurement = Measurement(folder, options.device, compute_type, options.files)
        for window, size, threads in product(options.window, options.sizes, options.threads):
            yield measurement.cost(window, size, threads, options.repeats)


def main() -> None:
    options = arguments()
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", flush=True)
    found = []
    for cost in costs(options):
        found.append(cost)
        print(f"| {' | '.join(cost.cells())} |", flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(each) for each in found]))
    print(f"\n{', '.join(gpu.name for gpu in gpus.read()) or 'no GPU'}; {conditions()}")


if __name__ == "__main__":
    main()
