"""The container files as far as they can be held against the code without an engine or a cluster.

Environments become the settings that a process would have, health checks are run against a stage's own server, and what one part
states about another (ports, keys, topics, volumes, labels) is looked up there.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from murmur.cli.run import STOP_S
from murmur.stages import STAGES
from runtime import api_keys, exposure, health
from runtime.errors import UsageError
from runtime.settings import Settings
from scripts.services import envfile, ports
from tests.waiting import DEADLINE_S

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MANIFESTS = sorted((ROOT / "k8s").rglob("*.yaml"))
ELSEWHERE = ("watcher",)  # a folder is watched by `murmur dev`; an installation with buckets needs no watcher
Document = dict[str, Any]


@cache
def compose() -> Document:
    loaded: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def services() -> dict[str, Document]:
    found: dict[str, Document] = compose()["services"]
    return found


def ours() -> dict[str, Document]:
    """The services that run murmur's image."""
    return {name: service for name, service in services().items() if service.get("image") == "murmur:local"}


def compose_stages() -> dict[str, Document]:
    """By stage."""
    return {service["command"][-1]: service for service in ours().values() if service["command"][0] == "run"}


def settings(environment: Document) -> Settings:
    """Those of a process in the image with this environment; raises for a name or a value that is none."""
    image = dict(re.findall(r"^\s*(?:ENV )?(MURMUR_\w+)=(\S+)", DOCKERFILE, re.M))
    given = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for name, value in environment.items()}
    return envfile.settings({**image, **given})


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_compose_runs_every_stage_once_with_settings_that_are_valid_and_agree() -> None:
    assert sorted(compose_stages()) == sorted(set(STAGES) - set(ELSEWHERE))
    all_settings = [settings(service["environment"]) for service in ours().values()]
    shared = {(s.kafka_bootstrap, s.topic_prefix, s.s3_endpoint, s.model, s.models_dir) for s in all_settings}
    assert len(shared) == 1
    assert settings(compose_stages()["coordinator"]["environment"]).instance, "its restart has to find its own transaction"


def test_compose_stages_reach_the_broker_at_its_advertised_address() -> None:
    bootstrap = settings(compose_stages()["intake"]["environment"]).kafka_bootstrap
    kafka = services()["kafka"]["environment"]
    assert f"PLAINTEXT://{bootstrap}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"PLAINTEXT://:{bootstrap.partition(':')[2]}" in kafka["KAFKA_LISTENERS"].split(",")
    assert services()["store"]["environment"]["MINIO_NOTIFY_KAFKA_BROKERS_MURMUR"] == bootstrap


def test_compose_stages_reach_the_store_with_its_own_key_and_receive_its_events() -> None:
    chosen = settings(compose_stages()["intake"]["environment"])
    endpoint, store = urlsplit(chosen.s3_endpoint), services()["store"]
    assert endpoint.hostname == "store"
    assert store["command"][-2:] == ["--address", f":{endpoint.port}"]
    assert chosen.s3_secret_key is not None
    key = {"MINIO_ROOT_USER": chosen.s3_access_key, "MINIO_ROOT_PASSWORD": chosen.s3_secret_key.get_secret_value()}
    assert key.items() <= store["environment"].items()
    target = str(chosen.s3_notification_arn).split(":")[-2]
    assert store["environment"][f"MINIO_NOTIFY_KAFKA_ENABLE_{target}"] == "on"
    assert store["environment"][f"MINIO_NOTIFY_KAFKA_TOPIC_{target}"] == f"{chosen.topic_prefix}uploads"


def test_the_store_of_compose_keeps_events_as_production_should() -> None:
    """docs/stores.md: either of the two alone loses events."""
    store = services()["store"]
    assert store["environment"]["MINIO_API_SYNC_EVENTS"] == "on"
    queue = store["environment"]["MINIO_NOTIFY_KAFKA_QUEUE_DIR_MURMUR"]
    assert queue in [volume.split(":")[1] for volume in store["volumes"]], "it must outlive the container"


@pytest.mark.parametrize("stage", sorted(set(STAGES) - set(ELSEWHERE)))
def test_the_health_check_of_a_compose_service_passes_only_while_its_stage_is_ready(stage: str) -> None:
    class Waiting:
        why: str | None = "not yet"

        def not_ready(self) -> str | None:
            return self.why

    described = compose_stages()[stage]
    chosen = settings(described["environment"])
    free = ports.free(1)[0]
    served = chosen.model_copy(update={"health_port": free, "gateway_host": "127.0.0.1"})
    kind, program, *arguments = described["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    command = [sys.executable, *(word.replace(f":{chosen.health_port}/", f":{free}/") for word in arguments)]

    def passes() -> bool:
        return subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False).returncode == 0

    waiting = Waiting()
    with health.serving(served, waiting):  # type: ignore[arg-type]  # of a stage it asks one thing
        assert not passes()
        waiting.why = None
        assert passes()


