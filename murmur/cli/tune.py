"""`murmur tune`: the best settings for a model on this machine, measured on the user's own recordings.

The work is in `murmur.cli.tuning`; this is the command around it.
"""

import os
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from murmur.cli import options
from runtime.errors import UsageError

if TYPE_CHECKING:
    from murmur.cli.progress import Reporter
    from murmur.cli.tuning.recordings import Recordings
    from murmur.cli.tuning.report import Report
    from murmur.cli.tuning.verdict import Defaults
    from runtime.effective_options import EffectiveOptions
    from runtime.models.catalogue import Model
    from runtime.settings import Settings

INTERRUPTED = 130
# The measured settings, with their values when unset.
VARIED: dict[str, int | None] = {"encoder_window": None, "encoder_margin_s": None, "max_chunk_s": None, "model_replicas": 0}


def tune(
    audio: Annotated[Path | None, typer.Option(help="a folder of your recordings, including its subfolders")] = None,
    model: Annotated[str | None, typer.Option(help=options.MODEL_HELP)] = None,
    language: options.Language = None,
    minutes: Annotated[float, typer.Option(min=0.05, help="time to spend, after the model is loaded")] = 2.0,
    write: Annotated[
        Path | None, typer.Option(help="set what is recommended in this file, such as .env, and remove what is not")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object with all figures")] = False,
) -> None:
    """Measure speed and word differences on your own recordings, and print or write the settings to use.

    Transcribes the same speech with the encoder windows full and fit, at several chunk limits, and with 1, 2 … replicas. As
    there is no reference text, texts are compared with those of full: a setting is recommended if at most 0.2 % of the words
    differ and it uses less than 90 % of the CPU time. Run it on an otherwise idle machine. The report goes to standard
    output, progress to standard error.
    """
    from murmur.cli import load
    from murmur.cli.progress import reporting
    from murmur.cli.tuning import env_file, recordings, report
    from runtime import logs
    from runtime.models import catalogue

    files = recordings.files(audio)
    if write is not None:
        env_file.check(write)
    settings = load.settings(model=model, log_level="ERROR")
    logs.set_up(settings)
    chosen = catalogue.resolve(catalogue.chosen(settings) or catalogue.default_for(settings.device), settings.models_dir)
    options.check_language(language, chosen)
    try:
        with reporting(sys.stderr) as reporter:
            found = _report(settings, chosen, language, files, minutes * 60, reporter)
    except KeyboardInterrupt:  # no thread may keep the process running: neither the download's nor one that transcribes
        os._exit(INTERRUPTED)
    if write is not None:
        env_file.write(write, found.verdict.settings, found.unset)
    if json:
        import orjson

        typer.echo(orjson.dumps(report.as_json(found), option=orjson.OPT_INDENT_2))
    else:
        typer.echo("\n".join(report.lines(found)))


def _report(
    settings: "Settings", model: "Model", language: str | None, files: list[Path], time_s: float, reporter: "Reporter"
) -> "Report":
    """Raises UsageError when there is nothing to measure with."""
    from murmur.cli.tuning.recordings import Recordings
    from processors.slicer.sandbox.pool import Decoders
    from processors.slicer.sandbox.process import Limits
    from runtime import languages
    from runtime.effective_options import effective_options

    only = model.languages[0] if len(model.languages) == 1 else None
    effective = effective_options(settings.model_copy(update=VARIED), model, language=languages.parse(language or "") or only)
    with closing(Decoders(Limits(settings.decoder_memory_mb << 20, settings.decoder_cpu_s))) as decoders:
        recordings = Recordings(files, effective.slicing, settings.max_audio_s, decoders, reporter.failed)
        return _measured(settings, model, effective, recordings, time_s, reporter)


def _measured(
    settings: "Settings",
    model: "Model",
    effective: "EffectiveOptions",
    recordings: "Recordings",
    time_s: float,
    reporter: "Reporter",
) -> "Report":
    from murmur.cli import download
    from murmur.cli.tuning import verdict
    from murmur.cli.tuning.measuring import Budget, Clock, Cores, Measuring
    from murmur.cli.tuning.reader import load
    from murmur.cli.tuning.report import Report

    default = _defaults(settings, model)
    passages = recordings.passages()
    first = next(passages, None)
    if first is None:
        reason = "no file contains speech" if recordings.silent else "no file can be read as audio"
        raise UsageError(f"{reason}: name a folder of recordings with --audio")
    download.fetch(model, reporter)
    reporter.note(f"loading the model {model.ref.name}")
    reader = load(model, settings, 1)
    clock = Clock() if default.replicas else Clock(cost_s=Clock().wall_s)
    budget = Budget(time_s, clock, lambda share: reporter.progress("measuring", share))
    work = Measuring(effective.decoding, effective.slicing.max_chunk_s, budget, clock)
    windows = work.windows(reader, chain([first], passages))
    encoder = verdict.best_encoder(windows, default.encoder)
    cores = Cores(default.replicas, lambda count: load(model, settings, count)) if default.replicas else None
    measured = work.others(windows, encoder, reader, cores)
    return Report(model.ref.name, recordings.files, default, measured, verdict.of(measured, default), _now(settings))


def _defaults(settings: "Settings", model: "Model") -> "Defaults":
    from murmur.cli.tuning.figures import FULL, EncoderChoice
    from murmur.cli.tuning.verdict import Defaults
    from processors.transcriber import loading

    encoder = EncoderChoice("fit", model.encoder_margin_s) if model.encoder_window == "fit" else FULL
    on_cpu = loading.device_of(settings) == "cpu"
    return Defaults(encoder, model.max_chunk_s, loading.usable_cores() if on_cpu else None)


def _now(settings: "Settings") -> dict[str, str]:
    """The measured settings that are set now, with their values."""
    values = {name: getattr(settings, name) for name in VARIED}
    return {f"MURMUR_{name.upper()}": _plain(value) for name, value in values.items() if value != VARIED[name]}


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
