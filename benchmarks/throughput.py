"""Many short files over HTTP, beside faster-whisper in process and the bare engine on the same chunks, turn by turn in one run.

`python -m benchmarks.throughput [--models M ...] [--windows full fit] [--in-flight N ...] [--clips N] [--rounds N]
[--compute-type T]`. All three have the same weights, compute type, beam and threads (two replicas of one thread). With `full`
they encode the same windows; `fit` is murmur's shorter one. The system is murmur with all of its stages in a process of its
own, with an empty cache; its CPU seconds are those of all of its processes. The bare engine gets chunks that are cut already, so
it decodes nothing and detects no speech; one job in flight is compared with one thread. Clips have 3 to 15 s: recorded English,
for the demo model the bundled recordings.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import ParamSpec

from benchmarks.bare import Bare
from benchmarks.figures import conditions
from benchmarks.overhead.client import Client
from benchmarks.overhead.clips import clips_for
from benchmarks.overhead.faster_whisper import FasterWhisper
from benchmarks.overhead.system import System
from benchmarks.setup import Setup
from schemas.options import EncoderWindow

SETTLE_S = 3.0  # after the start
WARM_UP = 8  # clips that are read before anything is measured, so that the decoder processes have started
P = ParamSpec("P")
WINDOWS: tuple[EncoderWindow, ...] = ("full", "fit")


@dataclass(frozen=True, slots=True)
class Figure:
    """Of one turn over all clips. `load`: of the machine, at its end."""

    wall_s: float
    cpu_s: float
    load: float


@dataclass(frozen=True, slots=True)
class Turns:
    """One turn of each."""

    system: Figure
    reference: Figure
    bare: Figure


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["demo", "tiny.en"], help="demo, or names of scripts.models")
    parser.add_argument("--windows", nargs="+", choices=WINDOWS, default=list(WINDOWS), help="the encoder's")
    parser.add_argument("--in-flight", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--compute-type", default="int8")
    return parser.parse_args()


def timed(cpu_s: Callable[P, float], *args: P.args, **kwargs: P.kwargs) -> Figure:
    began_s = time.perf_counter()
    spent_s = cpu_s(*args, **kwargs)
    return Figure(time.perf_counter() - began_s, spent_s, os.getloadavg()[0])


def by_system(setup: Setup, clips: Sequence[bytes], in_flight: int) -> Figure:
    """From the first submit to the last end."""
    with System(setup) as system:
        client = Client(system.address, by_polls=False)
        client.transcribe([clips[0] + bytes(2 * n) for n in range(1, WARM_UP + 1)], in_flight)
        time.sleep(SETTLE_S)

        def spent() -> float:
            before = system.spent()
            client.transcribe(clips, in_flight)
            return system.spent().since(before).process_s

        return timed(spent)


def turns(setup: Setup, clips: Sequence[bytes], levels: Sequence[int], rounds: int) -> Iterator[tuple[int, Turns]]:
    bare = Bare(setup)
    with FasterWhisper(setup) as reference:
        chunks = bare.sliced(clips)
        reference.cpu_s(clips[:WARM_UP])
        bare.read(chunks[:WARM_UP], setup.replicas)
        for _, in_flight in product(range(rounds), levels):
            threads = min(in_flight, setup.replicas)
            system = by_system(setup, clips, in_flight)
            yield in_flight, Turns(system, timed(reference.cpu_s, clips, threads), timed(bare.read, chunks, threads))


def row(setup: Setup, in_flight: int, found: Sequence[Turns], clips: int) -> str:
    """Medians of the rounds; ratios are of one round each."""

    def of(figure: Callable[[Turns], float], digits: int = 2) -> str:
        return f"{median(map(figure, found)):.{digits}f}"

    cells = [
        setup.model,
        str(setup.window),
        str(in_flight),
        of(lambda turn: clips / turn.system.wall_s),
        of(lambda turn: clips / turn.reference.wall_s),
        of(lambda turn: clips / turn.bare.wall_s),
        of(lambda turn: turn.reference.wall_s / turn.system.wall_s),
        of(lambda turn: 1000 * turn.system.cpu_s / clips, 0),
        of(lambda turn: 1000 * turn.reference.cpu_s / clips, 0),
        of(lambda turn: 1000 * turn.bare.cpu_s / clips, 0),
        of(lambda turn: turn.system.cpu_s / turn.reference.cpu_s),
        of(lambda turn: 1000 * (turn.system.wall_s - turn.bare.wall_s) / clips, 0) if in_flight == 1 else "",
        of(lambda turn: max(turn.system.load, turn.reference.load, turn.bare.load), 1),
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| model | window | in flight | clips/s: murmur | faster-whisper | bare engine | murmur / faster-whisper "
    "| CPU ms a clip: murmur | faster-whisper | bare engine | murmur / faster-whisper | ms over the engine | load |"
)


def main() -> None:
    options = arguments()
    print(HEAD, "|" + "---|" * (HEAD.count("|") - 1), sep="\n", flush=True)
    for model, window in product(options.models, options.windows):
        setup = Setup(model, options.compute_type, window)
        clips = clips_for(model, options.clips)
        found = list(turns(setup, clips, options.in_flight, options.rounds))
        for in_flight in options.in_flight:
            print(row(setup, in_flight, [turn for level, turn in found if level == in_flight], len(clips)), flush=True)
    print(f"\n{conditions()}; {options.clips} clips, {options.compute_type}, {options.rounds} rounds")


if __name__ == "__main__":
    main()