def test_compose_starts_each_service_after_what_it_needs() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            needed = services()[other]
            assert how["condition"] != "service_healthy" or "healthcheck" in needed, name
            assert how["condition"] != "service_completed_successfully" or needed["command"][0] in ("topics", "buckets"), name
    for stage, service in compose_stages().items():
        assert {services()[other]["command"][0] for other in service["depends_on"]} == {"topics", "buckets"}, stage
        assert seconds(service["stop_grace_period"]) > STOP_S, stage


def test_compose_mounts_what_stages_keep_and_publishes_the_gateway() -> None:
    sources = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert {source for source in sources if not source.startswith("./")} == set(compose()["volumes"])
    for name, service in ours().items():  # they must agree on the model, and its revision depends on where it was found
        mounted = {volume.split(":")[1] for volume in service["volumes"]}
        assert str(settings(service["environment"]).models_dir) in mounted, name
    gateway = compose_stages()["gateway"]
    chosen = settings(gateway["environment"])
    assert str(chosen.data_dir) in [volume.split(":")[1] for volume in gateway["volumes"]]
    assert gateway["ports"] == [f"127.0.0.1:{chosen.gateway_port}:{chosen.gateway_port}"]
    assert chosen.gateway_host == "0.0.0.0", "loopback of a container cannot be reached"


@cache
def documents() -> list[Document]:
    return [document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())]


def manifests(kind: str) -> dict[str, Document]:
    """By name; kustomizations have none."""
    return {d["metadata"]["name"]: d for d in documents() if "metadata" in d and d["kind"] == kind}


def workloads() -> dict[str, Document]:
    """What runs until it is stopped, by name."""
    return {**manifests("Deployment"), **manifests("StatefulSet")}


def container(workload: Document) -> Document:
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def kubernetes_settings(described: Document) -> Settings:
    """Of a container; its Secret has the names in config.yaml."""
    assert described["envFrom"] == [{"configMapRef": {"name": "murmur"}}, {"secretRef": {"name": "murmur"}}]
    secret = dict.fromkeys(re.findall(r"MURMUR_\w+", (ROOT / "k8s/base/config.yaml").read_text().partition("apiVersion")[0]), "x")
    assert "MURMUR_S3_SECRET_KEY" in secret
    secret["MURMUR_WEBHOOK_SECRET"] = "whsec_" + "bXVybXVy" * 4
    own = {variable["name"]: variable.get("value", "a-name-of-the-pod") for variable in described.get("env", [])}
    return settings({**manifests("ConfigMap")["murmur"]["data"], **secret, **own})


@pytest.mark.parametrize("name", sorted(set(STAGES) - set(ELSEWHERE)))
def test_kubernetes_probes_use_the_port_of_the_stage(name: str) -> None:
    pod = workloads()[name]["spec"]["template"]["spec"]
    described = container(workloads()[name])
    assert described["args"] == ["run", "--once", name]
    chosen = kubernetes_settings(described)
    named = {port["name"]: port["containerPort"] for port in described["ports"]}
    answering = {chosen.health_port, chosen.gateway_port if name == "gateway" else chosen.health_port}
    for kind, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
        probe = described[f"{kind}Probe"]["httpGet"]
        assert probe["path"] == path
        assert named[probe["port"]] in answering
    assert chosen.gateway_host == "0.0.0.0", "the kubelet asks from outside of the pod"
    assert pod["terminationGracePeriodSeconds"] > STOP_S
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(re.findall(r"--uid (\d+)", DOCKERFILE)[0])
    keys = {} if chosen.api_keys_file is None else {"keys": str(chosen.api_keys_file.parent)}
    mounts = {mount["name"]: mount["mountPath"] for mount in described["volumeMounts"]}
    assert mounts == {"data": str(chosen.data_dir), **keys}
    assert [volume["name"] for volume in pod["volumes"]] == [*mounts]
    assert bool(keys) == (name == "gateway")


