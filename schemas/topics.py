"""All topics: key, value, retention, writers and readers.

Names are without the prefix (`MURMUR_TOPIC_PREFIX`, "murmur." unless set). `docs/architecture.md` shows this table;
a test compares.
"""

from dataclasses import dataclass
from typing import Generic, Literal, cast

from typing_extensions import TypeVar

from schemas import codec
from schemas.cache import CacheCleared
from schemas.deadletter import DeadLetter
from schemas.jobs import CancelRequested, JobChanged, JobRequested
from schemas.record import Record
from schemas.stats import StatsPublished
from schemas.transcript import TranscriptCompleted
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint, WebhookEndpointState
from schemas.work import ChunkReady, CorrectionRequested, DecodeRequested, RunRevoked, WorkProgressed, WorkReported
from schemas.worker import WorkerReported

Cleanup = Literal["delete", "compact", "compact,delete"]  # Kafka's cleanup.policy
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
E_co = TypeVar("E_co", bound=Record | None, covariant=True, default=Record | None)


@dataclass(frozen=True, slots=True)
class Topic(Generic[E_co]):
    """One topic of events of type `E_co`. `value` is None if its bytes are not a Record (store events, table changelogs):
    a `Topic[None]`. Without a type: any topic."""

    name: str
    key: str
    value: type[E_co] | None
    cleanup: Cleanup
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_ms: int = 7 * DAY_MS
    co_partitioned: bool = False
    transactional: bool = False  # written in transactions: readers must read committed records only
    delayed: bool = False  # a record may be kept until it is due: its reader commits late
    has_tombstones: bool = False  # an empty value says that its key is gone: a `Topic[... | None]`

    @property
    def record(self) -> type[Record] | None:
        """`value` as what it always is, whatever `E_co` stands for."""
        return cast(type[Record] | None, self.value)

    def decode(self, value: bytes | None) -> E_co:
        """The event that a record of this topic carries; None in a `Topic[None]`, and for a tombstone where the topic has them.
        Raises Undecodable."""
        if self.record is None or (value is None and self.has_tombstones):
            return cast(E_co, None)
        return cast(E_co, codec.decode(self.record, value))


