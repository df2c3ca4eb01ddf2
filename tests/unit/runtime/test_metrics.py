"""Names, units and labels of the metrics: Prometheus' conventions."""

import re

import pytest
from prometheus_client.metrics import MetricWrapperBase

from runtime import metrics

ALL = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
JOB_LABELS = {"reason", "outcome", "lane", "model", "state", "cached", "format"}
LABELS = {"stage", "topic", "route", "method", "status", "step", "fault", "kind"} | JOB_LABELS


def names(metric: MetricWrapperBase) -> list[str]:
    return [described.name for described in metric.describe()]


def test_all_metrics_are_in_the_exposition() -> None:
    shown = metrics.exposition().decode()
    assert len(ALL) > 30
    assert {name for metric in ALL for name in names(metric) if f"# HELP {name}" not in shown} == set()


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: names(metric)[0])
def test_a_name_is_in_snake_case_and_in_base_units(metric: MetricWrapperBase) -> None:
    for name in names(metric):
        assert re.fullmatch(r"murmur(_[a-z]+)+", name)
        assert not re.search(r"_(ms|s|kb|mb|milliseconds|minutes|total)$", name)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: names(metric)[0])
def test_no_label_has_a_value_for_each_job_file_or_user(metric: MetricWrapperBase) -> None:
    assert set(metric._labelnames) <= LABELS