def test_the_gateway_of_compose_is_open_on_purpose_and_published_on_loopback_alone() -> None:
    gateway = compose_stages()["gateway"]
    assert exposure.check(settings(gateway["environment"])) == ()
    assert all(port.startswith("127.0.0.1:") for port in gateway["ports"])
    with pytest.raises(UsageError, match="keys new"):
        exposure.check(settings({**gateway["environment"], "MURMUR_NO_AUTH": "false"}))
    line = api_keys.line("alice", api_keys.new_key())
    (key,) = exposure.check(settings({**gateway["environment"], "MURMUR_NO_AUTH": "false", "MURMUR_API_KEYS": line}))
    assert key.owner == "alice"


def test_the_gateway_of_kubernetes_needs_keys_from_a_file_that_it_accepts() -> None:
    workload = workloads()["gateway"]
    chosen = kubernetes_settings(container(workload))
    assert not chosen.no_auth
    (volume,) = [volume for volume in workload["spec"]["template"]["spec"]["volumes"] if volume["name"] == "keys"]
    assert not volume["secret"]["defaultMode"] & api_keys.WRITABLE_BY_OTHERS


def test_kubernetes_runs_every_stage_and_selects_its_pods() -> None:
    assert sorted(workloads()) == sorted(set(STAGES) - set(ELSEWHERE))
    for workload in workloads().values():
        assert workload["spec"]["selector"]["matchLabels"].items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    labels = [workload["spec"]["template"]["metadata"]["labels"]["stage"] for workload in workloads().values()]
    assert len(set(labels)) == len(labels), "a pod belongs to one stage"
    for service in manifests("Service").values():
        (selected,) = [
            w for w in workloads().values() if w["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]
        ]
        named = {port["name"]: port["containerPort"] for port in container(selected)["ports"]}
        assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == named


def test_a_coordinator_of_kubernetes_keeps_its_name_over_restarts() -> None:
    coordinator = manifests("StatefulSet")["coordinator"]
    assert manifests("Service")[coordinator["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
    (instance,) = [v for v in container(coordinator)["env"] if v["name"] == "MURMUR_INSTANCE"]
    assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_topics_are_made_before_buckets_once_for_an_installation() -> None:
    pod = manifests("Job")["apply"]["spec"]["template"]["spec"]
    assert [c["args"] for c in [*pod["initContainers"], *pod["containers"]]] == [["topics", "apply"], ["buckets", "apply"]]
    for described in (*pod["initContainers"], *pod["containers"]):
        kubernetes_settings(described)


def test_kustomize_lists_every_manifest() -> None:
    for file in (ROOT / "k8s").rglob("kustomization.yaml"):
        listed = yaml.safe_load(file.read_text())["resources"]
        assert sorted(listed) == sorted(other.name for other in file.parent.glob("*.yaml") if other != file)


def patched(document: Document, operations: list[Document]) -> None:
    """JSON Patch (RFC 6902), as far as the component uses it: `add` to a mapping, or to the end of a list."""
    for operation in operations:
        assert operation["op"] == "add"
        *path, last = operation["path"].strip("/").split("/")
        place: Any = document
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if last == "-":
            place.append(operation["value"])
        else:
            place[last] = operation["value"]


def test_models_on_a_volume_reach_every_stage_of_kubernetes() -> None:
    component = yaml.safe_load((ROOT / "k8s/models/kustomization.yaml").read_text())
    patchable = deepcopy([*manifests("ConfigMap").values(), *workloads().values()])
    for patch in component["patches"]:
        target = patch["target"]
        for document in patchable:
            if target == {"kind": document["kind"], "name": target.get("name", document["metadata"]["name"])} or target == {
                "kind": document["kind"]
            }:
                operations = yaml.safe_load(patch["patch"])
                patched(document, operations if isinstance(operations, list) else [operations])
    chosen = settings(patchable[0]["data"])
    (claim,) = manifests("PersistentVolumeClaim")
    for workload in patchable[1:]:
        volumes = {v["name"]: v for v in workload["spec"]["template"]["spec"]["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container(workload)["volumeMounts"]}
        assert mounted[str(chosen.models_dir)]["persistentVolumeClaim"]["claimName"] == claim


def test_the_image_runs_without_root_and_starts_murmur() -> None:
    lines = DOCKERFILE.splitlines()
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER murmur" in last
    assert 'ENTRYPOINT ["murmur"]' in last
    copied = {word for line in lines if line.startswith("COPY") and "--from" not in line for word in shlex.split(line)[1:-1]}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= copied
