"""The queries of the dashboard and of the alert rules, and the metrics that they name."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).resolve().parent.parent / "monitoring"
# Metrics that do not move in tests/pipeline/test_monitoring.py, and the tests that move them. The repairs of the reconciler, a
# label of one that moves, are in tests/contract/test_inbox.py.
UNMOVED = {
    "murmur_gpu_memory_used_ratio": "tests/unit/processors/transcriber/test_device_guard.py",
    "murmur_gpu_faults_total": "tests/contract/test_engine.py",
    "murmur_model_load_failures_total": "tests/unit/processors/transcriber/test_several_models.py",
    "murmur_retries_total": "tests/contract/test_loop_metrics.py",
    "murmur_webhooks_postponed_total": "tests/unit/sinks/webhooks/test_results.py",
    "murmur_webhook_endpoints_disabled_total": "tests/unit/sinks/webhooks/test_results.py",
    "murmur_corrections_total": "tests/contract/corrector/test_model.py",
    "murmur_correction_seconds_bucket": "tests/contract/corrector/test_model.py",
    "murmur_corrector_requests_total": "tests/contract/corrector/test_model.py",
    "murmur_correction_rules_broken": "tests/unit/processors/corrector/test_rules_file.py",
    "murmur_stored_bytes": "tests/contract/test_retention.py",
    "murmur_stored_removed_total": "tests/contract/test_retention.py",
    "murmur_stored_oldest_timestamp_seconds": "tests/contract/test_retention.py",
    "murmur_fallbacks_total": "tests/unit/processors/transcriber/test_decoding.py",
    "murmur_windows_refitted_total": "tests/unit/processors/transcriber/test_results.py",
    "murmur_segments_removed_total": "tests/unit/processors/transcriber/test_results.py",
}


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
