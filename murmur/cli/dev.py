"""`murmur dev`: the whole system in one process."""

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from murmur.cli import options
from runtime.errors import DeviceLost

if TYPE_CHECKING:
    from murmur.dev import Dev
    from runtime.models.catalogue import Model

# Their INFO lines repeat what `dev` prints, or have no use where every stage has all partitions.
HIDDEN = ("runtime.kafka", "processors.coordinator.stage", "producers.gateway.server", "sinks.metrics.stage")
MODEL_S = 600.0  # the longest time that a model may take to load


def dev(
    inbox: Annotated[Path | None, typer.Option(help="watched folder [default: <data>/inbox]")] = None,
    outbox: Annotated[Path | None, typer.Option(help="result files [default: `transcripts` next to the inbox]")] = None,
    data: Annotated[Path | None, typer.Option(help="all other data [default: .murmur]")] = None,
    host: Annotated[str | None, typer.Option(help="address to listen on [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on; 0: any free one [default: 8511]")] = None,
    kafka_port: Annotated[
        int | None, typer.Option(help="port of the broker; 0: any free one [default: the last one used in the data folder]")
    ] = None,
    model: Annotated[str | None, typer.Option(help=options.MODEL_HELP)] = None,
    no_auth: options.NoAuth = False,
) -> None:
    """Run the whole system in one process: no Kafka, no S3 store, no account.

    Drop audio or video into the inbox, or open the printed address. Kafka clients can read the topics at the printed broker;
    so can `murmur dlq list`, with MURMUR_KAFKA_BOOTSTRAP set to it. Both addresses stay the same after a restart. Ctrl-C stops
    it. An address that others can reach needs API keys (`murmur keys new`), or --no-auth.
    """
    from murmur.cli import download, load
    from murmur.dev import Dev
    from murmur.tracing import set_up
    from runtime import exposure, logs, tracing
    from runtime.models import catalogue

    folders = {"inbox": inbox, "outbox": outbox, "data_dir": data}
    server = {"gateway_host": host, "gateway_port": port, "dev_kafka_port": kafka_port, "no_auth": no_auth or None}
    settings = load.settings(**folders, **server, model=model)
    logs.set_up(settings)
    if settings.log_level != "DEBUG":
        logs.hide(*HIDDEN)
    load.warn_of_misspelt()
    exposure.check(settings)
    set_up(settings, "murmur")
    system = Dev(settings)
    served, others = catalogue.of(system.settings), catalogue.others(system.settings)
    for each in (served, *others):
        download.in_foreground(each)
    _stop_on_signals(system.stop)
    began_s = time.monotonic()
    try:
        _run(system, served, others)
    except DeviceLost as error:
        _start_again(error, time.monotonic() - began_s)
    tracing.close()
    logs.get_logger(__name__).info("murmur.stopped")
    os._exit(0)  # a stage that hangs in a library call must not keep the process running


def _run(system: "Dev", served: "Model", others: "Sequence[Model]") -> None:
    """Blocks until it is stopped."""
    from runtime import logs
    from runtime.models import catalogue

    with system:
        system.wait_ready(MODEL_S)
        if system.address:
            typer.echo(f"murmur is ready: {system.address}")
            typer.echo(f"  drop files into  {system.settings.inbox}")
            typer.echo(f"  find results in  {system.settings.outbox}")
            typer.echo(f"  model            {served.ref.name}, revision {served.ref.revision}")
            for other in others:
                typer.echo(f"  also served      {other.ref.name}, revision {other.ref.revision}")
            typer.echo(f"  command line     {command()} --help")
            if system.broker is not None:
                typer.echo(f"  Kafka clients    {system.broker.bootstrap}")
            for warning in catalogue.warnings_of(served.ref):
                typer.echo(f"  note             {warning.message}")
        system.wait()
        logs.hide("runtime.kafka", below=logging.ERROR)  # the broker closes before its last clients, which would report that


def _start_again(error: DeviceLost, uptime_s: float) -> NoReturn:
    """In a new process, which has a new CUDA context, in this one's place: with its arguments and process id. Raises the error
    if it comes so soon that this would be repeated without end."""
    from runtime.logs import get_logger
    from runtime.supervision import CALM_S

    if uptime_s < CALM_S:
        raise error
    get_logger(__name__).error("murmur.restarted", error=error)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def command() -> str:
    """How this program is called from here: `murmur` where the shell finds it, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("murmur")
    if called.name != "murmur" or (found is not None and Path(found).resolve() == called.resolve()):
        return "murmur"
    path = called.absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    """The first signal stops gracefully, the second forces."""
    from murmur.cli import download

    stopping = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            os._exit(download.INTERRUPTED)
        stopping = True
        stop()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
