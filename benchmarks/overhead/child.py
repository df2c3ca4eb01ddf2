"""The whole system, as `murmur dev` runs it, in this process. Prints its address, then what it has spent for each line read."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.overhead.meter import Meter
from benchmarks.setup import Setup
from murmur.dev import Dev
from runtime import logs

READY_S = 120.0


def steps() -> list[tuple[Any, str, str]]:
    """Of a job: class or module, function, what the step is called. What is not here shows in the threads."""
    from processors.coordinator import stage as coordinator
    from processors.slicer.vad import SpeechDetector
    from processors.transcriber.mel import LogMel
    from processors.transcriber.whisper import WhisperEngine
    from producers.gateway.submission.upload import Incoming
    from producers.gateway.view.view import View
    from runtime.kafka.acked import AckedCommits
    from runtime.kafka.writer import Writer
    from runtime.objects.directory import DirectoryStore
    from runtime.objects.transcripts import Transcripts
    from schemas import codec

    return [
        (SpeechDetector, "feed", "speech detection"),
        (SpeechDetector, "finish", "speech detection"),
        (LogMel, "__call__", "mel"),
        (WhisperEngine, "_transcribe", "engine, in Python"),
        (coordinator, "decide", "coordinator, decide"),
        *((Transcripts, name, f"transcripts, {name}") for name in ("write", "find", "read")),
        *((DirectoryStore, name, f"store, {name}") for name in ("put", "get", "open", "head")),
        *((View, name, f"view, {name}") for name in ("accept", "apply", "get")),
        (Incoming, "share", "upload"),
        *((codec, name, f"records, {name}") for name in ("encode", "decode", "headers")),
        (Writer, "send", "records, produce"),
        (AckedCommits, "commit", "offsets, commit"),
        (AckedCommits, "_commit", "offsets, commit"),
    ]


def generators() -> list[tuple[Any, str, str]]:
    """The steps that are turns of a generator."""
    from processors.slicer.slicing import Slicer
    from processors.transcriber.stage import Transcriber

    return [(Slicer, "slice", "decode and cut"), (Transcriber, "handle", "transcriber, handle")]


def main(data_dir: str, setup: str) -> None:
    meter = Meter()
    for step in steps():
        meter.count(*step)
    for step in generators():
        meter.count_generator(*step)
    settings = Setup.from_json(setup).settings().model_copy(update={"data_dir": Path(data_dir)})
    logs.set_up(settings)
    with Dev(settings) as dev:
        dev.wait_ready(READY_S)
        print(dev.address, flush=True)
        for _ in sys.stdin:
            print(json.dumps(dataclasses.asdict(meter.spent())), flush=True)
    os._exit(0)  # as `murmur dev` does


if __name__ == "__main__":
    main(*sys.argv[1:])
