"""What Prometheus' own tool says of the alert rules, the dashboard's queries and the exposition of all metrics."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from runtime import metrics
from scripts import dashboard, metrics_page
from scripts.services import build
from tests.monitored import MONITORING, shown


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Built by `make services` and `make test`."""
    if not build.PROMTOOL.path.exists():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("promtool is not built yet; `python -m scripts.services build` builds it once")
    return build.PROMTOOL.path


def accepts(promtool: Path, *arguments: str | Path, content: bytes = b"") -> None:
    done = subprocess.run([promtool, *arguments], input=content, capture_output=True, cwd=MONITORING, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_it_accepts_rules_and_configuration(promtool: Path) -> None:
    accepts(promtool, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
    accepts(promtool, "check", "config", "--syntax-only", "prometheus.yml")


def test_alerts_fire_when_they_should_and_not_before(promtool: Path) -> None:
    accepts(promtool, "test", "rules", "alerts.test.yml")


def test_every_query_of_the_dashboard_is_valid(promtool: Path, tmp_path: Path) -> None:
    queries = [query.replace(dashboard.RATE, "1m") for query in shown()]
    assert len(queries) > 40
    rules = [{"record": f"dashboard:query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    accepts(promtool, "check", "rules", file)


def test_names_and_units_follow_the_conventions(promtool: Path) -> None:
    """Of every metric that any stage exports, each with a value."""
    registry = CollectorRegistry()
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            own = type(metric)(metric._name, metric._documentation, metric._labelnames, registry=registry)
            if own._labelnames:
                own.labels(*["x"] * len(own._labelnames))
    registry.register(metrics_page.gauges())
    accepts(promtool, "check", "metrics", content=generate_latest(registry))
