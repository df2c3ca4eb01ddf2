"""The queries of the dashboard and of the alert rules, and the metrics that they name."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).resolve().parent.parent / "monitoring"


@cache
def rules() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def shown() -> list[str]:
    """The queries of the dashboard."""
    dashboard = json.loads((MONITORING / "grafana/dashboards/murmur.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def expressions() -> list[str]:
    """All of them."""
    return [*shown(), *(rule["expr"] for rule in rules().values())]


def names(expression: str) -> set[str]:
    """The metrics of murmur that a query reads."""
    return set(re.findall(r"\bmurmur_\w+", expression))
