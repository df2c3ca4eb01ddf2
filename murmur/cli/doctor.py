"""`murmur doctor`: checks the usual mistakes of a set-up, and says how to fix each."""

import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import MurmurError

if TYPE_CHECKING:
    from runtime.settings import Settings

MIN_FREE_BYTES = 2 * 1024**3
BROKER_S = 5.0


@dataclass(frozen=True)
class Check:
    """`fix` is None where nothing is wrong. `needed_by`: "dev" for every use, "run" only for `murmur run`."""

    name: str
    found: str
    fix: str | None = None
    needed_by: str = "dev"


def doctor(json: Annotated[bool, typer.Option("--json", help="one JSON object per check")] = False) -> None:
    """Check names of settings, model, device, disk, port, broker, topics and store. Exits with 1 when something must be fixed.

    Broker, topics and store are needed for `murmur run` only; `murmur dev` has its own.
    """
    from murmur.cli import load

    checks = list(examine(load.settings()))
    for check in checks:
        if json:
            import orjson

            typer.echo(orjson.dumps(check.__dict__))
            continue
        mark = "ok  " if check.fix is None else "FIX "
        typer.echo(f"{mark} {check.name:8} {check.found}" + (" (for `murmur run`)" if check.needed_by == "run" else ""))
        if check.fix is not None:
            typer.echo(f"              {check.fix}")
    if any(check.fix is not None for check in checks):
        raise typer.Exit(1)


def examine(settings: "Settings") -> Iterator[Check]:
    """One check after the other; none raises."""
    yield _python()
    yield _names()
    yield _model(settings)
    yield _device(settings)
    yield _disk(settings)
    yield _port(settings)
    yield _guarded("broker", "start Kafka there, or set MURMUR_KAFKA_BOOTSTRAP", lambda: _broker(settings))
    yield _guarded("topics", "run `murmur topics apply`", lambda: _topics(settings))
    yield _guarded("store", "set MURMUR_S3_ENDPOINT and the keys, then run `murmur buckets apply`", lambda: _store(settings))


def _python() -> Check:
    return Check("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}")


def _names() -> Check:
    """A misspelt setting is ignored silently, and the default is used."""
    from murmur.cli import load

    misspelt = load.misspelt()
    if not misspelt:
        return Check("settings", "no unknown MURMUR_ names")
    return Check("settings", f"unknown: {misspelt}", "fix or unset them; `murmur config` lists all names")


def _model(settings: "Settings") -> Check:
    from runtime.models import catalogue

    name = settings.model or catalogue.default_for(settings.device)
    try:
        model = catalogue.resolve(name, settings.models_dir)
    except MurmurError as error:
        return Check("model", f"{name} cannot be used", str(error))
    chosen = "" if settings.model else f"; chosen by device (without MURMUR_MODEL `murmur run` uses {catalogue.RUN_DEFAULT})"
    path = catalogue.cached(model)
    where = f"at {path}" if path else f"not downloaded yet: the first use downloads it from {model.repository}"
    return Check("model", f"{model.ref.name}, revision {model.ref.revision}, {where}{chosen}")


def _device(settings: "Settings") -> Check:
    import ctranslate2

    gpus = ctranslate2.get_cuda_device_count()
    if settings.device == "cuda" and not gpus:
        return Check("device", "no GPU found", "install murmur[gpu] and the NVIDIA driver, or set MURMUR_DEVICE=cpu")
    return Check("device", f"{gpus} GPU" if gpus else "CPU; no GPU found")


def _disk(settings: "Settings") -> Check:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    found = f"{free_bytes / 1024**3:.0f} GiB free at {folder}"
    return Check("disk", found, None if free_bytes > MIN_FREE_BYTES else "free some space, or set MURMUR_DATA_DIR")


def _port(settings: "Settings") -> Check:
    where = f"{settings.gateway_host}:{settings.gateway_port}"
    try:
        family = socket.getaddrinfo(settings.gateway_host, None)[0][0]
    except OSError as error:
        return Check("port", f"{settings.gateway_host} is not a valid address: {error.strerror}", "set MURMUR_GATEWAY_HOST")
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.gateway_host, settings.gateway_port))
        except OSError as error:
            fix = "stop the program that uses it (another murmur?), or set MURMUR_GATEWAY_HOST and MURMUR_GATEWAY_PORT"
            return Check("port", f"{where} cannot be used: {error.strerror}", fix)
    return Check("port", f"{where} is free")


def _guarded(name: str, fix: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, check(), needed_by="run")
    except MurmurError as error:
        return Check(name, str(error), fix, needed_by="run")


def _broker(settings: "Settings") -> str:
    from runtime.kafka.client import Kafka

    brokers = Kafka.from_settings(settings).brokers(BROKER_S)
    return f"{len(brokers)} at {', '.join(brokers)}"


def _topics(settings: "Settings") -> str:
    from runtime.kafka import topics
    from runtime.kafka.client import Kafka

    kafka = Kafka.from_settings(settings)
    kafka.brokers(BROKER_S)
    topics.check(kafka)
    return f"all present, with the prefix {kafka.prefix}"


def _store(settings: "Settings") -> str:
    from runtime.objects import open as stores

    store = stores.from_settings(settings)
    for bucket in (settings.uploads_bucket, settings.work_bucket, settings.results_bucket):
        store.check(bucket)
    return f"{settings.s3_endpoint or 'AWS' if settings.store == 's3' else settings.store_dir}: all three buckets can be read"
