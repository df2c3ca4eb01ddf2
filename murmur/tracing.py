"""Switches tracing on for a process, if the settings name a collector."""

from typing import TYPE_CHECKING

from runtime import tracing
from runtime.logs import get_logger

if TYPE_CHECKING:
    from runtime.settings import Settings

log = get_logger(__name__)


def set_up(settings: "Settings", service: str) -> None:
    """Before stages are built. `service`: the name of the process, unless OTEL_SERVICE_NAME is set."""
    if settings.otel_exporter_otlp_endpoint is None:
        return
    try:
        from runtime.otel import OpenTelemetry
    except ImportError:
        log.warning("tracing.unavailable", hint="install murmur with the extra [otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT")
        return
    tracing.switch(OpenTelemetry.exporting(settings.otel_exporter_otlp_endpoint, service))
