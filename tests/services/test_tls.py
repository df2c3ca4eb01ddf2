"""Kafka and the store over TLS, with our own CA: everything works, and a client without the CA file reports that."""

import json
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from scripts.services import cache, ports, supervisor
from scripts.services.kafka import PASSWORD, USER
from scripts.services.minio import MINIO
from scripts.services.process import ServiceProcess
from scripts.services.store import ACCESS_KEY, SECRET_KEY, Place
from scripts.services.supervisor import Services
from tests.pipeline.client import Client
from tests.processes import Murmur
from tests.services.running import spoken
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STAGES = ("gateway", "intake", "coordinator", "slicer", "transcriber", "store", "metrics")
LISTENERS = """\
listeners=PLAINTEXT://127.0.0.1:{{plain}},SASL_SSL://127.0.0.1:{{sasl}},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{plain}},SASL_SSL://127.0.0.1:{{sasl}}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, and what it has signed for 127.0.0.1."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def keystore(self) -> Path:
        """Key and certificate in one file, as Kafka wants it."""
        return self.folder / "kafka.pem"

    @property
    def minio(self) -> Path:
        """The folder, as MinIO wants it."""
        return self.folder / "minio"

    def make(self) -> "Certificates":
        new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "2")
        self._openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=murmur-tests")
        self._openssl(*new[:-2], "-keyout", "private.key", "-out", "request.pem", "-subj", "/CN=127.0.0.1")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        self._openssl("x509", "-req", "-in", "request.pem", *signed_by, "-days", "2", "-extfile", "names", "-out", "public.crt")
        key, certificate = ((self.folder / name).read_text() for name in ("private.key", "public.crt"))
        self.keystore.write_text(key + certificate)
        self.minio.mkdir()
        (self.minio / "private.key").write_text(key)
        (self.minio / "public.crt").write_text(certificate)
        return self

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=True)


@dataclass(frozen=True, slots=True)
class TlsServices:
    """`environment` has the CA file."""

    folder: Path
    authority: Path
    environment: Mapping[str, str]

    def without(self, name: str) -> dict[str, str]:
        return {key: value for key, value in self.environment.items() if key != name}


@pytest.fixture(scope="module")
def tls(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServices]:
    """A broker that wants a password over TLS, and a MinIO over TLS that announces its objects there (plainly)."""
    folder = tmp_path_factory.mktemp("tls")
    certificates = Certificates(folder).make()
    kafka = supervisor.own_kafka(folder / "kafka", LISTENERS.format(keystore=certificates.keystore))
    kafka.add_scram_users()
    port, gateway = ports.free(2)
    environment = {
        "MURMUR_KAFKA_BOOTSTRAP": kafka.sasl_bootstrap,
        "MURMUR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "MURMUR_KAFKA_SASL_USERNAME": USER,
        "MURMUR_KAFKA_SASL_PASSWORD": PASSWORD,
        "MURMUR_KAFKA_SSL_CA_FILE": str(certificates.authority),
        "MURMUR_TOPIC_PARTITIONS": "2",
        "MURMUR_STORE": "s3",
        "MURMUR_S3_ENDPOINT": f"https://127.0.0.1:{port}",
        "MURMUR_S3_ACCESS_KEY": ACCESS_KEY,
        "MURMUR_S3_SECRET_KEY": SECRET_KEY,
        "MURMUR_S3_CA_FILE": str(certificates.authority),
        "MURMUR_MODEL": "demo",
        "MURMUR_GATEWAY_PORT": str(gateway),
        "MURMUR_DATA_DIR": str(folder / "data"),
    }
    applied = Murmur(folder, environment)("topics", "apply")
    assert applied.returncode == 0, applied.stderr
    minio = _minio(Place(port, folder / "minio-data", kafka.bootstrap, "murmur.uploads", queued=False), certificates)
    applied = Murmur(folder, environment)("buckets", "apply")
    assert applied.returncode == 0, applied.stderr
    yield TlsServices(folder, certificates.authority, environment)
    minio.forget()
    kafka.process.forget()


def _minio(place: Place, certificates: Certificates) -> ServiceProcess:
    service = ServiceProcess("minio", place.folder, leashed=True)
    place.folder.mkdir()
    (place.folder / "data").mkdir()
    argv: list[str | Path] = [cache.ensure(MINIO.binary), *MINIO.arguments(place), "--certs-dir", certificates.minio]
    service.start(argv, MINIO.environment(place))
    trusted = ssl.create_default_context(cafile=certificates.authority)

    def answers() -> bool:
        with urllib.request.urlopen(f"https://127.0.0.1:{place.port}{MINIO.health}", timeout=2, context=trusted) as answer:
            return bool(answer.status == 200)

    service.wait_until(answers, MINIO.health)
    return service


def test_a_file_becomes_a_transcript_and_is_counted_over_tls(tls: TlsServices) -> None:
    at = f"http://127.0.0.1:{tls.environment['MURMUR_GATEWAY_PORT']}"
    with (
        Murmur(tls.folder, tls.environment).start("run", *STAGES) as stages,
        closing(_plain_s3(tls)) as s3,
    ):
        client = Client(at)
        wait_until(lambda: stages.printed("faust.started") and _answers(client), "all stages to be ready")
        s3.put_object(Bucket="uploads", Key="a call.wav", Body=spoken())
        task_id = client.submit(_clip(tls.folder))
        assert client.ended(task_id)["state"] == "SUCCESS"
        wait_until(lambda: "a call.wav.txt" in _keys(s3), "the dropped file's transcript")
        wait_until(lambda: _jobs(client) == 2, "both jobs in the figures of the metrics sink")
        assert stages.interrupt() == 0


def _clip(folder: Path) -> Path:
    path = folder / "clip.wav"
    path.write_bytes(spoken())
    return path


def _answers(client: Client) -> bool:
    try:
        return client.request("GET", "/readyz").status == 200
    except OSError:
        return False


def _jobs(client: Client) -> int:
    answer = client.request("GET", "/api/stats")
    return int(answer.json["windows"]["day"]["totals"]["jobs"]) if answer.status == 200 else 0


def _plain_s3(tls: TlsServices) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=tls.environment["MURMUR_S3_ENDPOINT"],
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        verify=str(tls.authority),
        config=Config(s3={"addressing_style": "path"}),
    )


def _keys(s3: "S3Client") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="results").get("Contents", [])]


@pytest.mark.parametrize(("unset", "check"), [("MURMUR_KAFKA_SSL_CA_FILE", "broker"), ("MURMUR_S3_CA_FILE", "store")])
def test_an_authority_that_is_not_known_is_named_with_its_setting(tls: TlsServices, unset: str, check: str) -> None:
    examined = Murmur(tls.folder, tls.without(unset))("doctor", "--json")
    found = {one["name"]: one for one in map(json.loads, examined.stdout.splitlines())}
    assert "certificate" in found[check]["found"]
    assert unset in found[check]["found"]


def test_a_command_reports_in_one_line_that_the_brokers_certificate_is_not_trusted(tls: TlsServices) -> None:
    applied = Murmur(tls.folder, tls.without("MURMUR_KAFKA_SSL_CA_FILE"))("topics", "apply")
    assert applied.returncode == 1
    (line,) = applied.stderr.splitlines()
    assert line.startswith("murmur: ")
    assert "MURMUR_KAFKA_SSL_CA_FILE" in line


@pytest.mark.parametrize("stage", ["metrics", "reconciler"])
def test_a_stage_that_sends_requests_before_it_consumes_reports_it_too(tls: TlsServices, stage: str) -> None:
    untrusting = tls.without("MURMUR_KAFKA_SSL_CA_FILE")
    with Murmur(tls.folder, untrusting).start("run", "--once", stage, log=f"{stage}.log") as process:
        wait_until(lambda: process.printed("check MURMUR_KAFKA_SSL_CA_FILE"), "the reason in its log")


def test_a_plain_request_to_a_tls_store_ends_with_one_line(tls: TlsServices) -> None:
    plain = {**tls.environment, "MURMUR_S3_ENDPOINT": tls.environment["MURMUR_S3_ENDPOINT"].replace("https", "http")}
    applied = Murmur(tls.folder, plain)("buckets", "apply")
    assert applied.returncode == 1
    (line,) = applied.stderr.splitlines()
    assert line.startswith("murmur: the store is unavailable")
    assert plain["MURMUR_S3_ENDPOINT"] in line
