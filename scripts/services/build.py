"""How each service is got: Kafka from Maven Central; MinIO, versitygw and promtool by `go install`. Versions are pinned here.

Feeds `cache.py`. The Go caches of a build (3 GB) are in its scratch folder and are deleted with it.
"""

import os
from pathlib import Path

from scripts.services import cache
from scripts.services.cache import Artifact

LOG4J_VERSION = "2.25.4"  # the log4j-core that Kafka 4.3.1 brings

LOW_PRIORITY = ("nice", "-n", "15")  # a build must not slow down what runs

POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>murmur.services</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{log4j}</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
"""


def _kafka(scratch: Path) -> Path:
    """A folder of jars."""
    maven = cache.tool("mvn", "fetching Apache Kafka")
    cache.say(f"kafka {KAFKA.version}: fetching its jars from Maven Central (about 15 s)")
    pom, libs, log = scratch / "pom.xml", scratch / "libs", scratch / "log"
    pom.write_text(POM.format(kafka=KAFKA.version, log4j=LOG4J_VERSION))
    quietly = ["-B", "-ntp", "-q", f"-Dmaven.repo.local={scratch / 'repository'}", "-f", str(pom)]
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
    cache.run([*LOW_PRIORITY, maven, *quietly, *goal], f"fetching kafka {KAFKA.version}", log)
    return libs


def _minio(scratch: Path) -> Path:
    return _go_install(MINIO, "github.com/minio/minio", "3-6 minutes, 1.5 GB of memory", scratch)


def _versitygw(scratch: Path) -> Path:
    return _go_install(VERSITYGW, "github.com/versity/versitygw/cmd/versitygw", "1-3 minutes", scratch)


def _promtool(scratch: Path) -> Path:
    """Without service discovery, whose clients of clouds would be most of the build."""
    module = "github.com/prometheus/prometheus/cmd/promtool"
    return _go_install(PROMTOOL, module, "1 minute", scratch, "-tags=remove_all_sd")


def _go_install(artifact: Artifact, module: str, how_long: str, scratch: Path, *flags: str) -> Path:
    """A binary. The modules are unpacked writable, so that they can be deleted."""
    what = f"{artifact.name} {artifact.version}"
    go = cache.tool("go", f"building {artifact.name}")
    cache.say(f"{what}: building, only this once ({how_long})")
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOBIN": str(scratch / "bin"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOCACHE": str(scratch / "cache"),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
    }
    argv = [*LOW_PRIORITY, go, "install", *flags, "-trimpath", "-ldflags", "-s -w", f"{module}@{artifact.version}"]
    cache.run(argv, f"building {what}", scratch / "log", env)
    return scratch / "bin" / artifact.name


KAFKA = Artifact("kafka", cache.version("kafka", "4.3.1"), _kafka)  # 4.4.0 does not resolve: a part of it was never published
MINIO = Artifact("minio", cache.version("minio", "v0.0.0-20260212201848-7aac2a2c5b7c"), _minio)  # the last that Go's proxy serves
VERSITYGW = Artifact("versitygw", cache.version("versitygw", "v1.8.0"), _versitygw)
PROMTOOL = Artifact("promtool", cache.version("promtool", "v0.316.0"), _promtool)  # of Prometheus 3.16
