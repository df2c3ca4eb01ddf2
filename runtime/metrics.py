"""All Prometheus metrics of the stages, with base units in the names. Labels have few values: never ids or names.

Served by the gateway at `/metrics`.
"""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

HTTP_REQUEST_SECONDS = Histogram(
    "murmur_http_request_seconds",
    "time from a request's headers to its response, by the template of the route",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
UPLOAD_BYTES = Counter("murmur_upload_bytes", "bytes of audio received over HTTP, of uploads that became jobs")
UPLOADS_ABORTED = Counter("murmur_uploads_aborted", "uploads that ended without a job", ("reason",))
JOBS = Gauge("murmur_jobs", "jobs in this gateway's view, by state", ("state",))
WEBHOOK_ATTEMPTS = Counter("murmur_webhook_attempts", "POSTs to receivers of webhooks, by outcome", ("outcome",))
WEBHOOKS_GIVEN_UP = Counter("murmur_webhooks_given_up", "webhooks that were not delivered, by the last outcome", ("outcome",))

WINDOWS_REFITTED = Counter(
    "murmur_windows_refitted", "windows decoded again in the full encoder window, because the text looked like a hallucination"
)
UNREAD_SPEECH_SECONDS = Counter(
    "murmur_unread_speech_seconds", "stretches of speech without text: the model was not confident enough"
)


def exposition() -> bytes:
    """All metrics of this process as Prometheus reads them."""
    return generate_latest(REGISTRY)
