"""The whole system, as `murmur dev` runs it, in this process. Prints its address, then what it has spent for each line read."""

import dataclasses
import json
import os
import sys
from pathlib import Path

from benchmarks.overhead.meter import Meter
from murmur.dev import Dev
from runtime import logs
from runtime.settings import Settings

READY_S = 120.0


def metered() -> Meter:
    """Counts the steps of a job. What is not here shows in the threads."""
    from processors.coordinator import stage as coordinator
    from processors.slicer import slicing, vad
    from processors.transcriber import stage as transcriber
    from processors.transcriber import whisper
    from producers.gateway import status, upload, view
    from runtime.kafka import acked, writer
    from runtime.objects import directory, transcripts
    from schemas import codec

    meter = Meter()
    meter.count_generator(slicing.Slicer, "slice", "decode and cut")
    meter.count(vad.SpeechDetector, "feed", "speech detection")
    meter.count(vad.SpeechDetector, "finish", "speech detection")
    meter.count(whisper.WhisperEngine, "_mel", "mel")
    meter.count(whisper.WhisperEngine, "_transcribe", "engine, in Python")
    meter.count_generator(transcriber.Transcriber, "handle", "transcriber, handle")
    meter.count(coordinator, "decide", "coordinator, decide")
    for name in ("write", "find", "read"):
        meter.count(transcripts.Transcripts, name, f"transcripts, {name}")
    for name in ("put", "get", "open", "head"):
        meter.count(directory.DirectoryStore, name, f"store, {name}")
    for name in ("accept", "apply", "get"):
        meter.count(view.View, name, f"view, {name}")
    meter.count(status.Documents, "_result", "status document")
    meter.count(upload.Incoming, "_finish", "upload, hash")
    for name in ("encode", "decode", "headers"):
        meter.count(codec, name, f"records, {name}")
    meter.count(writer.Writer, "send", "records, produce")
    meter.count(acked.AckedCommits, "_commit", "offsets, commit")
    meter.count(acked.AckedCommits, "advance", "offsets, advance")
    return meter


def main(data_dir: str, compute_type: str) -> None:
    meter = metered()
    settings = Settings(model="demo", data_dir=Path(data_dir), gateway_port=0, compute_type=compute_type)
    logs.set_up(settings)
    with Dev(settings) as dev:
        dev.wait_ready(READY_S)
        print(dev.address, flush=True)
        for _ in sys.stdin:
            print(json.dumps(dataclasses.asdict(meter.spent())), flush=True)
    os._exit(0)  # as `murmur dev` does


if __name__ == "__main__":
    main(*sys.argv[1:])
