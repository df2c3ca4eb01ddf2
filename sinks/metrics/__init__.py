"""The metrics sink: how many jobs, how long, how fast, by state, lane, model and owner; what waits, and since when.

Fed by `jobs` (counted by a Faust app) and by the topics that hold waiting work; feeds `stats` and Prometheus. A lost or
repeated record does no harm here: a figure is off by one job until its window has passed.
"""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Faust itself is imported when the stage runs. The figures are in Prometheus' default registry, like all of murmur's:
    shown by the gateway of `murmur dev`, and at MURMUR_HEALTH_PORT of `murmur run metrics`."""
    from prometheus_client import REGISTRY

    from sinks.metrics.stage import MetricsSink

    return MetricsSink(resources.kafka, REGISTRY)
