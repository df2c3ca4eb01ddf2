"""CPU seconds of many short jobs over HTTP, beside the bare engine and faster-whisper on the same clips, in one run.

`python -m benchmarks.overhead [--clips N] [--in-flight N] [--rounds N] [--model M] [--compute-type T] [--polls] [--alone]
[--texts FILE]`. Rounds are interleaved; each restarts the system, with an empty cache. Clients wait by server-sent events.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.bare import Bare
from benchmarks.figures import conditions
from benchmarks.overhead import report
from benchmarks.overhead.client import Client
from benchmarks.overhead.clips import natural_clips, short_clips
from benchmarks.overhead.faster_whisper import FasterWhisper
from benchmarks.overhead.report import Round
from benchmarks.overhead.system import System
from benchmarks.setup import Setup
from runtime.models.catalogue import DEMO

SETTLE_S, IDLE_S = 5.0, 5.0  # after the start, and then measured without jobs
FIRST = 8  # clips that are read once before anything is counted
Engines = Sequence[Callable[[Sequence[bytes]], float]]  # CPU seconds


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="demo", help="demo, or a name of scripts.models")
    parser.add_argument("--compute-type", default="float32", help="the demo model's own is float32")
    parser.add_argument("--polls", action="store_true", help="wait by polls of the status, as `murmur watch` does")
    parser.add_argument("--alone", action="store_true", help="the system only")
    parser.add_argument("--texts", type=Path, help="write the texts there, a line a clip, to compare two versions")
    return parser.parse_args()


def setup_of(options: argparse.Namespace) -> Setup:
    return Setup(options.model, options.compute_type)


def measured(options: argparse.Namespace, clips: Sequence[bytes], engines: Engines) -> Round:
    """One round. Writes the texts if requested."""
    with System(setup_of(options)) as system:
        time.sleep(SETTLE_S)
        ready = system.spent()
        time.sleep(IDLE_S)
        idle = system.spent()
        answers = Client(system.address, by_polls=options.polls).transcribe(clips, options.in_flight)
        done = system.spent()
    if options.texts:
        options.texts.write_text("\n".join(answers.texts) + "\n")
    bare_s, reference_s = [cpu_s(clips) for cpu_s in engines] or (0.0, 0.0)
    return Round(idle.since(ready), done.since(idle), ready.process_s, answers.polls, bare_s, reference_s)


def main() -> None:
    options = arguments()
    clips = short_clips(options.clips) if options.model == DEMO else natural_clips(options.clips)
    with ExitStack() as opened:
        engines: Engines = []
        if not options.alone:
            setup = setup_of(options)
            engines = [Bare(setup).cpu_s, opened.enter_context(FasterWhisper(setup)).cpu_s]
        for cpu_s in engines:
            cpu_s(clips[:FIRST])
        rounds: list[Round] = []
        for _ in range(options.rounds):
            rounds.append(measured(options, clips, engines))
            print(rounds[-1].line(len(clips)), flush=True)
    print(f"\n{conditions()}; {len(clips)} clips, {options.in_flight} in flight, {options.model}, {options.compute_type}")
    print(report.table(rounds, len(clips)))


if __name__ == "__main__":
    main()
