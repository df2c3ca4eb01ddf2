"""The Grafana dashboard: what it shows, and its JSON for Grafana's file provisioning. Written by `make generate`.

`RATE` is Grafana's variable for the range of a rate. Where several processes export the same figure of the whole installation,
a query takes the maximum; what each process counts on its own is added up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

RATE = "$__rate_interval"
COLUMNS, PANEL_WIDTH, PANEL_HEIGHT = 24, 8, 7
SOURCE = {"type": "prometheus", "uid": "${source}"}
Unit = Literal["s", "percentunit", "bytes", "Bps", "short", "reqps", "cpm"]


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries`: PromQL and the legend of its series, with labels in double braces."""

    title: str
    unit: Unit
    queries: Sequence[tuple[str, str]]
    description: str = ""


def per_minute(counter: str, by: str) -> tuple[str, str]:
    return f"60 * sum by ({by}) (rate({counter}[{RATE}]))", _legend(by)


def per_second(counter: str, by: str) -> tuple[str, str]:
    return f"sum by ({by}) (rate({counter}[{RATE}]))", _legend(by)


def quantile(share: float, histogram: str, by: str = "") -> tuple[str, str]:
    """`histogram`: its name, with matchers in braces if it needs any."""
    name, _, matchers = histogram.partition("{")
    bucket = f"{name}_bucket{'{' if matchers else ''}{matchers}"
    labels = ", ".join(filter(None, ("le", by)))
    prefix = f"p{share * 100:g}"
    legend = f"{prefix} {_legend(by)}" if by else prefix
    return f"histogram_quantile({share}, sum by ({labels}) (rate({bucket}[{RATE}])))", legend


def mean(histogram: str) -> str:
    return f"sum(rate({histogram}_sum[{RATE}])) / sum(rate({histogram}_count[{RATE}]))"


def _legend(by: str) -> str:
    return " ".join("{{" + label.strip() + "}}" for label in by.split(","))


