"""`make demo`: starts the whole system in one process, sends it the bundled clips over HTTP, and shows what happened.

Keeps its data in ./.murmur: the second run is answered from the cache.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from murmur.dev import Dev
from runtime.errors import MurmurError
from runtime.settings import Settings

AUDIO = Path(__file__).parent / "audio"
CLIPS = (
    "en-command.wav",
    "pt-command.wav",
    "en-parallel.flac",
    "pt-parallel.flac",
    "en-video.mp4",
    "pt-meeting-mp3.mp3",
    "en-meeting-opus.ogg",
    "pt-aac.m4a",
    "en-two-minutes.flac",
    "silence.flac",
)
FORMATS = ("json", "txt", "srt", "vtt")
READY_S = 120.0
ENDED = {"SUCCESS", "FAILURE", "REVOKED"}
console = Console(highlight=False, soft_wrap=True)


@dataclass
class Run:
    """One clip on its way, and when what happened to it (seconds since it was sent)."""

    clip: Path
    task_id: str
    upload_s: float
    total_s: float
    status: dict[str, Any]
    document: dict[str, Any] | None = None  # the contents of its .json file


async def follow(http: aiohttp.ClientSession, clip: Path, out: Path) -> Run:
    """Sends one clip, polls its status to the end, prints its transcript, and keeps its files."""
    began_s = time.perf_counter()
    form = aiohttp.FormData()
    form.add_field("file", await asyncio.to_thread(clip.read_bytes), filename=clip.name)
    async with http.post("/api/transcribe/async", data=form) as response:
        response.raise_for_status()
        accepted = await response.json()
    upload_s = time.perf_counter() - began_s
    while True:
        async with http.get(accepted["status_url"]) as response:
            response.raise_for_status()
            status = await response.json()
        if status["state"] in ENDED:
            break
        await asyncio.sleep(0.02)
    run = Run(clip, accepted["task_id"], upload_s, time.perf_counter() - began_s, status)
    show(run)
    if status["state"] == "SUCCESS":
        await keep(http, run, out)
    return run


async def keep(http: aiohttp.ClientSession, run: Run, out: Path) -> None:
    for name in FORMATS:
        async with http.get(f"/api/transcribe/async/{run.task_id}/transcript.{name}") as response:
            response.raise_for_status()
            content = await response.read()
        (out / f"{run.clip.name}.{name}").write_bytes(content)
        if name == "json":
            run.document = json.loads(content)


def show(run: Run) -> None:
    console.print(f"\n[bold]{run.clip.name}[/bold]", end="  ")
    if run.status["state"] != "SUCCESS":
        console.print(f"[red]{run.status['state']}[/red] {run.status.get('error')}")
        return
    result = run.status["result"]
    transcription = result["transcription"]
    cached = "  [green]from the cache[/green]" if result["cached"] else ""
    language = transcription["language"] or "no speech"
    console.print(f"[dim]{transcription['duration']:.1f} s, {language}[/dim]{cached}")
    for segment in transcription["segments"]:
        console.print(f"  [dim]{segment['start']:7.2f} - {segment['end']:6.2f}[/dim]  {segment['text']}", markup=True)


def summary(runs: list[Run]) -> Table:
    """How long each stage took, in seconds. All clips share the model, so most of `decode to text` is waiting for it."""
    table = Table(title="\nHow long it took, in seconds", title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("clip", no_wrap=True)
    for name in ("audio", "upload", "queue", "decode to text", "model", "in all"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(run.clip.name, *stages(run), f"{run.total_s:.2f}")
    return table


def stages(run: Run) -> tuple[str, ...]:
    upload = f"{run.upload_s:.2f}"
    if run.document is None:
        return ("", upload, "", run.status["state"].lower(), "")
    audio = f"{run.document['duration']:.1f}"
    if run.status["result"]["cached"]:
        return (audio, upload, "", "cached", "")
    worked_s = run.document["processing_time"]
    return (
        audio,
        upload,
        f"{max(0.0, run.total_s - run.upload_s - worked_s):.2f}",
        f"{worked_s:.2f}",
        f"{run.document['inference_time']:.2f}",
    )


async def talk(address: str, out: Path) -> list[Run]:
    async with aiohttp.ClientSession(address) as http:
        return list(await asyncio.gather(*(follow(http, AUDIO / name, out) for name in CLIPS)))


def main() -> int:
    began_s = time.perf_counter()
    settings = Settings(model="demo", gateway_host="127.0.0.1", gateway_port=0, log_level="WARNING")
    out = settings.data_dir / "demo"
    out.mkdir(parents=True, exist_ok=True)
    console.print("starting the whole system in this process: broker, store, model and every stage …")
    try:
        with Dev(settings) as system:
            system.wait_ready(READY_S)
            console.print(f"ready after {time.perf_counter() - began_s:.1f} s at {system.address}; sending {len(CLIPS)} clips")
            assert system.address is not None
            runs = asyncio.run(talk(system.address, out))
    except MurmurError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    console.print(summary(runs))
    cached = sum(bool((run.status.get("result") or {}).get("cached")) for run in runs)
    if cached:
        console.print(f"\n[green]{cached} of {len(runs)} answers came from the cache[/green] ({settings.data_dir / 'work'}).")
    console.print(f"\n{len(list(out.iterdir()))} files are in {out}: .json, .txt, .srt and .vtt for each clip.")
    console.print(
        "\nThis was the demo model, which has a vocabulary of a few hundred words. `make dev` uses Whisper `base` (150 MB, once)."
    )
    console.print("Next: `make dev`, then drop a file of yours into .murmur/inbox, or open http://127.0.0.1:8511")
    console.print("      curl -F file=@examples/audio/en-video.mp4 http://127.0.0.1:8511/api/transcribe/async")
    return 0 if all(run.status["state"] == "SUCCESS" for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
