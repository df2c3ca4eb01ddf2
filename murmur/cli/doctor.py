"""`murmur doctor`: checks the usual mistakes of a set-up, and says how to fix each."""

import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import MurmurError

if TYPE_CHECKING:
    from runtime.settings import Settings

MIN_FREE_BYTES = 2 * 1024**3
BROKER_S = 5.0


@dataclass(frozen=True)
class Check:
    """`fix` is None where nothing is wrong. `needed_by`: "dev" for every use, "run" only for `murmur run`. `advice`: how to make
    better what works."""

    name: str
    found: str
    fix: str | None = None
    needed_by: str = "dev"
    advice: str | None = None


def doctor(
    json: Annotated[bool, typer.Option("--json", help="one JSON object per check")] = False,
    verify_cache: Annotated[
        bool, typer.Option("--verify-cache", help="instead, compare all stored transcripts with their audio, which takes long")
    ] = False,
) -> None:
    """Check what `murmur dev` needs, then what `murmur run` needs in addition, and say how to fix what is missing.

    Exits with 1 when `murmur dev` would not work. The checks of the Kafka broker, topics and object store affect the exit code
    only if one of their settings is set.
    """
    from murmur.cli import load

    settings = load.settings()
    is_cluster = has_cluster(settings)
    if verify_cache:
        _verify_cache(settings, is_cluster=is_cluster)
        return
    dev = _report("murmur dev, murmur transcribe", examine_dev(settings), json, is_required=True)
    unset = "" if is_cluster else " (no setting of Kafka or the store is set)"
    cluster = _report(f"\nmurmur run: a cluster{unset}", examine_cluster(settings), json, is_required=is_cluster)
    if not (dev and (cluster or not is_cluster)):
        raise typer.Exit(1)


def _verify_cache(settings: "Settings", *, is_cluster: bool) -> None:
    from contextlib import closing

    from murmur.cli.cache_check import check_cache
    from murmur.dev.system import store_of
    from processors.slicer.sandbox.pool import Decoders
    from processors.slicer.sandbox.process import Limits
    from processors.slicer.slicing import Slicer
    from processors.slicer.vad import load_session
    from runtime.objects import open as stores

    objects = stores.from_settings(settings) if is_cluster else store_of(settings)
    with closing(Decoders(Limits(settings.decoder_memory_mb << 20, settings.decoder_cpu_s))) as decoders:
        report = check_cache(objects, settings, Slicer(decoders, load_session(), settings.max_audio_s))
    for line in report.lines():
        typer.echo(line)
    if report.wrong:
        raise typer.Exit(1)


def _report(title: str, checks: Iterator[Check], json: bool, *, is_required: bool) -> bool:
    """Prints a section, each check as soon as it is done. Whether all is well."""
    if not json:
        typer.echo(title)
    done = []
    for check in checks:
        done.append(check)
        _print(check, json, is_required=is_required)
    if not json:
        typer.echo(summary(done, is_required=is_required))
    return not missing(done)


def _print(check: Check, json: bool, *, is_required: bool) -> None:
    if json:
        import orjson

        typer.echo(orjson.dumps(asdict(check)))
        return
    hint = check.fix or check.advice
    mark = "ok  " if hint is None else "note" if check.fix is None else "FIX " if is_required else "-   "
    typer.echo(f"{mark} {check.name:8} {check.found}")
    if hint is not None:
        typer.echo(f"              {hint}")


def missing(checks: Sequence[Check]) -> list[str]:
    return [check.name for check in checks if check.fix is not None]


def summary(checks: Sequence[Check], *, is_required: bool) -> str:
    """The last line of a section. `is_required`: the command is to be used."""
    command = f"`murmur {checks[0].needed_by}`"
    if names := ", ".join(missing(checks)):
        return f"{command} needs fixes: {names}." if is_required else f"{command} lacks {names}. `murmur dev` needs none of it."
    return f"{command} works" + ("; see the notes." if any(check.advice for check in checks) else ".")


def examine(settings: "Settings") -> Iterator[Check]:
    """One check after the other; none raises."""
    yield from examine_dev(settings)
    yield from examine_cluster(settings)


def examine_dev(settings: "Settings") -> Iterator[Check]:
    yield _python()
    yield _names()
    yield _model(settings)
    yield _device(settings)
    yield _decoder(settings)
    yield _disk(settings)
    yield _port(settings)
    yield _access(settings)
    if settings.corrects:
        yield _correction(settings)


def examine_cluster(settings: "Settings") -> Iterator[Check]:
    broker = _guarded("broker", "start Kafka there, or set MURMUR_KAFKA_BOOTSTRAP", lambda: _broker(settings))
    yield broker
    if broker.fix is None:
        yield _guarded("topics", "run `murmur topics apply`", lambda: _topics(settings))
    else:
        yield Check("topics", "cannot be checked without a broker", "run `murmur topics apply`", needed_by="run")
    if settings.webhook_secret is not None:
        yield _links(settings)
    yield _guarded("store", "set MURMUR_S3_ENDPOINT and the keys, then run `murmur buckets apply`", lambda: _store(settings))


def _links(settings: "Settings") -> Check:
    """Of webhooks, in the place of texts that are too long."""
    if settings.public_url is not None:
        return Check("links", f"webhooks link to {settings.public_url}", needed_by="run")
    advice = "set MURMUR_PUBLIC_URL to the gateway's address, else webhooks of long texts link to a path alone"
    return Check("links", "MURMUR_PUBLIC_URL is not set", needed_by="run", advice=advice)


