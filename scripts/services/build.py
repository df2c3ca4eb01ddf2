"""How each service is got: Kafka's jars from Maven Central, MinIO and versitygw by `go install`. Versions are pinned here.

Feeds `cache.py`. The Go caches of a build (3 GB) live in its scratch folder and go with it.
"""

import os
from pathlib import Path

from scripts.services import cache

KAFKA_VERSION = "4.3.1"  # 4.4.0 does not resolve: one of its artifacts was never published
MINIO_VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"  # the last that the Go proxy serves
VERSITYGW_VERSION = "v1.8.0"
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


def kafka() -> Path:
    """The folder of Kafka's jars."""
    cache.tool("java", "Apache Kafka")
    version = cache.version("kafka", KAFKA_VERSION)

    def build(scratch: Path) -> Path:
        maven = cache.tool("mvn", "fetching Apache Kafka")
        cache.say(f"kafka {version}: fetching its jars from Maven Central (about 15 s)")
        pom, libs = scratch / "pom.xml", scratch / "libs"
        pom.write_text(POM.format(kafka=version, log4j=LOG4J_VERSION))
        argv: list[str | Path] = [
            *LOW_PRIORITY,
            maven,
            "-B",
            "-ntp",
            "-q",
            f"-Dmaven.repo.local={scratch / 'repository'}",
            "-f",
            pom,
        ]
        argv += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        cache.run(argv, f"fetching kafka {version}", scratch / "log")
        return libs

    return cache.ensure(cache.Artifact("kafka", version, build))


def minio() -> Path:
    """The MinIO binary."""
    return _go("minio", "github.com/minio/minio", cache.version("minio", MINIO_VERSION), "3-6 minutes, 1.5 GB of memory")


def versitygw() -> Path:
    """The versitygw binary."""
    version = cache.version("versitygw", VERSITYGW_VERSION)
    return _go("versitygw", "github.com/versity/versitygw/cmd/versitygw", version, "1-3 minutes")


def _go(name: str, module: str, version: str, how_long: str) -> Path:
    def build(scratch: Path) -> Path:
        go = cache.tool("go", f"building {name}")
        cache.say(f"{name} {version}: building, only this once ({how_long})")
        env = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOBIN": str(scratch / "bin"),
            "GOMODCACHE": str(scratch / "modules"),
            "GOCACHE": str(scratch / "cache"),
            "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),  # so that the modules can be deleted
        }
        argv = [*LOW_PRIORITY, go, "install", "-trimpath", "-ldflags", "-s -w", f"{module}@{version}"]
        cache.run(argv, f"building {name} {version}", scratch / "log", env)
        return scratch / "bin" / name

    return cache.ensure(cache.Artifact(name, version, build))