UPLOADS: Topic[None] = Topic("uploads", "the store's", None, "delete", ("stores", "watcher", "reconciler"), ("intake",))
REQUESTS = Topic(
    "requests",
    "work_id",
    JobRequested,
    "delete",
    ("gateway", "intake"),
    ("coordinator", "gateway", "retention"),
    co_partitioned=True,
)
CANCELLATIONS = Topic(
    "cancellations", "work_id", CancelRequested, "delete", ("gateway", "intake"), ("coordinator", "gateway"), co_partitioned=True
)
CACHE_CLEARS = Topic(
    "cache-clears", "cache", CacheCleared, "delete", ("gateway",), ("coordinator", "gateway"), co_partitioned=True
)
DECODES = Topic("decodes", "work_id", DecodeRequested, "delete", ("coordinator",), ("slicer",), transactional=True)
CHUNKS_INTERACTIVE = Topic(
    "chunks.interactive",
    "chunk id",
    ChunkReady,
    "delete",
    ("slicer", "coordinator"),
    ("transcriber",),
    transactional=True,
)
CHUNKS_BULK = Topic(
    "chunks.bulk", "chunk id", ChunkReady, "delete", ("slicer", "coordinator"), ("transcriber",), transactional=True
)
CHUNK_RESULTS = Topic(
    "chunk-results",
    "work_id",
    WorkReported,
    "delete",
    ("slicer", "transcriber", "corrector", "coordinator"),
    ("coordinator",),
    co_partitioned=True,
    transactional=True,
)
CORRECTIONS = Topic(
    "corrections",
    "work_id",
    CorrectionRequested,
    "delete",
    ("coordinator",),
    ("corrector",),
    retention_ms=DAY_MS,
    transactional=True,
)
JOBS: Topic[JobChanged | None] = Topic(
    "jobs",
    "job_id",
    JobChanged,
    "compact",
    ("coordinator",),
    ("gateway", "webhooks", "metrics", "store", "retention"),
    transactional=True,
    has_tombstones=True,
)
PROGRESS = Topic(
    "progress",
    "work_id",
    WorkProgressed,
    "delete",
    ("coordinator",),
    ("gateway", "webhooks"),
    retention_ms=DAY_MS,
    transactional=True,
)
TRANSCRIPTS = Topic("transcripts", "job_id", TranscriptCompleted, "delete", ("coordinator",), ("store",), transactional=True)
REVOCATIONS: Topic[RunRevoked | None] = Topic(
    "revocations",
    "work_id",
    RunRevoked,
    "compact",
    ("coordinator",),
    ("slicer", "transcriber"),
    transactional=True,
    has_tombstones=True,
)
STATS = Topic("stats", "name", StatsPublished, "compact", ("metrics",), ("gateway",))
WORKERS = Topic("workers", "worker_id", WorkerReported, "compact,delete", ("transcriber",), ("gateway",), retention_ms=HOUR_MS)
WEBHOOK_ENDPOINTS = Topic("webhook-endpoints", "endpoint_id", WebhookEndpoint, "compact", ("gateway",), ("gateway", "webhooks"))
WEBHOOK_ENDPOINT_STATES = Topic(
    "webhook-endpoint-states", "endpoint_id", WebhookEndpointState, "compact", ("webhooks",), ("gateway", "webhooks")
)
WEBHOOK_DELIVERIES = Topic(
    "webhook-deliveries",
    "recipient",
    WebhookDelivery,
    "delete",
    ("webhooks", "gateway"),
    ("webhooks",),
    retention_ms=14 * DAY_MS,
    delayed=True,
)
# One for each delay between two attempts (MURMUR_WEBHOOK_DELAYS_S), the shortest first: what is due first is at the head.
WEBHOOK_RETRIES: tuple[Topic[WebhookDelivery], ...] = tuple(
    Topic(
        f"webhook-retries.{number}",
        "recipient",
        WebhookDelivery,
        "delete",
        ("webhooks",),
        ("webhooks",),
        retention_ms=14 * DAY_MS,
        delayed=True,
    )
    for number in range(1, 10)
)
WEBHOOK_ATTEMPTS = Topic(
    "webhook-attempts", "webhook_id", WebhookAttempted, "delete", ("webhooks",), ("gateway",), retention_ms=30 * DAY_MS
)
DEAD_LETTERS = Topic(
    "dead-letters",
    "topic-partition@offset~stage",
    DeadLetter,
    "delete",
    ("every stage", "gateway"),
    ("gateway",),
    retention_ms=30 * DAY_MS,
)


def changelog(table: str, key: str, *others: str) -> Topic[None]:
    """The compacted topic that one of the coordinator's tables is rebuilt from. `others`: further readers."""
    return Topic(
        f"coordinator-{table}-changelog",
        key,
        None,
        "compact",
        ("coordinator",),
        ("coordinator", *others),
        co_partitioned=True,
        transactional=True,
    )


WORKS_CHANGELOG = changelog("works", "work_id")
JOBS_CHANGELOG = changelog("jobs", "job_id")
CHUNKS_CHANGELOG = changelog("chunks", "work_id and span")
CACHE_CHANGELOG = changelog("cache", "work_id", "gateway", "retention")

TOPICS: tuple[Topic, ...] = (
    UPLOADS,
    REQUESTS,
    CANCELLATIONS,
    CACHE_CLEARS,
    DECODES,
    CHUNKS_INTERACTIVE,
    CHUNKS_BULK,
    CHUNK_RESULTS,
    CORRECTIONS,
    JOBS,
    PROGRESS,
    TRANSCRIPTS,
    REVOCATIONS,
    STATS,
    WORKERS,
    WEBHOOK_ENDPOINTS,
    WEBHOOK_ENDPOINT_STATES,
    WEBHOOK_DELIVERIES,
    *WEBHOOK_RETRIES,
    WEBHOOK_ATTEMPTS,
    DEAD_LETTERS,
    WORKS_CHANGELOG,
    JOBS_CHANGELOG,
    CHUNKS_CHANGELOG,
    CACHE_CHANGELOG,
)
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
