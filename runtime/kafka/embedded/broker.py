"""The in-process broker of `murmur dev` and the tests: librdkafka's own, started by ctypes from the wheel of confluent-kafka.

It speaks the real protocol on a loopback port, also to other processes. All that is peculiar to it stays in this module:

- It keeps 5 MiB per partition; older records vanish silently, compacted topics too. So producers are held back
  (`backlog.py`), and a single record must stay below 5 MiB.
- It keeps nothing across restarts, and offsets begin at 0 again. So each start has a name of its own (`Kafka.epoch`), which is
  part of the ids of dead letters.
- A fetch is not woken by new records: an empty one always waits its full time. So consumers in this process pause what they
  have read to its end, and are woken by deliveries (`consumer.py`); for others the fetch wait is short.
- It listens on any port; `listener.py` gives it the one that is wanted.
- No admin requests: topics are made here, through the C interface.
- The first member of an empty group is served at once, but every later rebalance lasts the session timeout less one
  second, and a member that vanished is noticed after a session. So sessions are short.
- All members of a group must name the same assignor first; else an assertion ends the process.
- Commits are refused while members join, so more is delivered twice than by a real broker.
- Transactions are answered and mean nothing: aborted records are read, offsets sent in one are not kept, and the marker at
  their end has no checksum, over which aiokafka, and so Faust, stumbles. So `Kafka.transactions` is False.
- Nothing looks up offsets by time.
- A call of its C interface right after another may be overlooked for a second: its thread empties the pipe that wakes
  it after it has served the calls. So a call leaves the thread a moment first.
"""

import ctypes
import ctypes.util
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka

from runtime.errors import UsageError
from runtime.kafka.embedded import listener
from runtime.kafka.embedded.backlog import Backlog
from runtime.kafka.embedded.kafka import EmbeddedKafka
from schemas.topics import TOPICS, Topic

FETCH_WAIT_MS = 10  # of clients that are not woken, in other processes
SESSION_TIMEOUT_MS = 3_000  # the dead are replaced within about 5 s, and a machine busy with a model is borne
HEARTBEAT_MS = 300
EPOCH_BYTES = 4  # enough that no two starts whose dead letters are kept have the same
_PRODUCER = 0  # RD_KAFKA_PRODUCER
_BROKER = 1  # the id of the only one
_MOMENT_S = 0.002  # many times what its thread needs to go back to waiting


class EmbeddedBroker:
    """Runs from construction to `close()`. `bootstrap` may be given to other processes; they are not held back, though.

    `port`: 0 is any free one. Raises OSError when it cannot be used.
    """

    def __init__(self, topics: Sequence[Topic] = TOPICS, partitions: int = 4, prefix: str = "murmur.", port: int = 0) -> None:
        self._library = _library()
        self.partitions = partitions
        chosen = listener.listen(port) if port else None
        self._client, self._cluster = _start(self._library)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        if chosen is not None:
            listener.replace(self.bootstrap, chosen)
            self._library.rd_kafka_mock_broker_set_host_port(self._cluster, _BROKER, listener.HOST.encode(), port)
            self.bootstrap = f"{listener.HOST}:{port}"
        for topic in topics:
            self._create(prefix + topic.name, partitions)
        self._backlog = Backlog(topics)
        self._kafka = EmbeddedKafka(
            self.bootstrap,
            prefix,
            consumer_extra={
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": HEARTBEAT_MS,
            },
            transactions=False,
            backpressure=self._backlog,
            epoch=secrets.token_hex(EPOCH_BYTES),
        )
        self._backlog.open(self._kafka.offsets)
        self._kafka.open()

    def kafka(self) -> EmbeddedKafka:
        """What every stage in this process is given: the same object each time."""
        return self._kafka

    def partition(self, key: str) -> int:
        """Where a record with that key goes, as every producer of murmur's decides it."""
        raw = key.encode()
        return int(self._library.rd_kafka_msg_partitioner_murmur2(None, raw, len(raw), self.partitions, None, None))

    def release(self) -> None:
        """Holds no producer back from now on. For stopping: the broker's records are lost with it."""
        self._backlog.release()

    def close(self) -> None:
        """Every connection ends; all records are gone. Idempotent, finished on return."""
        if self._cluster is None:
            return
        self._backlog.release()
        self._kafka.close()
        time.sleep(_MOMENT_S)
        cluster, client = self._cluster, self._client
        self._cluster = self._client = None
        self._library.rd_kafka_mock_cluster_destroy(cluster)
        self._library.rd_kafka_destroy(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _create(self, name: str, partitions: int) -> None:
        time.sleep(_MOMENT_S)
        problem = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if problem:
            raise RuntimeError(f"the embedded broker refuses the topic {name}: error {problem}")


def _start(library: ctypes.CDLL) -> tuple[int | None, int | None]:
    """A client that is nothing but the owner of the cluster, and the cluster of one broker."""
    why = ctypes.create_string_buffer(512)
    config = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(config, b"log_level", b"3", why, len(why))
    client = library.rd_kafka_new(_PRODUCER, config, why, len(why))
    if not client:
        raise RuntimeError(f"librdkafka does not start: {why.value.decode()}")
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    if not cluster:
        library.rd_kafka_destroy(client)
        raise RuntimeError("librdkafka does not start its in-process broker")
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    return client, cluster


def _library() -> ctypes.CDLL:
    path = _find(Path(confluent_kafka.__file__).parent)
    try:
        library = ctypes.CDLL(path)
        _declare(library)
    except (OSError, AttributeError) as error:
        raise UsageError(f"no in-process broker in {path}: {error}. Install confluent-kafka from its wheel.") from error
    return library


def _find(package: Path) -> str:
    """Where wheels keep the library: beside the package on Linux, inside it on macOS; else the system's own."""
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        for path in sorted(folder.glob("librdkafka*")):
            return str(path)
    found = ctypes.util.find_library("rdkafka")
    if found is None:
        raise UsageError("librdkafka was not found. Install confluent-kafka from its wheel: pip install confluent-kafka")
    return found


def _declare(library: ctypes.CDLL) -> None:
    """Argument and result types; pointers would be cut to 32 bits without."""
    pointer, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_conf_set", number, [pointer, text, text, text, size]),
        ("rd_kafka_new", pointer, [number, pointer, text, size]),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_msg_partitioner_murmur2", ctypes.c_int32, [pointer, text, size, ctypes.c_int32, pointer, pointer]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_broker_set_host_port", None, [pointer, ctypes.c_int32, text, number]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
