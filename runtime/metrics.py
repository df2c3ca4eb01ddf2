"""Every Prometheus metric that the stages keep, with base units in the names. Labels have few values: never ids or names.

Served by the gateway at `/metrics`.
"""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

HTTP_REQUEST_SECONDS = Histogram(
    "murmur_http_request_seconds",
    "time from a request's headers to its answer, by the template of the route",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
UPLOAD_BYTES = Counter("murmur_upload_bytes", "bytes of audio taken in over HTTP, of uploads that became jobs")
UPLOADS_ABORTED = Counter("murmur_uploads_aborted", "uploads that ended without a job", ("reason",))
JOBS = Gauge("murmur_jobs", "jobs that this gateway knows, by state", ("state",))
WEBHOOK_ATTEMPTS = Counter("murmur_webhook_attempts", "POSTs to receivers of webhooks, by what came of each", ("outcome",))
WEBHOOKS_GIVEN_UP = Counter("murmur_webhooks_given_up", "webhooks that were not delivered, by the last outcome", ("outcome",))

WINDOWS_REFITTED = Counter(
    "murmur_windows_refitted", "windows decoded again in the full encoder window, for a text that looked invented"
)
UNREAD_SPEECH_SECONDS = Counter("murmur_unread_speech_seconds", "stretches of speech for which the model wrote no text")


def exposition() -> bytes:
    """All metrics of this process as Prometheus reads them."""
    return generate_latest(REGISTRY)