def has_cluster(settings: "Settings") -> bool:
    """Whether anybody has set anything that only `murmur run` uses."""
    return any(name.startswith(("kafka_", "s3_", "store")) for name in settings.model_fields_set)


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

    name = catalogue.chosen(settings)
    chosen = "" if name else f"; chosen by device (without MURMUR_MODEL `murmur run` uses {catalogue.RUN_DEFAULT})"
    name = name or catalogue.default_for(settings.device)
    try:
        model = catalogue.resolve(name, settings.models_dir)
        others = catalogue.others(settings.model_copy(update={"model": name}))
    except MurmurError as error:
        return Check("model", f"{name} cannot be used", str(error))
    path = catalogue.cached(model)
    also = f"; a job may ask for {', '.join(other.ref.name for other in others)}" if others else ""
    found = f"{model.ref.name}, revision {model.ref.revision}"
    if path is not None:
        return Check("model", f"{found}, at {path}{chosen}{also}")
    advice = f"the first use downloads it from {model.repository}; without internet, MURMUR_MODELS_DIR names a folder of models"
    return Check("model", f"{found}, not downloaded yet{chosen}{also}", advice=advice)


def _device(settings: "Settings") -> Check:
    import ctranslate2

    from runtime import gpus

    count = ctranslate2.get_cuda_device_count()
    if settings.device == "cuda" and not count:
        return Check("device", "no GPU found", "install murmur[gpu] and the NVIDIA driver, or set MURMUR_DEVICE=cpu")
    named = [
        f"{gpu.name}, {gpu.total_bytes / 1024**3:.0f} GiB, compute capability {gpu.compute_capability}" for gpu in gpus.read()
    ]
    return Check("device", f"{count} GPU{''.join(f': {name}' for name in named)}" if count else "CPU; no GPU found")


def _decoder(settings: "Settings") -> Check:
    """Starts one decoder process as the slicer does, which reports what is enforced in it."""
    from processors.slicer.audio import no_check
    from processors.slicer.sandbox.process import DecoderProcess, Limits

    child = DecoderProcess(Limits(settings.decoder_memory_mb << 20, settings.decoder_cpu_s))
    try:
        child.wait_ready(no_check)
    except MurmurError as error:
        return Check("decoder", f"the decoder process does not start: {error}", "install murmur again; see docs/security.md")
    finally:
        child.close()
    return confinement(child.enforced or (), sys.platform)


def confinement(enforced: Sequence[str], platform: str) -> Check:
    """What of the sandbox (docs/security.md) a decoder process has reported as enforced."""
    from processors.slicer.sandbox.confinement import EVERYTHING, SECCOMP

    found = f"a process of its own, confined by {', '.join(enforced) or 'nothing'}"
    missing = [name for name in EVERYTHING if name not in enforced]
    if not missing:
        return Check("decoder", f"{found}: everything")
    advice = "not enforced on this platform; see docs/security.md"
    if SECCOMP in missing and platform == "linux":
        advice = "install libseccomp (Debian: libseccomp2) for full confinement; see docs/security.md"
    return Check("decoder", f"{found}; not by {', '.join(missing)}", advice=advice)


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
            if not has_cluster(settings) and _is_murmur(where):
                return Check(
                    "port", f"{where} is in use by a running murmur", advice="before you start another, set MURMUR_GATEWAY_PORT"
                )
            fix = "stop the program that uses it (another murmur?), or set MURMUR_GATEWAY_HOST and MURMUR_GATEWAY_PORT"
            return Check("port", f"{where} cannot be used: {error.strerror}", fix)
    return Check("port", f"{where} is free")


def _access(settings: "Settings") -> Check:
    """Who may use the gateway."""
    from runtime import api_keys, exposure

    try:
        keys = exposure.check(settings)
    except MurmurError as error:
        return Check("access", "the gateway would not start", str(error))
    where = "this machine alone" if exposure.is_loopback(settings.gateway_host) else "other machines"
    if not api_keys.are_configured(settings):
        advice = None if not settings.no_auth or exposure.is_loopback(settings.gateway_host) else "everybody there may use it"
        return Check("access", f"no API keys; the gateway can be reached from {where}", advice=advice)
    owners = sorted({key.owner for key in keys})
    return Check("access", f"{len(keys)} API key{'' if len(keys) == 1 else 's'}, of {', '.join(owners)}")


def _correction(settings: "Settings") -> Check:
    """The rules and the model's server, as far as that can be said without a request."""
    from processors.corrector import rules_file
    from processors.corrector.endpoint import Endpoint

    try:
        rules = rules_file.read(settings.correction_rules_file) if settings.correction_rules_file is not None else ()
        model = Endpoint(settings).model if settings.corrector_url is not None else None
    except MurmurError as error:
        return Check("corrected text", "the corrector would not start", str(error))
    return Check("corrected text", f"{len(rules)} rule{'' if len(rules) == 1 else 's'}, {model or 'no'} model")


def _is_murmur(where: str) -> bool:
    from murmur.gateway_client import GatewayClient

    try:
        with GatewayClient(f"http://{where}") as gateway:
            return gateway.is_alive()
    except MurmurError:
        return False


def _guarded(name: str, fix: str, check: Callable[[], str]) -> Check:
    from runtime.masking import masked

    try:
        return Check(name, check(), needed_by="run")
    except MurmurError as error:
        return Check(name, masked(str(error)), fix, needed_by="run")


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
    from runtime.masking import masked
    from runtime.objects import open as stores

    store = stores.from_settings(settings)
    for bucket in (settings.uploads_bucket, settings.work_bucket, settings.results_bucket):
        store.check(bucket)
    where = masked(settings.s3_endpoint or "AWS") if settings.store == "s3" else str(settings.store_dir)
    return f"{where}: all three buckets can be read"
