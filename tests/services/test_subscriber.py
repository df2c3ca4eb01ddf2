"""The example consumer in Java, on a real broker: it reads committed records alone, skips unknown versions, resolves pointers."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import platformdirs
import pytest

from runtime.formats import FORMATS
from runtime.kafka.client import Kafka
from schemas import codec
from schemas.jobs import Job, ResultSummary
from schemas.record import ObjectRef
from schemas.topics import TRANSCRIPTS
from schemas.transcript import Transcript, TranscriptCompleted
from scripts.services.supervisor import Services
from tests.node import refuse
from tests.processes import ROOT
from tests.unit.runtime.test_formats import segment, transcript
from tests.waiting import DEADLINE_S

BUILD_S, RUN_S = 600.0, 120.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = UUID(int=2)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path. Maven keeps what it fetches in the user's cache."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        refuse("NO MAVEN OR JAVA, THE EXAMPLE CONSUMER IN JAVA IS NOT TESTED: install Maven and a JDK of 17 or later")
    folder = tmp_path_factory.mktemp("java") / "java"
    shutil.copytree(ROOT / "examples/java", folder, ignore=shutil.ignore_patterns("target"))
    repository = platformdirs.user_cache_path("murmur") / "maven"
    build = ["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", "compile", "dependency:copy-dependencies"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return f"{folder}/target/classes:{folder}/target/dependency/*"


@contextmanager
def gateway(transcripts: dict[str, Transcript]) -> Iterator[str]:
    """Serves these as a gateway does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = FORMATS["json"].write(transcripts[self.path])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def completed(job_id: UUID, text: str, *, inline: bool = True) -> TranscriptCompleted:
    whole = transcript(segment(text))
    result = ResultSummary(transcript=ObjectRef(bucket="work", key="x"), language="pt", duration_s=1.0, speech_s=1.0)
    job = Job(job_id=job_id, source="http", filename=f"{text}.wav", submitted_at=NOW)
    return TranscriptCompleted(
        job=job, work_id="a" * 64, completed_at=NOW, cached=False, result=result, transcript=whole if inline else None
    )


def in_a_transaction(kafka: Kafka, values: list[bytes | None], *, commit: bool) -> None:
    producer = kafka.producer("tests", **{"transactional.id": f"{kafka.prefix}subscriber"})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(kafka.name(TRANSCRIPTS), key=b"job", value=value, partition=0)
    assert producer.flush(DEADLINE_S) == 0
    producer.commit_transaction() if commit else producer.abort_transaction()


def test_it_prints_what_it_understands_and_no_more(services: Services, program: str, tmp_path: Path) -> None:
    kafka = Kafka(services.kafka.bootstrap, f"java-{tmp_path.name}.")
    services.kafka.create(kafka.name(TRANSCRIPTS))
    newer = codec.encode(completed(UUID(int=3), "newer")).replace(b'"version":1,', b'"version":2,', 1)
    in_a_transaction(kafka, [codec.encode(completed(UUID(int=4), "aborted"))], commit=False)
    committed = [completed(UUID(int=1), "first"), completed(LONG, "long", inline=False), completed(UUID(int=5), "last")]
    first, *others = map(codec.encode, committed)
    in_a_transaction(kafka, [first, newer, None, *others], commit=True)
    path = f"/api/transcribe/async/{LONG}/transcript.json"
    with gateway({path: transcript(segment("all of the long text"))}) as url:
        options = {"--bootstrap": kafka.bootstrap, "--topic": kafka.name(TRANSCRIPTS), "--gateway": url, "--count": "3"}
        run = ["java", "-cp", program, "Transcripts", *(part for pair in options.items() for part in pair)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=RUN_S, check=False)
    services.kafka.drop(kafka.prefix)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"first.wav  pt  {UUID(int=1)}",
        "  first",
        f"long.wav  pt  {LONG}",
        "  all of the long text",
        f"last.wav  pt  {UUID(int=5)}",
        "  last",
    ]
    assert [line.rpartition(":")[2].strip() for line in done.stderr.splitlines()] == ["an unknown version"] * 2
