"""Dashboard, alert rules and their page against the metrics of the code; `promtool` checks them in the contract tier."""

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from scripts import dashboard, metrics_page
from tests.monitored import MONITORING, UNMOVED, expressions, names, rules
from tests.test_deployment import compose_stages, services, settings

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS = (ROOT / "docs/operations.md").read_text()
LABELS = {  # of few values each
    *("stage", "topic", "group", "reason", "outcome", "format", "lane", "model", "step", "fault", "state", "cached"),
    *("route", "method", "status", "kind", "window"),
}
OF_PROMETHEUS = {"le", "instance", "job"}


@cache
def samples() -> dict[str, set[str]]:
    """The labels of every sample that the code exports, by its name."""
    found: dict[str, set[str]] = {}
    for name, kind, labels in re.findall(r"^\| `(murmur_\w+)` \| (\w+) \| (.*?) \|", metrics_page.page(), re.M):
        endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + ending: set(re.findall(r"`(\w+)`", labels)) for ending in endings}
    return found


def test_labels_have_few_values() -> None:
    assert set().union(*samples().values()) <= LABELS


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_of_a_query_exists(expression: str) -> None:
    read = names(expression)
    assert read or re.search(r"\bup\b", expression)
    assert read <= samples().keys()
    labels = OF_PROMETHEUS.union(*(samples()[name] for name in read))
    used = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*[\"']", expression)
    for by in re.findall(r"\bby \(([^)]*)\)", expression):
        used += [label.strip() for label in by.split(",")]
    assert set(used) <= labels


def test_every_alert_is_explained_once_and_leads_to_its_explanation() -> None:
    assert re.findall(r"^### (Murmur\w+)$", OPERATIONS, re.M) == list(rules())
    for name, rule in rules().items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((MONITORING / "alerts.test.yml").read_text())["tests"]
    fires = {check["alertname"] for case in cases for check in case["alert_rule_test"] if check["exp_alerts"]}
    assert fires == rules().keys()


def test_panels_that_the_page_names_exist() -> None:
    titles = {panel.title for panel in dashboard.panels()}
    named = {name for name in re.findall(r"\*([A-Z][^*]+)\*", OPERATIONS.replace("**", ""))}
    assert named
    assert named <= titles


def test_reasons_that_an_alert_leaves_out_exist() -> None:
    reasons = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/delivery.md").read_text(), re.M))
    (left_out,) = re.findall(r'reason!~"([\w|]+)"', rules()["MurmurJobFailures"]["expr"])
    assert set(left_out.split("|")) <= reasons


def test_prometheus_of_compose_reads_every_stage() -> None:
    (job,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = (config["targets"] for config in job["static_configs"])
    stages = {name: service for name, service in services().items() if service in compose_stages().values()}
    named = {f"{name}:{settings(service['environment']).health_port}": "profiles" in service for name, service in stages.items()}
    assert sorted(targets) == sorted(target for target, is_optional in named.items() if not is_optional)
    optional = [target for target, is_optional in named.items() if is_optional]
    assert all(f"# - {target} " in (MONITORING / "prometheus.yml").read_text() for target in optional), "commented out"
    assert job["job_name"] == "murmur", "alerts name it"


def test_compose_mounts_what_prometheus_and_grafana_load() -> None:
    monitoring = {name: service for name, service in services().items() if service.get("profiles") == ["monitoring"]}
    assert monitoring.keys() == {"prometheus", "grafana"}
    mounts: dict[str, str] = {}
    for service in monitoring.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "neither asks for a password"
        mounts |= dict(volume.removesuffix(":ro").split(":")[::-1] for volume in service["volumes"])
    for target, source in mounts.items():
        assert not source.startswith("./") or (ROOT / source).exists(), target
    (rule_file,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["rule_files"]
    assert mounts[rule_file] == "./monitoring/alerts.yml"
    (provider,) = yaml.safe_load((MONITORING / "grafana/provisioning/dashboards/murmur.yml").read_text())["providers"]
    assert mounts[provider["options"]["path"]] == "./monitoring/grafana/dashboards"
    (source,) = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"]


def test_a_metric_that_the_whole_system_does_not_move_is_in_the_test_that_is_named_for_it() -> None:
    for name, test in UNMOVED.items():
        assert f'"{name.removesuffix("_bucket")}' in (ROOT / test).read_text(), name