ROWS: dict[str, tuple[Panel, ...]] = {
    "Jobs": (
        Panel("Jobs ended per minute", "cpm", [per_minute("murmur_jobs_ended_total", "state")]),
        Panel("Failures per minute, by reason", "cpm", [per_minute('murmur_jobs_ended_total{state="FAILURE"}', "reason")]),
        Panel("Unfinished jobs", "short", [("max by (state) (murmur_jobs{state=~'PENDING|STARTED'})", "{{state}}")]),
        Panel("Age of the oldest unfinished job", "s", [("max(murmur_oldest_job_age_seconds)", "age")]),
        Panel("Submission to end", "s", [quantile(0.5, "murmur_job_seconds"), quantile(0.95, "murmur_job_seconds")]),
        Panel(
            "Submission to start", "s", [quantile(0.5, "murmur_job_queue_seconds"), quantile(0.95, "murmur_job_queue_seconds")]
        ),
        Panel("Speech that waits for transcribers", "s", [("max by (lane) (murmur_queued_audio_seconds)", "{{lane}}")]),
        Panel(
            "Real-time factor",
            "short",
            [quantile(0.5, "murmur_job_real_time_factor"), quantile(0.95, "murmur_job_real_time_factor")],
            "Time from a job's start to its end per second of its audio; below 1 is faster than real time.",
        ),
        Panel(
            "Answered from the cache",
            "percentunit",
            [
                (
                    f'sum(rate(murmur_jobs_ended_total{{cached="true"}}[{RATE}]))'
                    f' / sum(rate(murmur_jobs_ended_total{{state="SUCCESS"}}[{RATE}]))',
                    "share of successes",
                )
            ],
        ),
    ),
    "Transcribers": (
        Panel("Speech transcribed per second", "s", [per_second("murmur_transcribed_audio_seconds_total", "lane")]),
        Panel("Replicas", "short", [("sum(murmur_replicas)", "all"), ("sum(murmur_replicas_busy)", "busy")]),
        Panel("Chunks: publication to inference", "s", [quantile(0.95, "murmur_chunk_wait_seconds", "lane")]),
        Panel(
            "Inference of a batch", "s", [quantile(0.5, "murmur_inference_seconds"), quantile(0.95, "murmur_inference_seconds")]
        ),
        Panel("Windows in a batch", "short", [(mean("murmur_batch_windows"), "mean")]),
        Panel("GPU memory in use", "percentunit", [("murmur_gpu_memory_used_ratio", "{{instance}}")]),
        Panel("Memory of models", "bytes", [("sum by (model) (murmur_model_memory_bytes)", "{{model}}")]),
        Panel(
            "Windows decoded again per minute",
            "cpm",
            [
                (f"60 * sum(rate(murmur_fallbacks_total[{RATE}]))", "higher temperature"),
                (f"60 * sum(rate(murmur_windows_refitted_total[{RATE}]))", "full window"),
            ],
        ),
        Panel("Segments removed per minute", "cpm", [per_minute("murmur_segments_removed_total", "reason")]),
    ),
    "Kafka": (
        Panel(
            "Consumer lag",
            "short",
            [("max by (group, topic) (murmur_consumer_lag_records)", "{{group}} {{topic}}")],
            "Records. On topics written in transactions a lag of one or two for each partition is none.",
        ),
        Panel("Records read per second", "reqps", [per_second("murmur_records_total", "stage")]),
        Panel("Records in flight", "short", [("sum by (stage) (murmur_records_in_flight)", "{{stage}}")]),
        Panel("Commit", "s", [quantile(0.95, "murmur_commit_seconds", "stage")]),
        Panel(
            "Dead letters",
            "short",
            [
                ("max(murmur_dead_letters_waiting)", "waiting"),
                ("sum by (stage, reason) (murmur_dead_letters_total)", "{{stage}} {{reason}}"),
            ],
            "Those that wait, and those of each kind since the processes started: the first one would be in no rate.",
        ),
        Panel("Records offered again per minute", "cpm", [per_minute("murmur_retries_total", "stage")]),
    ),
    "Files in": (
        Panel("Objects announced per minute", "cpm", [per_minute("murmur_files_announced_total", "stage")]),
        Panel("Drops per minute", "cpm", [per_minute("murmur_drops_total", "outcome")]),
        Panel(
            "Audio received",
            "Bps",
            [
                (f"sum(rate(murmur_upload_bytes_total[{RATE}]))", "HTTP"),
                (f"sum(rate(murmur_drop_bytes_total[{RATE}]))", "drops"),
            ],
        ),
        Panel("Files sliced per minute", "cpm", [per_minute("murmur_files_sliced_total", "outcome")]),
        Panel(
            "CPU time of a file",
            "s",
            [(mean("murmur_decode_seconds"), "decoding"), (mean("murmur_vad_seconds"), "speech detection")],
        ),
        Panel("Peak memory of a decoder", "bytes", [quantile(0.95, "murmur_decoder_peak_memory_bytes")]),
    ),
    "Results out": (
        Panel("Result files per minute", "cpm", [per_minute("murmur_result_files_total", "format")]),
        Panel("Webhook attempts per minute", "cpm", [per_minute("murmur_webhook_attempts_total", "outcome")]),
        Panel("Webhooks given up per minute", "cpm", [per_minute("murmur_webhooks_given_up_total", "outcome")]),
        Panel(
            "Webhooks that wait",
            "short",
            [('sum by (topic) (max by (group, topic) (murmur_consumer_lag_records{topic=~"webhook-.+"}))', "{{topic}}")],
        ),
        Panel("Time of an attempt", "s", [quantile(0.5, "murmur_webhook_seconds"), quantile(0.95, "murmur_webhook_seconds")]),
        Panel("Attempts put off per minute", "cpm", [(f"60 * sum(rate(murmur_webhooks_postponed_total[{RATE}]))", "put off")]),
    ),
    "Corrected text": (
        Panel("Corrections per minute", "cpm", [per_minute("murmur_corrections_total", "outcome")]),
        Panel(
            "Correction of a transcript",
            "s",
            [quantile(0.5, "murmur_correction_seconds"), quantile(0.95, "murmur_correction_seconds")],
        ),
        Panel("Requests to the language model per minute", "cpm", [per_minute("murmur_corrector_requests_total", "outcome")]),
    ),
    "Object store": (
        Panel("Size by kind of object", "bytes", [("max by (kind) (murmur_stored_bytes)", "{{kind}}")]),
        Panel("Objects removed per minute", "cpm", [per_minute("murmur_stored_removed_total", "kind")]),
        Panel(
            "Age of the oldest object",
            "s",
            [("time() - min by (kind) (murmur_stored_oldest_timestamp_seconds > 0)", "{{kind}}")],
        ),
    ),
    "Gateway": (
        Panel("Requests per second", "reqps", [per_second("murmur_http_request_seconds_count", "status")]),
        Panel("Time of a request", "s", [quantile(0.95, "murmur_http_request_seconds", "route")]),
        Panel(
            "Connections",
            "short",
            [("sum(murmur_http_connections)", "open"), ("sum by (kind) (murmur_http_following)", "following: {{kind}}")],
        ),
    ),
}


def panels() -> Iterator[Panel]:
    return (panel for row in ROWS.values() for panel in row)


def document() -> str:
    """The dashboard as Grafana reads it."""
    dashboard = {
        "uid": "murmur",
        "title": "murmur",
        "tags": ["murmur"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}]},
        "panels": list(_laid_out()),
    }
    return orjson.dumps(dashboard, option=orjson.OPT_INDENT_2).decode() + "\n"


def _laid_out() -> Iterator[dict[str, Any]]:
    """Rows with their panels below them, three side by side."""
    number = y = 0
    for title, row in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, y, COLUMNS, 1)}
        y += 1
        for start in range(0, len(row), COLUMNS // PANEL_WIDTH):
            for column, panel in enumerate(row[start : start + COLUMNS // PANEL_WIDTH]):
                number += 1
                place = _place(column * PANEL_WIDTH, y, PANEL_WIDTH, PANEL_HEIGHT)
                yield {"id": number, **_panel(panel), "gridPos": place}
            y += PANEL_HEIGHT


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    queries = enumerate(panel.queries)
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + position), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for position, (expression, legend) in queries
        ],
    }
