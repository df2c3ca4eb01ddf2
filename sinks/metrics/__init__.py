"""The metrics sink: numbers, lengths and speeds of jobs, by state, lane, model and owner; what waits, and since when.

Fed by `jobs` (counted by a Faust app) and by the topics that hold waiting work; feeds `stats` and Prometheus. A lost or
repeated record only makes a figure wrong by one job until its window has passed.
"""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Faust itself is imported when the stage runs. The figures are in Prometheus' default registry, like all metrics
    of murmur: served by the gateway of `murmur dev`, and at MURMUR_HEALTH_PORT of `murmur run metrics`."""
    from prometheus_client import REGISTRY

    from sinks.metrics.stage import MetricsSink

    return MetricsSink(resources.kafka, REGISTRY)
